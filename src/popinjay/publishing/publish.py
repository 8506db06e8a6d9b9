"""Publish: put a finished persona on the Hugging Face hub, or whole into a folder.

Published are the files that transformers needs to load it, the card and its images. Posts are
published only if the user asks for it, and then only as the model saw them: cleaned, and with
personal data masked.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from popinjay import __version__
from popinjay.errors import PublishError
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.model_card.facts import describe_base, gather
from popinjay.model_card.render import render
from popinjay.models.language_model import write_whole
from popinjay.models.model_files import is_thin
from popinjay.options import CardOptions, PublishOptions, build
from popinjay.publishing.hub import ADDRESS, File, Hub, Interrupted, Repository
from popinjay.store.files import content_hash, storage_errors
from popinjay.store.folders import recover_folder, replacing_folder
from popinjay.store.forgotten import Forgotten, clearing_command
from popinjay.store.journal import finish
from popinjay.store.record import Publication
from popinjay.store.run import Run, State
from popinjay.store.stage_table import IMAGES, PICTURE_FILE
from popinjay.whose import KEEP_PRIVATE, MAY_BE_PUBLIC, WHOSE

STAGE = "publish"
WHOLE = ".whole-model.partial"  # in a persona's folder, while a thin one is published
HUB = "hub:"
TRIES = 4  # if the network fails
WAIT = 1.0  # seconds before the second try, twice as long before each further one
TOPIC = "popinjay"  # the card's tag that marks a repository as one of ours

MODEL_FILES = (
    "config.json",
    "generation_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
)
TERMS_FILES = ("GEMMA_TERMS.html", "NOTICE.md")  # what has to accompany a model made from Gemma
PASSED_ON = (*TERMS_FILES, "LICENSE*", "NOTICE*", "*TERMS*.html")  # beside any model's weights
CARD = "README.md"
DATA, DATA_FILES = "data", ("train.jsonl", "validation.jsonl", "held_out.jsonl")
OURS = (
    *MODEL_FILES,
    *TERMS_FILES,
    CARD,
    PICTURE_FILE,
    f"{IMAGES}/*",
    *(f"{DATA}/{name}" for name in DATA_FILES),
)


@dataclass(frozen=True)
class Published:
    """What was published where, or would be.

    Attributes:
        persona: Its name.
        to: The repository or folder.
        files: All of its files.
        private: None for a folder, and if it is unknown until it is sent.
        version: A tag of the hub.
        commit: A commit of the hub.
        changed: False if it was there already, and nothing was sent.
    """

    persona: str
    to: str
    files: tuple[File, ...]
    private: bool | None = None
    version: str | None = None
    commit: str | None = None
    changed: bool = True


def publish(run: Run, to: str, options: PublishOptions, listener: Listener = ignore) -> Published:
    """Publish a persona to `hub:organisation/name`, or into a folder.

    With the option `dry_run` nothing is sent, not even a request. Raises PublishError if the
    persona is not finished, if its words may not be published like this, or if the hub or the
    folder refuses it.
    """
    with run.locked(), ExitStack() as stack:
        finish(run)
        check_finished(run)
        check_terms(run)
        if to.startswith(HUB):
            repo = repo_of(to)
            check_whose(run, private=options.private)
            model = stack.enter_context(whole_model(run))
            files = tuple(
                what_goes(
                    run,
                    model,
                    repo,
                    f"{ADDRESS}/{repo}/resolve/main/{PICTURE_FILE}",
                    with_posts=options.with_posts,
                )
            )
            result = Published(run.name, to, files, options.private)
            if not options.dry_run:
                result = to_hub(run, repo, result, listener)
        else:
            if options.private:
                raise PublishError(
                    "--private is for the hub.", "Who may read a folder is set where the folder is."
                )
            folder = folder_of(to, run)
            model = stack.enter_context(whole_model(run))
            files = tuple(
                what_goes(run, model, folder.name, PICTURE_FILE, with_posts=options.with_posts)
            )
            result = Published(run.name, str(folder), files)
            if not options.dry_run:
                result = to_folder(run, folder, result, listener)
        if not options.dry_run:
            _remember(run, result)
    return result


# what is checked before anything is sent


def check_finished(run: Run) -> None:
    """Raise PublishError unless every stage is fresh, so that the card describes the model."""
    for stage, state in run.states().items():
        if state is not State.FRESH:
            again = (
                clearing_command(run)
                if run.record.blend or Forgotten.of(run).still_known(run)
                else "popinjay make SPEC"
            )
            how = "has failed" if state is State.FAILED else f"is {state.value}"
            raise PublishError(
                f"{run.name!r} is not finished: {stage} {how}.", f"Make it again first: {again}"
            )


def check_whose(run: Run, *, private: bool) -> None:
    """Raise PublishError if these words may be published in private only, and were to be public."""
    whose = run.record.asked.whose
    if whose not in MAY_BE_PUBLIC and not private:
        said = (
            f"{run.name!r} is made of {WHOSE[whose].statement}"
            if whose
            else f"It is not on record whose words {run.name!r} is made of"
        )
        raise PublishError(
            f"{said}: it may be published in private only.",
            "Add --private."
            if run.record.blend
            else "Add --private. If that is not so, say whose words these are: popinjay make SPEC "
            f"--whose {'|'.join(MAY_BE_PUBLIC)}",
        )


def check_terms(run: Run) -> None:
    """Raise PublishError if the base model's terms have to accompany the model and do not."""
    missing = [name for name in TERMS_FILES if not run.file(f"model/{name}").is_file()]
    if missing and describe_base(gather(run, CardOptions()))["license"] == "gemma":
        raise PublishError(
            f"{run.name!r} is made from Gemma, whose terms must go along with it, and "
            f"{missing[0]!r} is not beside the model.",
            "Make it again from gemma3, which puts them there.",
        )


