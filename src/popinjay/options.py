"""All options, each declared once, as a field of a dataclass.

The field gives the default, type, bounds, help, flag, key in `run.toml` and line in the reference.
There is one frozen dataclass for each stage. If two stages share an option, such as the seed, both
declare the same field, and one flag sets both.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, get_type_hints

from popinjay.errors import OptionError
from popinjay.flags import flag as flag
from popinjay.whose import WHOSE


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    least: float | None = None,
    most: float | None = None,
    metavar: str = "",
) -> Any:
    """Return a dataclass field that users can set.

    Args:
        default: The value if none is given.
        help: One or more sentences, for `--help` and the reference.
        choices: The values that are allowed; empty for any.
        least: The smallest number that is allowed.
        most: The largest number that is allowed.
        metavar: What stands for the value in `--help`.
    """
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


def _allow_local() -> Any:
    return option(
        False,
        "Allow servers on this machine or in the local network, and connections to them without"
        " encryption.",
    )


def _seed() -> Any:
    return option(
        0,
        "The seed of all random choices: the same seed gives the same result.",
        least=0,
        most=2**32 - 1,
        metavar="NUMBER",
    )


class Checked:
    """Checks every field against its declaration, whether a flag, Python or a file set it."""

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
            f"{name} takes {_KINDS[plain]}, not {_shown(value)}.", meta["help"], [name]
        )
    if meta["choices"] and value not in meta["choices"]:
        raise OptionError(
            f"{name} can't be {value!r}.", f"Choose from: {', '.join(meta['choices'])}.", [name]
        )
    low, high = meta["least"], meta["most"]
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        allowed = f"from {low:,} to {high:,}" if high is not None else f"{low:,} or more"
        raise OptionError(
            f"{name} can't be {value!r}.", f"It takes {_KINDS[plain]}, {allowed}.", [name]
        )


def _shown(value: Any) -> str:
    """Return a value for a message; one that is long, such as a data frame, by its type alone."""
    if isinstance(value, str | int | float | bytes | None) and len(repr(value)) < _MAX_SHOWN:
        return repr(value)
    return f"a {type(value).__name__}"


def _plain(kind: Any) -> Any:
    """Return the type of an optional value, without None."""
    return next((t for t in getattr(kind, "__args__", (kind,)) if t is not type(None)), kind)


_MAX_SHOWN = 60  # characters of a value in a message
_KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "yes or no"}


@dataclass(frozen=True)
class CollectOptions(Checked):
    """How posts are read."""

    text_column: str | None = option(
        None,
        "The column or key with the text, if a table or JSON file calls it something unusual.",
        metavar="COLUMN",
    )
    author: str | None = option(
        None,
        "Whose posts to read from a file with posts of several people: handles, separated by"
        " commas, or '*' for all of them as one author.",
        metavar="NAMES",
    )
    source_options: str | None = option(
        None,
        "Options that only one source has (see popinjay sources): NAME=VALUE, separated by commas.",
        metavar="NAME=VALUE",
    )
    exclude_circle_window: bool = option(
        False,
        "Leave out all posts of an X archive from August 2022 to November 2023, when Circle posts"
        " existed: newer archives don't mark them.",
    )


@dataclass(frozen=True)
class FetchOptions(Checked):
    """How posts are read over a network. No stage depends on these options, only on the posts."""

    prune: bool = option(
        False,
        "Read all posts of an account again, and remove those that have been deleted there.",
    )
    allow_local: bool = _allow_local()
    i_have_the_right: bool = option(
        False,
        "Confirm that you have the right to train on what the X API sells you and that you pay for"
        " it, instead of being asked.",
    )
    x_posts: int = option(
        3200,
        "The most posts to request from the X API, the newest first: each costs money.",
        least=5,
        most=3200,
        metavar="COUNT",
    )


@dataclass(frozen=True)
class BaseOptions(Checked):
    """How a base model may be obtained. No stage depends on these options, only on the base."""

    yes: bool = option(False, "Download the base model without asking, if it is not here.")
    accept: str | None = option(
        None,
        "The terms of use of a base model that you have read and accept, by name, such as gemma.",
        metavar="TERMS",
    )


@dataclass(frozen=True)
class ExistingOptions(Checked):
    """What happens to an existing persona. No stage depends on these options."""

    replace: bool = option(
        False,
        "Replace a persona of the same name that was made of other posts: it is deleted, with its"
        " model.",
    )
    defaults: bool = option(
        False,
        "Use the defaults for all options that are not given, instead of those that the persona was"
        " made with.",
    )


@dataclass(frozen=True)
class CleanOptions(Checked):
    """Which posts are kept, and how their text looks."""

    rules: str = option(
        "popinjay",
        "popinjay: HuggingTweets' rules, then further ones; huggingtweets: exactly its rules.",
        choices=("popinjay", "huggingtweets"),
    )
    drop_replies: bool = option(
        False, "Drop replies to other people. The author's own threads stay."
    )
    lang: str | None = option(
        None,
        "Keep only posts in these languages: codes or English names, separated by commas, such as"
        " en,fr.",
        metavar="CODES",
    )
    keep_personal_data: bool = option(
        False,
        "Don't mask e-mail addresses, phone, card and account numbers, IP addresses and keys.",
    )


@dataclass(frozen=True)
class DatasetOptions(Checked):
    """Which posts the model is trained on."""

    held_out: float = option(
        0.1,
        "The share of posts, the newest if they have dates, that the model is measured on and never"
        " trained on.",
        least=0.01,
        most=0.5,
        metavar="SHARE",
    )
    seed: int = _seed()


@dataclass(frozen=True)
class TrainOptions(Checked):
    """How the model is trained. Options that are None default to the base's row in `rows.py`."""

    base: str | None = option(
        None,
        "The base model: one of popinjay bases, another model of the Hugging Face hub, or a folder."
        " Default: the one that the persona was made with; for a new one smollm2 for posts in"
        " English if it is here or may be downloaded, gemma3 for others if it is here, else"
        " builtin.",
        metavar="MODEL",
    )
    tune: str | None = option(
        None,
        "Which weights are trained: all (full), the upper half of the layers (top), or low-rank"
        " adapters (lora). Default: what suits the base model: full for gpt2 and builtin, lora for"
        " smollm2 and gemma3.",
        choices=("full", "top", "lora"),
    )
    budget: str | None = option(
        None,
        "The time to train for, such as 90s, 5m or 1h: the learning rate is then scheduled by the"
        " clock. Training ends earlier once nothing more is gained.",
        metavar="TIME",
    )
    epochs: float | None = option(
        None,
        "The most passes over the posts: training ends earlier once the validation loss rises.",
        least=0.01,
        most=1000,
        metavar="PASSES",
    )
    learning_rate: float | None = option(
        None, "The peak learning rate.", least=1e-8, most=1, metavar="RATE"
    )
    batch_tokens: int | None = option(
        None, "Tokens in one training step.", least=16, most=1_000_000, metavar="TOKENS"
    )
    device: str = option(
        "auto",
        "Where to train: auto uses a GPU if there is one.",
        choices=("auto", "cpu", "cuda", "mps"),
    )
    precision: str = option(
        "auto",
        "The precision of matrix products: fp32, or bf16, which is coarser, and faster if the"
        " processor supports it; auto then uses it for large models.",
        choices=("auto", "fp32", "bf16"),
    )
    keep: str = option(
        "model",
        "What is kept: a whole model that any program loads, or with --tune lora only the adapter"
        " (under 10 MB for a model of 135 million parameters), which works as long as the base"
        " model is on this machine.",
        choices=("model", "adapter"),
    )
    seed: int = _seed()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.budget_seconds()
        if self.tune is not None:
            self.check_keep(self.tune)

    def check_keep(self, tune: str) -> None:
        """Raise OptionError if only the adapter is to be kept and this way of tuning has none."""
        if self.keep == "adapter" and tune != "lora":
            raise OptionError(
                f"keep='adapter' needs an adapter, and tune={tune!r} trains none.",
                "Add tune='lora'.",
                ["keep", "tune"],
                page_hint="Keep the whole model.",
            )

    def budget_seconds(self) -> float | None:
        """Return the budget in seconds, or None. Raises OptionError if it is not a time."""
        if self.budget is None:
            return None
        units = {"s": 1, "m": 60, "h": 3600}
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", self.budget.strip().lower())
        if not found or not float(found[1]):
            raise OptionError(
                f"budget can't be {self.budget!r}.", "Give a time: 90s, 5m or 1h.", ["budget"]
            )
        return float(found[1]) * units[found[2]]


