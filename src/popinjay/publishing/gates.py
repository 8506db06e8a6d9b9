"""What is checked before a persona is published: that it is finished, whose words it is made of."""

from __future__ import annotations

from popinjay.errors import PublishError
from popinjay.model_card.facts import describe_base, gather
from popinjay.options import CardOptions
from popinjay.publishing.model_content import TERMS_FILES
from popinjay.store.forgotten import Forgotten, clearing_command
from popinjay.store.run import Run, State
from popinjay.whose import MAY_BE_PUBLIC, WHOSE


def check_finished(run: Run) -> None:
    """Raise PublishError unless every stage is fresh, so that the card describes the model."""
    for stage, state in run.states().items():
        if state is not State.FRESH:
            again = (
                clearing_command(run)
                if run.record.blend or Forgotten.of(run).still_known(run)
                else f"popinjay make SPEC --name {run.name}"
            )
            how = "has failed" if state is State.FAILED else f"is {state.value}"
            raise PublishError(
                f"{run.name!r} is not finished: {stage} {how}.",
                f"Make it again first: {again}",
                page_hint="Make it again first.",
            )


def check_whose(run: Run, *, private: bool) -> None:
    """Raise PublishError if these words may be published in private only, and were to be public."""
    if not private and not _may_be_public(run):
        raise PublishError(
            f"{_claim(run)}: it may be published in private only.",
            f"Add --private. {_say_whose(run)}".rstrip(),
            page_hint="Publish it privately. If that is not so, make it again and say whose words "
            "these are.",
        )


def check_may_be_public(run: Run) -> None:
    """Raise PublishError if these words may not go where everyone can read them."""
    if not _may_be_public(run):
        raise PublishError(
            f"{_claim(run)}: it may be published in private only, and GitHub Pages are public.",
            f"For a private page: --to space:you/{run.name} --private. For yourself: popinjay "
            f"export {run.name} --to web. {_say_whose(run)}".rstrip(),
            page_hint="Publish it as a private Space. If that is not so, make it again and say "
            "whose words these are.",
        )


def _say_whose(run: Run) -> str:
    """Return how to correct it: not for a blend, of which its members decide."""
    if run.record.blend:
        return ""
    return (
        "If that is not so, say whose words these are: popinjay make SPEC "
        f"--name {run.name} --whose {'|'.join(MAY_BE_PUBLIC)}"
    )


def _may_be_public(run: Run) -> bool:
    return run.record.asked.whose in MAY_BE_PUBLIC


def _claim(run: Run) -> str:
    whose = run.record.asked.whose
    if whose:
        return f"{run.name!r} is made of {WHOSE[whose].statement}"
    return f"It is not on record whose words {run.name!r} is made of"


def check_terms(run: Run) -> None:
    """Raise PublishError if the base model's terms have to accompany the model and do not."""
    missing = [name for name in TERMS_FILES if not run.file(f"model/{name}").is_file()]
    if missing and describe_base(gather(run, CardOptions()))["license"] == "gemma":
        raise PublishError(
            f"{run.name!r} is made from Gemma, whose terms must go along with it, and "
            f"{missing[0]!r} is not beside the model.",
            "Make it again from gemma3, which puts them there.",
        )
