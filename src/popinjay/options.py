"""Every option, declared once: a field gives default, type, help, flag, its key in `run.toml` and its line in the docs.

One frozen dataclass a stage. Where two stages share an option (the seed), both declare the same field and one flag sets both.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, get_type_hints

from popinjay.errors import OptionError


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    least: float | None = None,
    most: float | None = None,
    metavar: str = "",
) -> Any:
    """A field that people can set. `least` and `most` are the ends of what is allowed, both included."""
    return dataclasses.field(
        default=default,
        metadata={
            "help": help,
            "choices": choices,
            "least": least,
            "most": most,
            "metavar": metavar,
        },
    )


def _seed() -> Any:
    return option(
        0,
        "Seed of everything drawn by chance: the same seed gives the same result.",
        least=0,
        most=2**32 - 1,
    )


class Checked:
    """Checks every field against what it declares, whoever sets it: the shell, Python or a file."""

    def __post_init__(self) -> None:
        types = get_type_hints(type(self))
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            _check(field.name, getattr(self, field.name), field.metadata, types[field.name])


def _check(name: str, value: Any, meta: Mapping[str, Any], kind: Any) -> None:
    if value is None and type(None) in getattr(kind, "__args__", ()):
        return
    plain = _plain(kind)
    if plain is float and type(value) is int:
        value = float(value)
    if type(value) is not plain:
        raise OptionError(
            f"{flag(name)} takes {_KINDS[plain]}, not {value!r}.", "See: popinjay make --help"
        )
    if meta["choices"] and value not in meta["choices"]:
        raise OptionError(
            f"{flag(name)} can't be {value!r}.", f"Choose from: {', '.join(meta['choices'])}."
        )
    low, high = meta["least"], meta["most"]
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        allowed = f"from {low:,} to {high:,}" if high is not None else f"{low:,} or more"
        raise OptionError(
            f"{flag(name)} can't be {value!r}.", f"It takes {_KINDS[plain]}, {allowed}."
        )


def _plain(kind: Any) -> Any:
    """The type without the None that it may be instead."""
    return next((t for t in getattr(kind, "__args__", (kind,)) if t is not type(None)), kind)


_KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "yes or no"}


def flag(name: str) -> str:
    """A field's flag on the command line."""
    return "--" + name.replace("_", "-")


WHOSE = {
    "self": "the author made this model of their own posts",
    "permission": "the author gave permission",
    "public-figure": "the posts of a public figure, without their involvement",
    "fictional": "the author is fictional",
}
MAY_BE_PUBLIC = (
    "self",
    "permission",
    "fictional",
)  # whose words may be published for everybody; all others in private only


@dataclass(frozen=True)
class CollectOptions(Checked):
    """How posts are read."""

    text_column: str | None = option(
        None,
        "The column or key that holds the text, in a table or JSON that names it unusually.",
        metavar="COLUMN",
    )
    author: str | None = option(
        None,
        "Whose posts to read in a file that holds those of several people: handles with commas between, or '*' for all as one voice.",
        metavar="NAMES",
    )
    source_options: str | None = option(
        None,
        "Options that only one source has, as it declares them (popinjay sources):"
        " NAME=VALUE, with commas between.",
        metavar="NAME=VALUE",
    )
    exclude_circle_window: bool = option(
        False,
        "Leave out all posts of an X archive from August 2022 to November 2023, when Circle posts existed: newer archives don't mark them.",
    )


@dataclass(frozen=True)
class FetchOptions(Checked):
    """How posts are read over a network. No stage depends on it: only what came of it counts."""

    prune: bool = option(
        False,
        "Read an account's posts all over again, and let go of those that were deleted there meanwhile.",
    )
    allow_local: bool = option(
        False,
        "Let servers be on this machine or in this house's network, and speak without encryption there.",
    )
    i_have_the_right: bool = option(
        False,
        "You have the right to train on what the X API sells you, and pay what it costs: instead of the question.",
    )
    x_posts: int = option(
        3200,
        "Ask the X API for so many of the newest posts at most: each costs.",
        least=5,
        most=3200,
    )