@dataclass(frozen=True)
class EvaluateOptions(Checked):
    """How the persona is measured."""

    samples: int = option(
        1000,
        "How many posts the model writes to be measured on.",
        least=10,
        most=100_000,
        metavar="COUNT",
    )
    seed: int = _seed()


@dataclass(frozen=True)
class ReportOptions(Checked):
    """What the report shows."""

    against: str | None = option(
        None,
        "Another persona to compare it with, or `previous`: this one before its last training.",
        metavar="OTHER",
    )
    samples: int | None = option(
        None,
        "Measure again, with this many generated posts. Default: as it was measured.",
        least=10,
        most=100_000,
        metavar="COUNT",
    )
    to_share: bool = option(
        False,
        "Leave the author's own posts out of the page, with the quiz, so that it can be shared.",
    )
    all: bool = option(False, "Show every number, instead of the ten that say most.")


@dataclass(frozen=True)
class CardOptions(Checked):
    """What the card says."""

    whose: str | None = option(
        None,
        "Whose words these are: your own, somebody's who gave permission, somebody's who died long"
        " ago (public-domain), a public figure's, or a fictional author's. Asked once, recorded in"
        " run.toml and stated on the model card. Of a public figure's words, and without an answer,"
        " a model can be published in private only.",
        choices=tuple(WHOSE),
    )
    contact: str | None = option(
        None,
        "An address where the people it imitates can ask for its removal, recorded in run.toml and"
        " stated on the model card.",
        metavar="ADDRESS",
    )


