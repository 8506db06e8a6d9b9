"""The review of a queue in the terminal: one draft at a time, one key each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from popinjay.bots import deciding
from popinjay.cli import show_queue
from popinjay.cli.consoles import console
from popinjay.cli.keys import read_key
from popinjay.cli.review_keys import HINT, KEYS, Action, action_of
from popinjay.cli.show_posts import labelled
from popinjay.cli.text_editor import edited
from popinjay.errors import PersonaError, PopinjayError, QueueError
from popinjay.post import one_line
from popinjay.store.post_queue import DraftState

if TYPE_CHECKING:
    from popinjay.bots.checking import Checker
    from popinjay.bots.deciding import Decision
    from popinjay.store.post_queue import Draft, Queue


class Review:
    """Shows undecided drafts and acts on keys, until none is left or the user quits.

    Each decision is on disk before the next draft is shown.
    """

    def __init__(self, queue: Queue, checker: Checker) -> None:
        from rich.text import Text

        self._queue = queue
        self._checker = checker
        self._decided: list[tuple[Action, Decision]] = []  # what can be undone, the last one last
        self._put_off: set[int] = set()  # in this review
        self._next: int | None = None  # the draft to be shown next, if it is not the first one
        self._out = console()
        self._text = Text

    def run(self) -> None:
        """Run until no draft is left, or the user quits."""
        self._checker.look_near([draft.text for draft in self._queue.drafts(DraftState.DRAFT)])
        self._print(HINT, "dim")
        try:
            while (found := self._current()) is not None:
                draft, left = found
                show_queue.show_card(draft, self._checker.check(draft.text), left)
                if not self._decide(draft):
                    break
        except KeyboardInterrupt:
            self._out.print()
        self._end()

    def _current(self) -> tuple[Draft, int] | None:
        """Return the draft to be shown, and how many are left; None if none is."""
        drafts = [
            draft for draft in self._queue.drafts(DraftState.DRAFT) if draft.id not in self._put_off
        ]
        if not drafts:
            return None
        wanted = (draft for draft in drafts if draft.id == self._next)
        return next(wanted, drafts[0]), len(drafts)

    def _decide(self, draft: Draft) -> bool:
        """Act on keys until the draft is decided about; return False to quit."""
        while True:
            action = action_of(read_key())
            if action is Action.QUIT:
                return False
            if action is Action.HELP:
                self._help()
                continue
            if action is None:
                self._print(HINT, "dim")
                continue
            try:
                if self._act(action, draft):
                    return True
            except PersonaError:
                raise
            except QueueError as error:  # somebody else has decided, or removed it
                self._complain(error)
                return True
            except PopinjayError as error:
                self._complain(error)

    def _act(self, action: Action, draft: Draft) -> bool:
        """Do what was asked for; return whether another draft is to be shown."""
        if action is Action.UNDO:
            return self._undo()
        if action is Action.EDIT:
            text = deciding.tidy(edited(draft.text))
            if text in ("", draft.text):
                self._print("unchanged", "dim")
                return False
            decision = deciding.edit(self._queue, draft.id, text)
            self._warn(decision.draft.text)
            said, style = "edited and approved", "green"
        elif action is Action.APPROVE:
            decision = deciding.approve(self._queue, draft.id)
            said, style = "approved", "green"
        elif action is Action.REJECT:
            decision = deciding.reject(self._queue, draft.id)
            said, style = "rejected", "red"
        else:
            decision = deciding.put_off(self._queue, draft.id)
            self._put_off.add(draft.id)
            said, style = "later", "cyan"
        self._next = None
        self._decided.append((action, decision))
        self._print(said, style)
        return True

    def _undo(self) -> bool:
        """Take the last decision of this review back; return whether there was one."""
        if not self._decided:
            self._print("There is nothing to undo in this review.", "yellow")
            return False
        _, decision = self._decided.pop()
        draft = decision.take_back(self._queue)
        self._put_off.discard(draft.id)
        self._next = draft.id
        self._print("undone", "cyan")
        return True

    def _warn(self, text: str) -> None:
        """Show what was found in a text that the user has just written."""
        self._checker.look_near([text])
        for warning in self._checker.check(text).warnings:
            self._print(f"! {warning}", "yellow")

    def _help(self) -> None:
        for key, meaning in KEYS:
            self._out.print(labelled(key, meaning))

    def _end(self) -> None:
        """Say what was decided, and what is left."""
        counts = Counter(action for action, _ in self._decided)
        approved = counts[Action.APPROVE] + counts[Action.EDIT]
        left = self._queue.counts()
        said = [
            f"{approved:,} approved",
            f"{counts[Action.REJECT]:,} rejected",
            f"{left[DraftState.DRAFT]:,} left",
        ]
        self._out.print()
        self._print(f"{', '.join(said)}.", "bold")
        if left[DraftState.APPROVED]:
            name = self._queue.run.name
            self._print(
                f"{left[DraftState.APPROVED]:,} may be posted: popinjay post {name} --next", "dim"
            )

    def _complain(self, error: PopinjayError) -> None:
        self._print(f"{one_line(error.message)} {one_line(error.hint)}".rstrip(), "yellow")

    def _print(self, text: str, style: str) -> None:
        self._out.print(self._text(text, style, overflow="fold"))