@dataclass(frozen=True)
class BaseOptions(Checked):
    """What may be done to have a base model. No stage depends on it: only which base it is counts."""

    yes: bool = option(False, "Download the base model that popinjay would choose without asking.")
    accept: str | None = option(
        None,
        "The terms of use of a base model that you have read and accept, by name: gemma.",
        metavar="TERMS",
    )


@dataclass(frozen=True)
class ExistingOptions(Checked):
    """What becomes of a persona that is there already. No stage depends on it."""

    replace: bool = option(
        False,
        "Let these posts take the place of a persona of the same name that was made of others: it goes, with its model.",
    )
    defaults: bool = option(
        False,
        "Take the usual options for all that are not given, instead of those that the persona was made with.",
    )


@dataclass(frozen=True)
class CleanOptions(Checked):
    """Which posts are kept, and how their text looks."""

    rules: str = option(
        "popinjay",
        "popinjay: HuggingTweets' counts, then our further drops; huggingtweets: its rules to the letter, nothing dropped further.",
        choices=("popinjay", "huggingtweets"),
    )
    drop_replies: bool = option(
        False, "Drop replies to other people. An author's own threads stay."
    )
    lang: str | None = option(
        None,
        "Keep only posts in these languages, as codes or English names with commas between: en,fr.",
        metavar="CODES",
    )
    keep_personal_data: bool = option(
        False,
        "Don't mask e-mail addresses, phone, card and account numbers, IP addresses and keys.",
    )


@dataclass(frozen=True)
class DatasetOptions(Checked):
    """What the model sees, and what it never sees."""

    held_out: float = option(
        0.1,
        "The share of posts, the newest ones, that the model never sees and is measured on.",
        least=0.01,
        most=0.5,
    )
    seed: int = _seed()


@dataclass(frozen=True)
class TrainOptions(Checked):
    """How the voice is learnt. What is not set comes from the base model's row in `bases/rows.py`."""

    base: str | None = option(
        None,
        "The base model: one of popinjay bases, another model of the Hugging Face hub, or a folder. "
        "Default: the one it was made with; at first smollm2 for posts in English if it is here or may be downloaded, "
        "gemma3 for others if it is here, else builtin.",
    )
    tune: str | None = option(
        None,
        "Which weights are trained: all (full), the upper half of the layers (top), or small matrices beside them (lora). "
        "Default: as the base model does best: full for gpt2 and builtin, lora for smollm2 and gemma3.",
        choices=("full", "top", "lora"),
    )
    budget: str | None = option(
        None,
        "The time to learn in, such as 90s, 5m or 1h: the clock then sets the pace, and it ends earlier where less is enough.",
        metavar="TIME",
    )
    epochs: float | None = option(
        None,
        "How many times each post is seen, at most: it ends earlier once held-out posts get worse.",
        least=0.01,
        most=1000,
    )
    learning_rate: float | None = option(None, "Peak learning rate.", least=1e-8, most=1)
    batch_tokens: int | None = option(None, "Tokens in one step.", least=16, most=1_000_000)
    device: str = option(
        "auto",
        "Where to train: auto takes a GPU where there is one.",
        choices=("auto", "cpu", "cuda", "mps"),
    )
    precision: str = option(
        "auto",
        "Numbers that matrices are multiplied in: fp32, or bf16, coarser and faster where the processor has it; auto takes it there for large models.",
        choices=("auto", "fp32", "bf16"),
    )
    keep: str = option(
        "model",
        "What is kept of it: a whole model that everything loads, or with --tune lora the adapter only (under 10 MB of a model of "
        "135 million parameters), which speaks as long as the base model is on this machine.",
        choices=("model", "adapter"),
    )
    seed: int = _seed()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.budget_seconds()
        if self.tune is not None:
            self.check_keep(self.tune)

    def check_keep(self, tune: str) -> None:
        """Raise OptionError if only the adapter is to be kept and tuning in this way makes none."""
        if self.keep == "adapter" and tune != "lora":
            raise OptionError(
                f"--keep adapter needs an adapter, and --tune {tune} trains none.",
                "Add --tune lora.",
            )

    def budget_seconds(self) -> float | None:
        """The budget in seconds. Raises OptionError for what is no time."""
        if self.budget is None:
            return None
        units = {"s": 1, "m": 60, "h": 3600}
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", self.budget.strip().lower())
        if not found or not float(found[1]):
            raise OptionError(f"--budget can't be {self.budget!r}.", "Give a time: 90s, 5m or 1h.")
        return float(found[1]) * units[found[2]]


