"""Passwords and tokens of accounts: in the system's keyring, or in the environment.

They are never in a file of ours, an event or an error. Whoever needs one in clear calls `reveal`,
right where it is sent.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, Protocol

from popinjay.errors import LoginError

SERVICE = "popinjay"  # under which the keyring lists them
BACKEND = "PYTHON_KEYRING_BACKEND"  # by which users of `keyring` choose one


class Secret:
    """A password or token, which shows itself only when it is asked to."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return it in clear."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


Secrets = Mapping[str, Secret]


class Credentials(Protocol):
    """The secrets of one account, wherever they are."""

    def read(self, part: str = "") -> Secrets:
        """Return the secrets of a part, by name; empty if there are none. Raises LoginError."""

    def keep(self, secrets: Secrets, part: str = "") -> None:
        """Keep the secrets of a part. Raises LoginError."""


class GivenCredentials:
    """Secrets that live as long as this process, such as those of the environment."""

    def __init__(self, secrets: Secrets) -> None:
        self._parts = {"": secrets}

    def read(self, part: str = "") -> Secrets:
        """Return the secrets of a part, by name."""
        return self._parts.get(part, {})

    def keep(self, secrets: Secrets, part: str = "") -> None:
        """Keep the secrets of a part until the process ends."""
        self._parts[part] = secrets


class KeyringCredentials:
    """Secrets of one account in the system's keyring: an entry for each part, as JSON."""

    def __init__(self, account: str) -> None:
        self._account = account

    def read(self, part: str = "") -> Secrets:
        """Return the secrets of a part, by name; empty if there are none. Raises LoginError."""
        ring = _ring()
        with _keyring_errors("read"):
            kept = ring.get_password(SERVICE, self._entry(part))
        found: Any = None
        with suppress(ValueError):
            found = json.loads(kept or "{}")
        if not isinstance(found, dict):
            return {}
        return {name: Secret(value) for name, value in found.items() if isinstance(value, str)}

    def keep(self, secrets: Secrets, part: str = "") -> None:
        """Keep the secrets of a part. Raises LoginError."""
        ring = _ring()
        plain = json.dumps({name: secret.reveal() for name, secret in secrets.items()})
        with _keyring_errors("written"):
            ring.set_password(SERVICE, self._entry(part), plain)

    def remove(self, *parts: str) -> None:
        """Remove the secrets of parts, and those without a part. Raises LoginError."""
        ring = _ring()
        for part in ("", *parts):
            with _keyring_errors("written"):
                if ring.get_password(SERVICE, self._entry(part)) is not None:
                    ring.delete_password(SERVICE, self._entry(part))

    def _entry(self, part: str) -> str:
        return f"{self._account} ({part})" if part else self._account


def check_keyring(instead: str) -> None:
    """Raise LoginError if this system has no keyring; `instead` says what to do then."""
    _ring(instead)


def environment_secret(variable: str) -> Secret | None:
    """Return the secret that a variable of the environment holds."""
    value = os.environ.get(variable, "").strip()
    return Secret(value) if value else None


def _ring(instead: str = "") -> Any:
    """Return the keyring in use. Raises LoginError if there is none."""
    instead = instead or "Set the variables of the environment instead: popinjay login --help"
    try:
        import keyring
        from keyring.core import recommended
    except ImportError as error:
        raise LoginError(
            "Passwords are kept in the system's keyring, which needs the package keyring.",
            f'Install it: pip install "popinjay[bots]". {instead}',
            page_hint="Install popinjay[bots].",
        ) from error
    with _keyring_errors("opened"):
        ring = keyring.get_keyring()
        # One that writes plain files is not recommended; somebody may have chosen it knowingly.
        usable = recommended(ring) or bool(os.environ.get(BACKEND))
    if not usable or ring.priority <= 0:
        raise LoginError(
            "This system has no keyring in which a password could be kept safely.", instead
        )
    return ring


@contextmanager
def _keyring_errors(doing: str) -> Iterator[None]:
    """Turn what keyrings raise into LoginError, without what they say: it may hold the secret."""
    try:
        yield
    except LoginError:
        raise
    except Exception as error:
        kind = type(error).__name__
    else:
        return
    raise LoginError(
        f"The system's keyring can't be {doing} ({kind}).",
        "Unlock it and try again. A job that runs while nobody is logged in can use the variables "
        "of the environment instead: popinjay login --help",
        page_hint="Unlock it and try again.",
    ) from None
