"""What `import popinjay` offers to scripts and notebooks: `make`, `load`, `mix` and others.

They add to `pipeline` what a Python session needs: posts in memory, and progress.
"""

from __future__ import annotations

import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from popinjay import mixing, pipeline
from popinjay import persona as personas_module
from popinjay.errors import PersonaError, PopinjayError
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.flags import with_keywords
from popinjay.keywords import InspectKeywords, MakeKeywords, SayKeywords, UpdateKeywords
from popinjay.options import (
    CleanOptions,
    CollectOptions,
    EvaluateOptions,
    FetchOptions,
    MakeOptions,
    SayOptions,
    UpdateOptions,
    build,
    declared,
)
from popinjay.sampling.generate import Posts
from popinjay.sources import memory
from popinjay.store.run import RECORD, Run, is_name
from popinjay.store.run import home as home_folder
from popinjay.voice import Voice

if TYPE_CHECKING:
    from popinjay.bots.persona_queue import PersonaQueue
    from popinjay.summary import Summary
    from popinjay.updating import Updated

Function = TypeVar("Function", bound=Callable[..., Any])


def with_options(*kinds: type[Any]) -> Callable[[Function], Function]:
    """List the options of these kinds in a function's docstring, for `help()` and notebooks."""

    def document(function: Function) -> Function:
        if function.__doc__:  # there are none under -OO
            lines = [cleandoc(function.__doc__), "", "Options:"]
            for field, _ in declared(*kinds):
                default = "" if field.default in (None, False) else f" Default: {field.default}."
                text = f"{field.name}: {field.metadata['help']}{default}"
                lines += textwrap.wrap(text, 96, initial_indent="    ", subsequent_indent=" " * 8)
            function.__doc__ = "\n".join(lines)
        return function

    return document


class _Speaking(Voice):
    """What a persona and a mix have in common: their options stand in `help()`."""

    @with_options(SayOptions)
    def say(self, prompt: str = "", **options: Unpack[SayKeywords]) -> list[str]:
        """Return generated posts that begin with the prompt, such as `say("My dream is", n=3)`.

        Raises OptionError for an option that does not exist or a value that it does not take, and
        PersonaError if there is no model yet.
        """
        with _keyword_errors():
            return super().say(prompt, **options)

    @with_options(SayOptions)
    def stream(
        self, prompt: str = "", options: SayOptions | None = None, **keywords: Unpack[SayKeywords]
    ) -> Posts:
        """Return an iterator over generated posts, each once it is finished.

        `stream(...).events()` yields them piece by piece instead, as they are sampled. Raises what
        `say` raises.

        Args:
            prompt: How the posts begin.
            options: All options as one object, instead of keywords.
            keywords: The options below.
        """
        with _keyword_errors():
            return super().stream(prompt, options, **keywords)


class MixedVoice(_Speaking, mixing.MixedVoice):
    """Several personas of one base mixed into one voice.

    `name` has its members and their weights. The models are loaded when it writes its first post.
    """


class Persona(_Speaking, personas_module.Persona):
    """A persona: a folder with a model of one author, its data and its record.

    `name` is its name, and `path` its folder; the model in `path / "model"` can be loaded with
    transformers too. The model is loaded when the persona writes its first post.
    """

    def rename(self, name: str) -> None:
        """Give it another name, and its folder too. Raises PersonaError if the name is taken."""
        self._reopen(pipeline.rename(self.run, name).run)

    @with_options(UpdateOptions, FetchOptions)
    def update(
        self,
        *specs: Any,
        listener: Listener | None = None,
        progress: bool | None = None,
        ask: Callable[[str], bool] | None = None,
        **keywords: Unpack[UpdateKeywords],
    ) -> Updated:
        """Have it learn the posts that are new, without beginning anew; return what was done.

        Examples:
            ada.update()
            ada.update("newer-archive.zip")

        Raises PopinjayError, with what to do in its `hint`.

        Args:
            specs: A newer archive or account of the same author, or posts in memory, with old and
                new posts; by default what it was made of, read again.
            listener: Receives the events of the stages.
            progress: Whether to show progress; by default in a terminal and in a notebook.
            ask: Is asked for a yes before reading a network costs money.
            keywords: The options below.
        """
        from popinjay.updating import update

        with _keyword_errors(), _listening(listener, progress) as listen:
            keep, fetch = build(keywords, UpdateOptions, FetchOptions)
            result = update(
                self.run,
                *map(memory.spec_of, specs),
                options=keep,
                fetch=fetch,
                listener=lambda event: listen(_event_in_python(event)),
                ask=ask,
            )
        self._reopen(Run(self.path))
        return replace(result, persona=self)

    def restore(self, version: str) -> None:
        """Bring an earlier version back, such as "v0"; the present one is kept instead."""
        from popinjay.updating import restore

        restore(self.run, version)
        self._reopen(Run(self.path))

    def queue(self) -> PersonaQueue:
        """Return its queue of drafts, of which you choose what its bot may post.

        Examples:
            ada.queue().write(50)
            ada.queue().approve(3, 7)
        """
        from popinjay.bots.persona_queue import PersonaQueue  # speaking needs none of it

        return PersonaQueue(self)

    def _reopen(self, run: Run) -> None:
        """Have everything read again: an open model is the former one."""
        self.__dict__.clear()
        self.__init__(run)  # type: ignore[misc]

    def remove(self) -> None:
        """Delete it, with its folder and everything in it, for good. Raises PersonaBusy."""
        self.__dict__.pop("_decoders", None)
        pipeline.remove(self.run)