@dataclass(frozen=True)
class EvaluateOptions(Checked):
    """How the result is measured."""

    samples: int = option(
        1000, "How many posts the model writes to be measured.", least=10, most=100_000
    )
    seed: int = _seed()


@dataclass(frozen=True)
class ReportOptions(Checked):
    """What the report shows."""

    against: str | None = option(
        None,
        "Another persona to hold it against, or `previous`: what it was before its last training.",
        metavar="OTHER",
    )
    samples: int | None = option(
        None,
        "How many posts the model writes to be measured: measures again. Default: as it was measured.",
        least=10,
        most=100_000,
    )
    to_share: bool = option(
        False, "Leave the author's own posts out of the page, game and all, to show it around."
    )


@dataclass(frozen=True)
class CardOptions(Checked):
    """What the card says."""

    whose: str | None = option(
        None,
        "Whose words these are. Asked once, kept in run.toml and said on the card.",
        choices=tuple(WHOSE),
    )
    contact: str | None = option(
        None,
        "Where the people it imitates can ask for its removal: an address, kept in run.toml and said on the card.",
        metavar="ADDRESS",
    )


@dataclass(frozen=True)
class TrackOptions(Checked):
    """Who else is told how a persona is made. No stage depends on it, so it makes none stale."""

    track: str | None = option(
        None,
        "Trackers to tell, with commas between: trackio, wandb, mlflow, or none. Default: POPINJAY_TRACK, or trackio where it is installed.",
        metavar="TRACKERS",
    )
    track_posts: bool = option(
        False,
        "Let trackers have texts too: posts written while it learns, and the data files. Otherwise they get numbers and hashes.",
    )


@dataclass(frozen=True)
class RetrainOptions(TrackOptions):
    """Who else is told that a persona is trained again."""

    track: str | None = option(
        None,
        "With --retrain: trackers to tell. Default: those that the persona was made with.",
        metavar="TRACKERS",
    )


class Sampling(NamedTuple):
    """The two settings of sampling that suit one persona and not another."""

    temperature: float
    top_p: float


@dataclass(frozen=True)
class SayOptions(Checked):
    """How posts are sampled from a model.

    Temperature and top-p that are not given are the persona's own (`with_defaults`).
    """

    n: int = option(10, "How many posts.", least=1, most=1_000_000)
    temperature: float | None = option(
        None,
        "Below 1 plays safe, above 1 dares more; 0 always takes the likeliest word. Default: what suits the persona, as training found out.",
        least=0,
        most=10,
    )
    top_p: float | None = option(
        None,
        "Draw from the likeliest tokens that together have this probability. Default: what suits the persona.",
        least=0.01,
        most=1,
    )
    top_k: int = option(
        0, "Draw from so many of the likeliest tokens; 0 sets no limit.", least=0, most=1_000_000
    )
    min_p: float = option(
        0.0,
        "Draw from tokens that are at least so likely beside the likeliest one; 0 sets no limit.",
        least=0,
        most=1,
    )
    repetition_penalty: float = option(
        1.0,
        "Above 1 keeps it from saying again what it said; 1 leaves it to itself.",
        least=0.1,
        most=10,
    )
    max_tokens: int = option(160, "The longest post, in tokens.", least=1, most=100_000)
    max_chars: int = option(
        280,
        "The longest post, in characters: 280 as X has it, 300 for Bluesky.",
        least=1,
        most=100_000,
    )
    allow_copies: bool = option(
        False, "Let out posts that repeat a post it learnt from, whole or eight words in a row."
    )
    handles: str = option(
        "author",
        "Which @handles come out: those that the author used (author), those and @… for all others "
        "(mask), or any. With author, posts that name another account are drawn again.",
        choices=("author", "mask", "any"),
    )
    exact: bool = option(False, "Compute with full precision: slower, and hardly different.")
    seed: int | None = option(
        None,
        "The same seed gives the same posts. Default: other posts every time.",
        least=0,
        most=2**32 - 1,
    )

    def with_defaults(self, sampling: Sampling) -> SayOptions:
        """Fill in what was not given."""
        return replace(
            self,
            temperature=sampling.temperature if self.temperature is None else self.temperature,
            top_p=sampling.top_p if self.top_p is None else self.top_p,
        )


