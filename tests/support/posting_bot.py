"""A persona with a queue, the stand-in of an account, and the clocks of both sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from popinjay.bots.bot_settings import keep
from popinjay.bots.manners import Consent
from popinjay.bots.networks.network import Rule
from popinjay.bots.past_posts import Clock
from popinjay.bots.poster import Poster
from popinjay.bots.posting import Posted, post_next
from popinjay.events import Event
from popinjay.store.post_queue import Draft, DraftState, Queue
from popinjay.store.run import Run
from posting_standin import AccountStandIn


@dataclass
class Bot:
    """A persona, its account, and the clocks of both sides."""

    run: Run
    account: AccountStandIn
    now: datetime = datetime(2026, 11, 30, 12, tzinfo=UTC)
    server_is_ahead: timedelta = timedelta()
    boot: tuple[str, float] | None = None
    events: list[Event] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    answers: Callable[[str], bool] = lambda question: True
    read_the_rules: bool = False

    def poster(self) -> Poster:
        return Poster(
            consent=Consent(self._ask, self._show, self.read_the_rules),
            listener=self.events.append,
            clock=Clock(lambda: self.now, lambda: self.boot),
        )

    def post(self, *, dry_run: bool = False) -> Posted:
        return post_next(self.run, self.account, self.poster(), dry_run=dry_run)

    def later(self, **by: float) -> Bot:
        """Let time pass."""
        self.now += timedelta(**by)
        return self

    def settings(self, **given: object) -> None:
        with Queue(self.run) as queue:
            keep(queue, given)

    def drafts(self, *states: DraftState) -> list[Draft]:
        with Queue(self.run) as queue:
            return queue.drafts(*states)

    def states(self) -> list[str]:
        return [str(draft.state) for draft in self.drafts()]

    def notes(self) -> str:
        return " ".join(event.message for event in self.events)

    def _ask(self, question: str) -> bool:
        self.questions.append(question)
        return self.answers(question)

    def _show(self, server: str, rules: Sequence[Rule]) -> None:
        self.shown += [rule.text for rule in rules]