def repo_of(to: str) -> str:
    """Return the repository of `hub:organisation/name`. Raises PublishError if it names none."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    repo = to.removeprefix(HUB)
    try:
        validate_repo_id(repo)
        if repo.count("/") != 1:
            raise HFValidationError
    except HFValidationError as error:
        raise PublishError(
            f"{to!r} names no repository of the hub.",
            "Give hub:organisation/name, or hub:you/name, of letters, digits, '-', '_' and '.' "
            "(at most 96).",
        ) from error
    return repo


def folder_of(to: str, run: Run) -> Path:
    """Return the folder to publish into. Raises PublishError if it cannot be one."""
    folder = Path(to).expanduser().resolve()
    if not folder.parent.is_dir():
        raise PublishError(
            f"There is no folder {str(folder.parent)!r} to put it in.",
            f"Make it first. For the hub, write: --to {HUB}{to}",
        )
    if folder == run.path or run.path in folder.parents:
        raise PublishError(
            f"{str(folder)!r} is inside the persona's own folder.", "Choose a folder elsewhere."
        )
    if folder.exists() and not folder.is_dir():
        raise PublishError(f"{str(folder)!r} is a file.", "Give a folder.")
    return folder


# what goes


@contextmanager
def whole_model(run: Run) -> Iterator[Path]:
    """Yield the folder of a persona's model, as transformers loads it.

    An adapter is merged into its base model for this. A bare adapter would be wrong on the hub: the
    weights that the hub has of a base are not always those that it was trained on, which may have
    been rounded and converted from another file.
    """
    folder, partial = run.folder("model"), run.file(WHOLE)
    if not is_thin(folder):
        yield folder
        return
    try:
        with storage_errors(f"the whole model of {run.name!r}"):
            shutil.rmtree(partial, ignore_errors=True)  # left by a process that was killed
            write_whole(folder, partial)
            for path in folder.iterdir():
                if any(fnmatchcase(path.name, form) for form in PASSED_ON):
                    shutil.copyfile(path, partial / path.name)
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def what_goes(
    run: Run, folder: Path, model: str, thumbnail: str, *, with_posts: bool
) -> list[File]:
    """Return every file that is published of a persona, the small ones first.

    Args:
        run: The persona.
        folder: Holds its model.
        model: The card's name for the model.
        thumbnail: The card's address for the picture.
        with_posts: Whether the posts are published too.
    """
    pictures = (
        [File(PICTURE_FILE, run.file(PICTURE_FILE))] if run.file(PICTURE_FILE).is_file() else []
    )
    images = [File(f"{IMAGES}/{path.name}", path) for path in run.file(IMAGES).iterdir()]
    models = [
        File(path.relative_to(folder).as_posix(), path)
        for path in folder.rglob("*")
        if any(fnmatchcase(path.name, form) for form in (*MODEL_FILES, *PASSED_ON))
    ]
    data = [File(f"{DATA}/{name}", run.file(name)) for name in DATA_FILES] if with_posts else []
    card = File(CARD, card_for(run, model, thumbnail if pictures else "").encode())
    rest = sorted([*images, *models, *data], key=lambda file: (file.size, file.name))
    return [card, *pictures, *rest]


def is_ours(name: str) -> bool:
    """Return whether publishing ever writes a file of this name."""
    return any(fnmatchcase(name, form) and name.count("/") == form.count("/") for form in OURS)


def card_for(run: Run, model: str, picture: str) -> str:
    """Return the persona's card with these names for its model and picture."""
    (options,) = build(run.record.stages["card"].options, CardOptions)
    return render(replace(gather(run, options), picture=picture), model=model)


