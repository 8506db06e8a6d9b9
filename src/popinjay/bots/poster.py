"""What posting works with beside a persona: its user, the clock, and the accounts it opens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from popinjay.bots import bot_settings
from popinjay.bots.manners import Consent
from popinjay.bots.networks.network import PostingAccount
from popinjay.bots.past_posts import Clock
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.store.post_queue import Queue

STAGE = "post"  # that events name

OpenAccount = Callable[..., PostingAccount]


@dataclass
class Poster:
    """What posting works with, beside the persona.

    Attributes:
        consent: How the user is asked.
        allow_local: Whether servers on this machine or in a local network are allowed.
        listener: Is told what was noticed on the way, and how long a busy server is waited for.
        clock: The time.
        open_account: Opens an account that is logged in, by its name.
    """

    consent: Consent = field(default_factory=Consent)
    allow_local: bool = False
    listener: Listener = ignore
    clock: Clock = field(default_factory=Clock)
    open_account: OpenAccount | None = None

    def note(self, message: str) -> None:
        """Tell the listener something that the user may want to act on."""
        self.listener(Event(STAGE, EventKind.WARNING, message))


@dataclass
class Accounts:
    """The accounts of one call, each opened once, and closed at its end."""

    poster: Poster
    queue: Queue
    given: PostingAccount | str | None
    _opened: dict[str | None, PostingAccount] = field(default_factory=dict)

    def __enter__(self) -> Accounts:
        return self

    def __exit__(self, *error: object) -> None:
        for one in {id(one): one for one in self._opened.values()}.values():
            one.close()

    def wanted(self) -> PostingAccount | None:
        """Return the account that the caller gave, if any. Raises as `named` does."""
        if isinstance(self.given, str):
            return self.named(self.given)
        return self.given

    def named(self, name: str | None) -> PostingAccount:
        """Return an account; None: the only one. Raises LoginError if it is not logged in."""
        given = None if isinstance(self.given, str) else self.given
        if given is not None and name in (None, given.name):
            return given
        if name not in self._opened:
            found = self._open()(
                name,
                allow_local=self.poster.allow_local,
                listener=self.poster.listener,
                mentions=bot_settings.kept(self.queue).mentions,
            )
            self._opened[name] = self._opened.setdefault(found.name, found)
        return self._opened[name]

    def _open(self) -> OpenAccount:
        if self.poster.open_account is not None:
            return self.poster.open_account
        from popinjay.bots.accounts import open_account

        return open_account
