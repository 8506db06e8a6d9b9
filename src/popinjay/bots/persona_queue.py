"""A persona's queue for scripts and notebooks: `ada.queue()`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Unpack

from popinjay.bots import deciding
from popinjay.bots.checking import Check, Checker
from popinjay.errors import OptionError
from popinjay.events import Listener, ignore
from popinjay.keywords import WriteKeywords
from popinjay.options import QueueOptions, SayOptions, build
from popinjay.store.post_queue import Draft, DraftState, Queue, has_queue

if TYPE_CHECKING:
    from popinjay.persona import Persona


class PersonaQueue:
    """The drafts of a persona, of which a person chooses what its bot may post.

    The file is open only while a method runs: other processes may change the queue in between.
    Every method raises QueueError for a draft that is not there, or was decided about meanwhile.
    """

    def __init__(self, persona: Persona) -> None:
        self._persona = persona

    def __repr__(self) -> str:
        counts = ", ".join(f"{state}: {number}" for state, number in self.counts().items())
        return f"<queue of {self._persona.name}: {counts or 'empty'}>"

    def write(
        self,
        n: int = 10,
        prompt: str = "",
        *,
        listener: Listener = ignore,
        **options: Unpack[WriteKeywords],
    ) -> list[Draft]:
        """Write drafts that the queue did not have, and return them: fewer if there is no more.

        What was written before it is stopped stays. Raises OptionError for an option that does not
        exist or a value that it does not take, PersonaError if there is no model yet, and
        PersonaBusy while the persona is being made.

        Args:
            n: How many drafts.
            prompt: How they begin.
            listener: Receives the events.
            options: `for_="bsky"` or `"mastodon"`, and those of `say`.
        """
        from popinjay.bots.writing import write

        say, to = build({**options, "n": n}, SayOptions, QueueOptions)
        return write(self._persona, n, prompt, say, to, listener).drafts

    def drafts(self, *states: str) -> list[Draft]:
        """Return the drafts in these states, by default all, as they were written.

        Raises OptionError for a state that does not exist.

        Args:
            states: draft, approved, sending, posted, failed, rejected or superseded.
        """
        wanted = [_state(name) for name in states]
        found: list[Draft] = self._with(lambda queue: queue.drafts(*wanted), [])
        return found

    def counts(self) -> dict[str, int]:
        """Return how many drafts are in each state that has any."""
        found: Mapping[DraftState, int] = self._with(lambda queue: queue.counts(), {})
        return {state.value: number for state, number in found.items() if number}

    def check(self, text: str) -> Check:
        """Return what a person should know about a text before they approve it."""
        run = self._persona.run
        checker = Checker(self._persona.filters, run.file("train.jsonl"))
        checker.look_near([text])
        return checker.check(text)

    def approve(self, *ids: int) -> list[Draft]:
        """Approve drafts, which may then be posted; return them."""
        return self._decide(ids, DraftState.APPROVED)

    def reject(self, *ids: int) -> list[Draft]:
        """Reject drafts, which are never posted, nor written again; return them."""
        return self._decide(ids, DraftState.REJECTED)

    def edit(self, id: int, text: str) -> Draft:
        """Approve another text in the place of a draft; return it, which has an id of its own."""
        with Queue(self._persona.run) as queue:
            return deciding.edit(queue, id, text).draft

    def undo(self, id: int) -> Draft:
        """Have a draft undecided again, as it was written; return it."""
        with Queue(self._persona.run) as queue:
            return deciding.undo(queue, id)

    def post_next(self, account: str | None = None, **options: Any) -> Any:
        """Post the next approved draft, if one is due, and return what was posted.

        Raises NothingDue if none is, and PostingError if the bot can't post or must not.

        Args:
            account: Where to, such as "bsky:ada.example"; None if there is only one account.
            options: Those of `popinjay post`, such as `dry_run=True`.
        """
        from popinjay.bots.posting import post_next

        return post_next(self._persona.run, account, **options)

    def _decide(self, ids: Iterable[int], to: DraftState) -> list[Draft]:
        with Queue(self._persona.run) as queue:
            return deciding.decide_all(queue, list(ids), to)

    def _with(self, read: Callable[[Queue], Any], empty: Any) -> Any:
        """Return what is read from the queue, which is not made for it."""
        if not has_queue(self._persona.run):
            return empty
        with Queue(self._persona.run) as queue:
            return read(queue)


def _state(name: str) -> DraftState:
    try:
        return DraftState(name)
    except ValueError as error:
        raise OptionError(
            f"There is no state {name!r}.", f"Choose from: {', '.join(DraftState)}."
        ) from error