# to the hub


def to_hub(run: Run, repo: str, wanted: Published, listener: Listener) -> Published:
    """Publish to the hub in one commit and a tag, with retries if the network fails.

    Raises PublishError if it keeps failing, or if it is not allowed.
    """
    hub = Hub(repo)
    listener(Event(STAGE, EventKind.START, f"publishing to {repo}"))
    may = False
    for attempt in range(TRIES):
        try:
            if not may:
                hub.check_access()
                may = True
            result = _settle(run, hub, wanted, listener)
            break
        except Interrupted as error:
            if attempt == TRIES - 1:
                raise PublishError(
                    error.message, "Run the same again: what has arrived is not sent twice."
                ) from error
            wait = WAIT * 2**attempt
            listener(
                Event(STAGE, EventKind.WARNING, f"{error.message} Trying again in {wait:.0f} s.")
            )
            time.sleep(wait)
    listener(
        Event(
            STAGE,
            EventKind.DONE,
            f"{repo} {result.version}"
            if result.changed
            else f"{repo} {result.version} is this very model and card: nothing was sent",
        )
    )
    return result


def _settle(run: Run, hub: Hub, wanted: Published, listener: Listener) -> Published:
    """Make what is missing of repository, commit and tag, wherever an earlier try stopped."""
    private = bool(wanted.private)
    there = hub.look()
    if there is None:
        hub.create(private=private)
        there = hub.look()
        if there is None:
            raise Interrupted(f"The hub has made {hub.repo}, but doesn't show it yet.")
    _check_repository(run, hub.repo, there, wanted, listener)
    changed = [file for file in wanted.files if not there.holds(file)]
    names = {file.name for file in wanted.files}
    gone = [name for name in there.files if name not in names and is_ours(name)]
    versions = {
        int(found[1]): commit
        for tag, commit in there.tags.items()
        if (found := re.fullmatch(r"v(\d+)", tag))
    }
    number = max((n for n, commit in versions.items() if commit == there.head), default=None)
    if not changed and not gone and number is not None:
        return replace(
            wanted, private=there.private, version=f"v{number}", commit=there.head, changed=False
        )
    number = max(versions, default=0) + 1
    model = content_hash(run.file("model"))
    head = there.head
    if changed or gone:
        total = sum(file.size for file in changed)

        def tell(sent: int) -> None:
            listener(
                Event(STAGE, EventKind.PROGRESS, "sending", done=sent, total=total, unit="bytes")
            )

        head = hub.commit(
            changed,
            gone,
            head,
            f"{run.name} v{number}, model {model[:12]}",
            f"Model {model}, published with popinjay {__version__}.",
            tell,
        )
    hub.tag(f"v{number}", head, f"model {model}")
    return replace(wanted, private=there.private, version=f"v{number}", commit=head)