@dataclass(frozen=True)
class PictureOptions(Checked):
    """What the picture shows."""

    prompt: str | None = option(
        None, "How the predictions begin. Default: My dream is, in the language of most posts."
    )
    pick: int = option(1, "Which of the ten predictions the picture shows.", least=1, most=10)
    seed: int = _seed()


@dataclass(frozen=True)
class PublishOptions(Checked):
    """What is published, and for whom."""

    private: bool = option(
        False,
        "Into a private repository. Words of a public figure, or of nobody on record, go nowhere else.",
    )
    dry_run: bool = option(False, "List the files and their sizes, and send nothing.")
    with_posts: bool = option(
        False,
        "The data set too: the cleaned posts that the model learnt from and was measured on. Never without this.",
    )


@dataclass(frozen=True)
class MakeOptions:
    """The options of all stages of one persona, and of telling others about it."""

    existing: ExistingOptions = ExistingOptions()
    fetch: FetchOptions = FetchOptions()
    bases: BaseOptions = BaseOptions()
    collect: CollectOptions = CollectOptions()
    clean: CleanOptions = CleanOptions()
    dataset: DatasetOptions = DatasetOptions()
    train: TrainOptions = TrainOptions()
    evaluate: EvaluateOptions = EvaluateOptions()
    card: CardOptions = CardOptions()
    track: TrackOptions = TrackOptions()

    PARTS: ClassVar[dict[str, type[Checked]]] = {
        "existing": ExistingOptions,
        "fetch": FetchOptions,
        "bases": BaseOptions,
        "collect": CollectOptions,
        "clean": CleanOptions,
        "dataset": DatasetOptions,
        "train": TrainOptions,
        "evaluate": EvaluateOptions,
        "card": CardOptions,
        "track": TrackOptions,
    }

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> MakeOptions:
        """The options that `given` (field name -> value) sets, defaults for the rest.

        Raises OptionError for a name that no part declares, or a value it does not allow.
        """
        return cls(**dict(zip(cls.PARTS, build(given, *cls.PARTS.values()), strict=True)))


def build(given: Mapping[str, Any], *kinds: type[Any]) -> list[Any]:
    """One options object of each kind, each with the fields of `given` that it declares. Raises OptionError for one that none declares."""
    known = {field.name for kind in kinds for field in _fields(kind)}
    for name in given:
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, n=1)
            raise OptionError(
                f"There is no option {name!r}.",
                f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(sorted(known))}.",
            )
    return [
        kind(**{field.name: given[field.name] for field in _fields(kind) if field.name in given})
        for kind in kinds
    ]


def _fields(kind: type[Any]) -> Iterator[dataclasses.Field[Any]]:
    yield from dataclasses.fields(kind)


def declared(*kinds: type[Any]) -> Iterator[tuple[dataclasses.Field[Any], Any]]:
    """Each field of these kinds once, with the plain type of its values."""
    seen: set[str] = set()
    for kind in kinds:
        types = get_type_hints(kind)
        for field in _fields(kind):
            if field.name not in seen:
                seen.add(field.name)
                yield field, _plain(types[field.name])