@with_options(*MakeOptions.PARTS.values())
def make(
    *specs: Any,
    name: str | None = None,
    home: str | Path | None = None,
    listener: Listener | None = None,
    progress: bool | None = None,
    ask_whose: Callable[[], str | None] | None = None,
    ask_name: Callable[[str], str | None] | None = None,
    ask: Callable[[str], bool] | None = None,
    **keywords: Unpack[MakeKeywords],
) -> Persona:
    """Make a persona, or bring an existing one up to date, and return it.

    Examples:
        make("twitter-ada.zip", whose="self")
        make(df["text"], name="ada", budget="5m")

    Raises PopinjayError, with what to do in its `hint`.

    Args:
        specs: What to read: files, accounts, or posts in memory. Those are a list of texts or of
            dicts (text, created_at, id, author, ...), a Series, a data frame, a data set, or a
            generator. Several specs make a cyborg.
        name: The persona's name; by default its authors' handles. Posts in memory need one.
        home: The folder of all personas; by default POPINJAY_HOME, or ~/.popinjay.
        listener: Receives the events of the stages.
        progress: Whether to show progress; by default in a terminal and in a notebook.
        ask_whose: Is asked whose words these are, if it is not on record.
        ask_name: Is asked for a name, if the files don't give one.
        ask: Is asked for a yes before reading a network costs money, a base model is downloaded or
            another persona is replaced; without it the answer is no.
        keywords: The options below; an existing persona keeps those that it was made with.
    """
    folder = _folder(home)
    if not specs:
        _check_can_be_read(name, folder)
    with _keyword_errors(), _listening(listener, progress) as listen:
        made = pipeline.make(
            *map(memory.spec_of, specs),
            name=name,
            home=folder,
            listener=lambda event: listen(_event_in_python(event)),
            ask_whose=ask_whose,
            ask_name=ask_name,
            ask=ask,
            **keywords,
        )
    return Persona(made.run)


@with_options(FetchOptions, CollectOptions, CleanOptions)
def inspect(
    *specs: Any,
    listener: Listener = ignore,
    ask: Callable[[str], bool] | None = None,
    **keywords: Unpack[InspectKeywords],
) -> list[pipeline.Inspection]:
    """Return what is in each spec, and which posts `make` would keep; nothing is written.

    `to_json()` of each has all of it. Raises PopinjayError, with what to do in its `hint`.

    Args:
        specs: What to read, as for `make`.
        listener: Receives the events.
        ask: Is asked for a yes before reading a network costs money.
        keywords: The options below.
    """
    with _keyword_errors():
        return pipeline.inspect(*map(memory.spec_of, specs), listener=listener, ask=ask, **keywords)


def load(name: str | Path, home: str | Path | None = None) -> Persona:
    """Return the persona of this name or in this folder. Raises PersonaError if there is none."""
    return Persona(personas_module.load(name, _folder(home)).run)


def mix(members: str | Mapping[str, float], home: str | Path | None = None) -> MixedVoice:
    """Return several personas of one base model mixed into one voice.

    Examples:
        mix({"ada": 0.7, "bob": 0.3}).say("My dream is")
        mix("ada+bob").say(mix_by="turn")

    Raises PersonaError if one of them is missing, and OptionError for weights that make no sense or
    personas of different base models.

    Args:
        members: The personas' names and weights, or a text such as `ada+bob` or `ada=0.7,bob=0.3`.
            Positive weights are scaled to sum to 1; negative ones take away. `base` is the
            untouched base model.
        home: The folder of all personas; by default POPINJAY_HOME, or ~/.popinjay.
    """
    with _keyword_errors():
        of = mixing.parse_mix(members) if isinstance(members, str) else mixing.Mix.of(members)
        return MixedVoice(of, [load(name, home) for name in of.names])