@dataclass(frozen=True)
class TrackOptions(Checked):
    """Which trackers follow the making of a persona. No stage depends on these options."""

    track: str | None = option(
        None,
        "Trackers to use, separated by commas: trackio, wandb, mlflow, or none. Default:"
        " POPINJAY_TRACK, or trackio if it is installed.",
        metavar="TRACKERS",
    )
    track_posts: bool = option(
        False,
        "Send texts to trackers too: posts generated during training, and the data files. Otherwise"
        " they get numbers and hashes.",
    )


@dataclass(frozen=True)
class RetrainOptions(TrackOptions):
    """Which trackers follow the retraining of a persona."""

    track: str | None = option(
        None,
        "With --retrain: trackers to use. Default: those that the persona was made with.",
        metavar="TRACKERS",
    )


@dataclass(frozen=True)
class UpdateOptions(Checked):
    """What an update keeps of the persona as it was."""

    keep_versions: int = option(
        1,
        "How many earlier versions are kept, to be brought back by popinjay restore. Each takes the"
        " disk space of its model.",
        least=0,
        most=100,
        metavar="COUNT",
    )


class Sampling(NamedTuple):
    """The sampling settings that each persona has values of its own for."""

    temperature: float
    top_p: float


@dataclass(frozen=True)
class SayOptions(Checked):
    """How posts are sampled from a model.

    If temperature or top-p is None, the persona's own is used (see `with_defaults`).
    """

    n: int = option(10, "How many posts.", least=1, most=1_000_000, metavar="COUNT")
    temperature: float | None = option(
        None,
        "Sampling temperature: below 1 is safer, above 1 more daring; 0 always takes the likeliest"
        " token. Default: the persona's own, chosen after training.",
        least=0,
        most=10,
        metavar="NUMBER",
    )
    top_p: float | None = option(
        None,
        "Sample from the likeliest tokens that together have this probability (nucleus sampling)."
        " Default: the persona's own.",
        least=0.01,
        most=1,
        metavar="SHARE",
    )
    top_k: int = option(
        0,
        "Sample from this many of the likeliest tokens; 0: no limit.",
        least=0,
        most=1_000_000,
        metavar="COUNT",
    )
    min_p: float = option(
        0.0,
        "Sample from tokens with at least this share of the likeliest token's probability; 0: no"
        " limit.",
        least=0,
        most=1,
        metavar="SHARE",
    )
    repetition_penalty: float = option(
        1.0,
        "Above 1 makes tokens that the post already has less likely; 1 changes nothing.",
        least=0.1,
        most=10,
        metavar="FACTOR",
    )
    length: float = option(
        1.0,
        "How long posts are, as a factor: 0.5 ends them twice as readily, 2 half as readily; 1"
        " changes nothing.",
        least=0.5,
        most=2,
        metavar="FACTOR",
    )
    emoji: float | None = option(
        None,
        "The share of posts with an emoji: 0 for none, 0.5 for half of them, 1 for all. Default: as"
        " it comes.",
        least=0,
        most=1,
        metavar="SHARE",
    )
    hashtags: float | None = option(
        None,
        "The share of posts with a hashtag, as with --emoji.",
        least=0,
        most=1,
        metavar="SHARE",
    )
    max_tokens: int = option(
        160, "The most tokens of a post.", least=1, most=100_000, metavar="COUNT"
    )
    max_chars: int = option(
        280,
        "The most characters of a post: 280 as on X, 300 for Bluesky.",
        least=1,
        most=100_000,
        metavar="COUNT",
    )
    allow_copies: bool = option(
        False, "Allow posts that repeat a training post, as a whole or eight words in a row."
    )
    handles: str = option(
        "author",
        "Which @handles are allowed: those that the author used (author), those and @… for all"
        " others (mask), or any. With author, posts that name another account are generated again.",
        choices=("author", "mask", "any"),
    )
    strength: float = option(
        1.0,
        "How much of the author's manner: 0 is the base model, 1 the persona, above 1 more than it"
        " learnt. Any other than 1 takes the base model too, and nearly twice the time.",
        least=0,
        most=3,
        metavar="NUMBER",
    )
    mix_by: str = option(
        "token",
        "How personas that speak as one are mixed: token weighs the tokens that each would write"
        " next; turn has each post written by one of them, who is drawn by weight.",
        choices=("token", "turn"),
    )
    exact: bool = option(False, "Compute in full precision: slower, with hardly any difference.")
    seed: int | None = option(
        None,
        "The same seed gives the same posts. Default: different posts every time.",
        least=0,
        most=2**32 - 1,
        metavar="NUMBER",
    )

    def with_defaults(self, sampling: Sampling) -> SayOptions:
        """Return these options with the persona's own values for those that are None."""
        return replace(
            self,
            temperature=sampling.temperature if self.temperature is None else self.temperature,
            top_p=sampling.top_p if self.top_p is None else self.top_p,
        )

    def to_repeat(self) -> dict[str, Any]:
        """Return what samples the same posts again: all that is not the default, but not `n`."""
        changed = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default and field.name != "n"
        }
        return {"temperature": self.temperature, **changed}


