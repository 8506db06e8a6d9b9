"""The steps of a blend that differ from those of making a persona of posts."""

from __future__ import annotations

from functools import partial

from popinjay.blending import model, posts
from popinjay.blending.members import Members
from popinjay.errors import PersonaTaken
from popinjay.events import Listener
from popinjay.mixing import Mix
from popinjay.options import CollectOptions, DatasetOptions
from popinjay.store.blend_member import as_words
from popinjay.store.record import Asked
from popinjay.store.run import Run
from popinjay.store.stage_runner import run_stage
from popinjay.store.stage_table import stage_named


def check_not_taken(run: Run, mix: Mix) -> None:
    """Raise PersonaTaken if a persona that is no blend has this name, or one that is blended."""
    if run.record.is_empty or (run.record.blend and run.name not in dict(mix.members)):
        return
    raise _taken(run, f"There is a persona {run.name!r} already.")


def check_and_ask(run: Run, members: Members) -> Asked:
    """Set what is asked for, and return it.

    Raises PersonaTaken if there is a blend of other people's personas in this folder, and
    PersonaError if a member has posts that it was told to forget.
    """
    before = run.record.asked.authors
    if before and set(before) != set(members.authors):
        authors = " and ".join(before)
        raise _taken(run, f"There is a blend {run.name!r} already, of other authors: {authors}.")
    posts.check_forgotten(run, members)
    asked = Asked(
        specs=tuple(as_words(members.recorded())),
        authors=members.authors,
        whose=members.whose,
        contact=members.contact,
        track=(),
    )
    if run.record.is_empty:
        run.save(run.record.updated(blend=members.recorded()))  # what it is, if it is stopped now
    run.ask(asked)
    return asked


def _taken(run: Run, why: str) -> PersonaTaken:
    return PersonaTaken(
        why,
        f"Choose another --name, or remove that one first: popinjay remove {run.name}",
        page_hint="Choose another name.",
    )


def add_up(run: Run, members: Members, listener: Listener) -> None:
    """Bring the members' posts together, and add up their weights."""
    for stage, options, work, files in (
        ("collect", CollectOptions(), posts.collect, ("posts.jsonl", "authors.json")),
        ("clean", posts.clean_options(members), posts.clean, ("clean.jsonl", "dropped.jsonl")),
        ("dataset", DatasetOptions(), posts.dataset, posts.PARTS),
    ):
        source = posts.fingerprint(members, *files)
        run_stage(run, stage_named(stage), options, partial(work, members), listener, source)
    run_stage(
        run,
        stage_named("train"),
        model.BlendOptions.of(members),
        partial(model.add_up, members),
        listener,
        source=members.base_hash,
    )