def blend(
    members: str | Mapping[str, float],
    name: str,
    home: str | Path | None = None,
    listener: Listener | None = None,
    progress: bool | None = None,
    samples: int = EvaluateOptions.samples,
    seed: int = EvaluateOptions.seed,
) -> Persona:
    """Make one persona of several of one base model, by adding up their weights, and return it.

    Examples:
        blend({"ada": 0.7, "bob": 0.3}, name="both")
        blend("ada=1.3,base=-0.3", name="more-ada")

    Raises PopinjayError, with what to do in its `hint`.

    Args:
        members: The personas' names and weights, as for `mix`. What is missing to 1 is the base
            model's.
        name: The name of the blend.
        home: The folder of all personas; by default POPINJAY_HOME, or ~/.popinjay.
        listener: Receives the events of the stages.
        progress: Whether to show progress; by default in a terminal and in a notebook.
        samples: How many posts it writes to be measured on.
        seed: Of these posts.
    """
    with _keyword_errors(), _listening(listener, progress) as listen:
        parsed = mixing.parse_mix(members) if isinstance(members, str) else mixing.Mix.of(members)
        blended = pipeline.blend(
            parsed,
            name,
            _folder(home),
            lambda event: listen(_event_in_python(event)),
            EvaluateOptions(samples=samples, seed=seed),
        )
    return Persona(blended.run)


def personas(home: str | Path | None = None) -> list[Summary]:
    """Return all personas, sorted by name: what each is made of, when, and how good it is.

    `pandas.DataFrame(popinjay.personas())` makes a table of them.
    """
    from popinjay.summary import summaries  # speaking needs none of it

    return summaries(_folder(home) or home_folder())


def _folder(home: str | Path | None) -> Path | None:
    return None if home is None else Path(home).expanduser()


def _check_can_be_read(name: str | None, folder: Path | None) -> None:
    """Raise PersonaError if nothing is given for a persona whose posts were in memory."""
    path = (folder or home_folder()) / (name or "")
    if name is None or not is_name(name) or not (path / RECORD).is_file():
        return
    if memory.NAME in Run(path).record.asked.specs:
        raise PersonaError(
            f"{name!r} was made of posts in memory.",
            f"Give them again: popinjay.make(posts, name={name!r})",
        )


@contextmanager
def _keyword_errors() -> Iterator[None]:
    """Have errors name options as Python does."""
    try:
        yield
    except PopinjayError as error:
        error.message = _in_python(error.message)
        error.hint = _in_python(error.hint)
        error.args = (error.message,)
        error.__notes__ = [error.hint] if error.hint else []
        raise


def _event_in_python(event: Event) -> Event:
    """Return an event whose message, unless it is a post, has flags as keywords."""
    if event.what is EventKind.SAMPLE or "--" not in event.message:
        return event
    return replace(event, message=_in_python(event.message))


def _in_python(text: str) -> str:
    """Return a message with flags as keywords."""
    options = declared(*MakeOptions.PARTS.values(), SayOptions)
    kinds = {"name": str, "home": str} | {field.name: kind for field, kind in options}
    return with_keywords(text, kinds)


@contextmanager
def _listening(listener: Listener | None, progress: bool | None) -> Iterator[Listener]:
    """Yield what receives the events: the caller's listener, what shows progress, or both."""
    from popinjay import notebook

    is_notebook = notebook.is_running()
    if progress is None:
        progress = listener is None and (is_notebook or sys.stderr.isatty())
    given = listener or ignore
    if not progress:
        yield given
        return
    if is_notebook:
        from popinjay.interrupts import persistent_interrupts

        with (
            warnings.catch_warnings(),
            notebook.Progress() as shown,
            persistent_interrupts(_both(shown, given)) as both,
        ):
            # tqdm, which libraries import, asks for another package to draw bars with.
            warnings.filterwarnings("ignore", message="IProgress not found")
            yield both
        return
    from popinjay.cli.progress import listening

    with listening() as listen:
        yield _both(listen, given)


def _both(first: Listener, second: Listener) -> Listener:
    if second is ignore:
        return first

    def listen(event: Any) -> None:
        first(event)
        second(event)

    return listen