@dataclass(frozen=True)
class QueueOptions(Checked):
    """Where drafts are to be posted."""

    for_: str | None = option(
        None,
        "The network that drafts are written for, which decides how long they may be. Default: they"
        " fit all of them.",
        choices=("bsky", "mastodon"),
    )


# The options by which posts are steered while they are sampled; by default they change nothing.
DIALS = ("strength", "length", "emoji", "hashtags")

MAX_PICKS = 4  # predictions on one picture


@dataclass(frozen=True)
class PictureOptions(Checked):
    """What the picture shows."""

    prompt: str | None = option(
        None,
        "How the predictions begin. Default: My dream is, in the language of most posts.",
        metavar="TEXT",
    )
    pick: str | None = option(
        None,
        "Which of the ten predictions the picture shows: a number, or up to four, such as 1,4,7."
        " Default: the three or four that rank first.",
        metavar="NUMBERS",
    )
    seed: int = _seed()

    def __post_init__(self) -> None:
        super().__post_init__()
        numbers = [part.strip() for part in (self.pick or "").split(",") if self.pick is not None]
        is_valid = all(re.fullmatch("[1-9]|10", number) for number in numbers)
        if not is_valid or len(numbers) != len(set(numbers)) or len(numbers) > MAX_PICKS:
            raise OptionError(
                f"--pick can't be {self.pick!r}.",
                f"It takes up to {MAX_PICKS} different numbers from 1 to 10, such as 3 or 1,4,7.",
            )

    @property
    def picks(self) -> tuple[int, ...]:
        """The numbers that were picked, in that order; none by default."""
        return tuple(int(number) for number in self.pick.split(",")) if self.pick else ()


@dataclass(frozen=True)
class PublishOptions(Checked):
    """What is published, and for whom."""

    private: bool = option(
        False,
        "Publish to a private repository: the only way for posts of a public figure, or if it is"
        " not on record whose words they are.",
    )
    dry_run: bool = option(False, "List the files and their sizes without sending anything.")
    with_posts: bool = option(
        False,
        "Publish the data set too: the cleaned posts that the model was trained and measured on.",
    )
    quant: str | None = option(
        None,
        "For space: and pages: the type of the weights in the page, as for export --to web.",
        metavar="TYPE",
    )


