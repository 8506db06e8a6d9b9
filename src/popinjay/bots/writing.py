"""Fill a persona's queue with drafts: none that it had before, each saved as soon as it is written.

What was written by an earlier model and is still undecided gives way to new drafts, unless its user
has put it off: the queue then holds what the persona says now.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from popinjay.bots.lengths import NETWORKS, limit
from popinjay.errors import OptionError, PersonaBusy, PersonaError
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.options import QueueOptions, SayOptions
from popinjay.store.forgotten import marks_of
from popinjay.store.journal import finish
from popinjay.store.post_queue import Draft, DraftState, Queue
from popinjay.text.near_duplicates import NearDuplicates

if TYPE_CHECKING:
    from popinjay.persona import Persona
    from popinjay.sampling.filters import Reason
    from popinjay.store.run import Run

STAGE = "queue"  # of the events
MODEL = "model"  # under which a draft has the hash of the model that wrote it
ROUND = 32  # drafts written side by side: with more, the first would take long to be saved
MAX_EMPTY_ROUNDS = 3  # in a row, without a text that the queue does not have yet
BUSY_SECONDS = 5.0  # that another process, which adds drafts too, is waited for


@dataclass
class Written:
    """What was added to a queue."""

    drafts: list[Draft] = field(default_factory=list)
    repeated: int = 0  # texts that the queue had, or nearly
    missing: int = 0  # posts that the filters let none through for
    redrawn: Counter[Reason] = field(default_factory=Counter)
    superseded: int = 0  # undecided drafts of an earlier model

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON, without the drafts."""
        return {
            "written": len(self.drafts),
            "repeated": self.repeated,
            "missing": self.missing,
            "redrawn": dict(self.redrawn),
            "superseded": self.superseded,
        }


def write(
    persona: Persona,
    count: int,
    prompt: str = "",
    options: SayOptions = SayOptions(),  # noqa: B008 (frozen)
    to: QueueOptions = QueueOptions(),  # noqa: B008 (frozen)
    listener: Listener = ignore,
) -> Written:
    """Add `count` drafts to a persona's queue, fewer if it has nothing else to say.

    What is written so far stays if it is stopped. Raises OptionError for a length that the network
    does not allow, PersonaError if there is no model, or another one now, PersonaBusy if the
    persona is being made, and what the queue raises.

    Args:
        persona: Who writes.
        count: How many drafts.
        prompt: How they begin.
        options: How they are sampled; `n` does not count.
        to: Where they are to be posted.
        listener: Receives the events.
    """
    options = checked(options, to).with_defaults(persona.sampling)
    with Queue(persona.run) as queue:
        adding = _Adding(persona.run, queue, listener)
        listener(Event(STAGE, EventKind.START, "writing drafts"))
        seed = secrets.randbits(32) if options.seed is None else options.seed
        empty = 0
        while len(adding.written.drafts) < count and empty < MAX_EMPTY_ROUNDS:
            before = len(adding.written.drafts)
            asked = replace(options, n=min(ROUND, count - before), seed=seed)
            stream = persona.stream(prompt, asked)
            made_with = {"prompt": prompt, **asked.to_repeat(), MODEL: adding.model}
            for number, post in enumerate(stream, 1):
                adding.add(post.text, {**made_with, "number": number})
                adding.tell(count)
            adding.written.missing += stream.tally.missing
            adding.written.redrawn += stream.tally.redrawn
            empty = 0 if len(adding.written.drafts) > before else empty + 1
            seed = (seed + 1) % 2**32
        if adding.written.drafts:
            adding.supersede()
    listener(Event(STAGE, EventKind.DONE, _said(adding.written, count)))
    return adding.written


def checked(options: SayOptions, to: QueueOptions) -> SayOptions:
    """Return the options. Raises OptionError for a length that the network does not allow."""
    most = limit(to.for_)
    if options.max_chars > most:
        where = "all networks" if to.for_ is None else NETWORKS[to.for_].name
        raise OptionError(
            f"max_chars can't be {options.max_chars}: a post may have {most} to fit {where}.",
            "Make it smaller, or choose the network that it is for: for_='mastodon'.",
            ["max_chars", "for_"],
            page_hint="Make it smaller, or choose the network that it is for.",
        )
    return options


def model_of(run: Run) -> str:
    """Return the hash of a persona's model as it is on record; empty if none is."""
    return run.record.hashes().get("model", "")


class _Adding:
    """Adds drafts to a queue that other processes may change meanwhile."""

    def __init__(self, run: Run, queue: Queue, listener: Listener) -> None:
        self.written = Written()
        self._began = time.monotonic()
        self._run = run
        self._queue = queue
        self._listener = listener
        before = queue.drafts()
        texts = [draft.text for draft in before]
        self._known = NearDuplicates(texts)
        for text in texts:
            self._known.add(text)
        self._newest = max((draft.id for draft in before), default=0)
        self.model = self._locked(lambda: model_of(run))

    def add(self, text: str, made_with: dict[str, Any]) -> None:
        """Add a text, unless the queue has it or it repeats what was forgotten meanwhile."""
        self._locked(lambda: self._add(text, made_with))

    def _add(self, text: str, made_with: dict[str, Any]) -> None:
        if model_of(self._run) != self.model:
            raise PersonaError(
                f"{self._run.name!r} has another model by now.",
                "What was written before is in its queue. Write again.",
            )
        for draft in self._queue.newer(self._newest):  # of another process
            self._know(draft)
        if self._known.find(text) is not None:
            self.written.repeated += 1
            return
        marks = marks_of(self._run)
        if marks.is_copied(text) or marks.is_around(text):
            self.written.missing += 1
            return
        (draft,) = self._queue.add([(text, made_with)])
        self._know(draft)
        self.written.drafts.append(draft)

    def _know(self, draft: Draft) -> None:
        self._known.add(draft.text)
        self._newest = draft.id

    def _locked(self, act: Callable[[], Any]) -> Any:
        """Do something while nobody makes the persona, or forgets some of it."""
        end = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                with self._run.locked():
                    finish(self._run)
                    return act()
            except PersonaBusy:
                if time.monotonic() > end:
                    raise

    def tell(self, count: int) -> None:
        """Tell how many drafts there are of those asked for."""
        done = len(self.written.drafts)
        seconds = time.monotonic() - self._began
        numbers = {"seconds_left": seconds * (count - done) / done} if done else {}
        self._listener(
            Event(
                STAGE,
                EventKind.PROGRESS,
                "writing drafts",
                done=done,
                total=count,
                unit="drafts",
                numbers=numbers,
            )
        )

    def supersede(self) -> None:
        """Have undecided drafts of an earlier model give way."""
        for draft in self._queue.drafts(DraftState.DRAFT):
            model = draft.made_with.get(MODEL)
            if model and self.model and model != self.model and not draft.later:
                self._queue.move(draft.id, DraftState.DRAFT, DraftState.SUPERSEDED)
                self.written.superseded += 1


def _said(written: Written, count: int) -> str:
    done = len(written.drafts)
    said = f"{done:,} drafts written" if done != 1 else "one draft written"
    if done < count:
        said += f" of {count:,}: it wrote nothing else that the queue did not have"
    if written.superseded:
        said += f"; {written.superseded:,} of its earlier model superseded"
    return said