def _check_repository(
    run: Run, repo: str, there: Repository, wanted: Published, listener: Listener
) -> None:
    """Raise PublishError if the repository is public and must not be, or holds something else."""
    if wanted.private and not there.private:
        raise PublishError(
            f"{repo} is public, and popinjay changes no repository's visibility.",
            "Make it private in its settings on the hub, or choose another name.",
        )
    if there.private and not wanted.private:
        listener(
            Event(
                STAGE,
                EventKind.NOTE,
                f"{repo} is private and stays so; it can be made public in its settings on the "
                "hub.",
            )
        )
    if TOPIC not in there.topics and any(
        name not in (CARD, ".gitattributes") for name in there.files
    ):
        raise PublishError(
            f"{repo} holds something that popinjay did not put there.", "Choose another name."
        )
    if TOPIC in there.topics and f"{HUB}{repo}" not in run.record.published:
        listener(
            Event(
                STAGE,
                EventKind.NOTE,
                f"{repo} holds a persona that is not on record here: it gets a new version, the "
                "earlier ones keep their tags.",
            )
        )


# into a folder


def to_folder(run: Run, folder: Path, wanted: Published, listener: Listener) -> Published:
    """Write the folder, whole or not at all.

    Raises PublishError if it holds something else, StorageError if it can't be written.
    """
    listener(Event(STAGE, EventKind.START, f"publishing to {folder}"))
    with storage_errors(str(folder)):
        recover_folder(folder)
        if _same(folder, wanted.files):
            listener(
                Event(
                    STAGE,
                    EventKind.DONE,
                    f"{folder} is this very model and card: nothing was written",
                )
            )
            return replace(wanted, changed=False)
        before = run.record.published.get(str(folder), Publication())
        if strange := sorted(_names(folder) - set(before.files)):
            raise PublishError(
                f"{str(folder)!r} holds something that this persona did not put there: "
                f"{strange[0]!r}.",
                "Choose an empty folder, or one that is not there yet.",
            )
        with replacing_folder(folder) as partial:
            _write(partial, wanted.files)
    if run.record.asked.whose not in MAY_BE_PUBLIC:
        listener(
            Event(
                STAGE,
                EventKind.WARNING,
                KEEP_PRIVATE,
            )
        )
    listener(Event(STAGE, EventKind.DONE, str(folder)))
    return wanted


def _write(folder: Path, files: Sequence[File]) -> None:
    """Write all files into a folder."""
    for file in files:
        (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file.content, bytes):
            (folder / file.name).write_bytes(file.content)
        else:
            shutil.copyfile(file.content, folder / file.name)


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def _same(folder: Path, files: Sequence[File]) -> bool:
    """Return whether the folder holds these files and nothing else."""
    if not folder.is_dir() or _names(folder) != {file.name for file in files}:
        return False
    return all(file.digest("sha256") == content_hash(folder / file.name) for file in files)


def _remember(run: Run, result: Published) -> None:
    """Record in `run.toml` what was published where."""
    entry = Publication(
        published=datetime.now(UTC).replace(microsecond=0),
        model=content_hash(run.file("model")),
        version=result.version,
        commit=result.commit,
        private=result.private,
        files=tuple(file.name for file in result.files),
    )
    run.save(run.record.updated(published={**run.record.published, result.to: entry}))