@dataclass(frozen=True)
class ExportOptions(Checked):
    """How a model is exported."""

    quant: str | None = option(
        None,
        "The type of the weights: fewer bits are smaller and less exact. Which there are, and which"
        " is the default, depends on the kind: popinjay export --list.",
        metavar="TYPE",
    )
    force: bool = option(False, "Replace a folder that popinjay exported before.")


@dataclass(frozen=True)
class BotOptions(Checked):
    """How a persona posts. What is given is kept in its queue, for all later posts."""

    every: str = option(
        "6h",
        "A post at most this often, in slots that begin where quiet hours end: such as 90m, 6h"
        " or 1d, an hour at least. A slot in which nothing could be posted is not made up for.",
        metavar="TIME",
    )
    quiet_hours: str = option(
        "23:00-07:00",
        "When nothing is posted, on the clock of the time zone; none: post at all hours.",
        metavar="FROM-TO",
    )
    time_zone: str = option(
        "",
        "Where those clocks are, such as Europe/Berlin. Default: this machine's time zone.",
        metavar="ZONE",
    )
    jitter: str = option(
        "20m",
        "How much later than a slot's beginning a post may come, at random; 0m: not at all.",
        metavar="TIME",
    )
    per_day: int | None = option(
        None,
        "The most posts within 24 hours. Default: 6, which is also the most that is allowed.",
        least=1,
        most=6,
        metavar="COUNT",
    )
    language: str = option(
        "",
        "The language of its posts, such as en or pt-BR, for those that don't say it themselves.",
        metavar="CODE",
    )
    warning: str = option(
        "",
        "A content warning above each post that has none of its own.",
        metavar="TEXT",
    )
    visibility: str = option(
        "unlisted",
        "Who sees its posts, on Mastodon: everyone, everyone but on no public timeline, or"
        " followers only.",
        choices=("public", "unlisted", "private"),
    )
    mentions: bool = option(
        False,
        "Leave @names and #tags in posts as they are, so that they notify and are found. Otherwise"
        " they are written so that they do neither.",
    )
    auto: bool = option(
        False,
        "Post drafts that nobody has approved, when no approved one is left: only for your own"
        " words and fictional authors, with --per-day, and the profile has to say so.",
    )
    operator: str = option(
        "",
        "Who answers for the bot, as its profile says it: a name, an account or an address."
        " Default: the persona's --contact, or its author for your own words.",
        metavar="WHO",
    )


@dataclass(frozen=True)
class AccountOptions(Checked):
    """How the servers of accounts that are posted to are reached."""

    allow_local: bool = _allow_local()


@dataclass(frozen=True)
class LoginOptions(AccountOptions):
    """How to log in to an account that is posted to."""

    stdin: bool = option(
        False, "Read the app password or the token from standard input, for scripts."
    )
    token: bool = option(
        False, "For Mastodon: paste a token of your own instead of authorizing popinjay on a page."
    )
    no_browser: bool = option(
        False,
        "Only print the address of that page, and ask for the code that it shows: for a browser on"
        " another machine.",
    )


@dataclass(frozen=True)
class MakeOptions:
    """All options of making a persona, by part."""

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

    PARTS: ClassVar[dict[str, type[Checked]]]  # the fields' types, by name

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> MakeOptions:
        """Return the options that `given` (field name -> value) sets, with defaults for the rest.

        Raises OptionError for an unknown name, or a value that is not allowed.
        """
        return cls(**dict(zip(cls.PARTS, build(given, *cls.PARTS.values()), strict=True)))


MakeOptions.PARTS = {name: type(part) for name, part in vars(MakeOptions()).items()}


def build(given: Mapping[str, Any], *kinds: type[Any]) -> list[Any]:
    """Return one object of each kind, with the values of `given` that it declares.

    Raises OptionError for a name that no kind declares, or a value that is not allowed.
    """
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
    """Yield each field of these kinds once, with the type of its values."""
    seen: set[str] = set()
    for kind in kinds:
        types = get_type_hints(kind)
        for field in _fields(kind):
            if field.name not in seen:
                seen.add(field.name)
                yield field, _plain(types[field.name])
