"""Check the accounts that a client asks to read.

Clients may name accounts of networks only. Files come as uploads: a path on this machine is never
read because a client typed it.
"""

from __future__ import annotations

from pathlib import Path

from popinjay import sources
from popinjay.errors import SpecError
from popinjay.sources import memory
from popinjay.sources.hints import guess_account
from popinjay.sources.weighted_spec import split_weight

MAX_CHARACTERS = 500


def check_account(spec: str) -> None:
    """Raise SpecError unless some source reads this account, which may have a weight."""
    spec = split_weight(spec).spec
    invalid = SpecError(
        f"{spec[:100]!r} is not an account that popinjay can read.",
        "Type one, such as ada.bsky.social or @ada@mastodon.social, or drop a file.",
    )
    if (
        not spec.strip()
        or len(spec) > MAX_CHARACTERS
        or not spec.isprintable()
        or spec.startswith(("-", "/", "~", "."))
        or "\\" in spec
        or spec == memory.NAME
    ):
        raise invalid
    try:
        is_local_path = Path(spec).exists()
    except (OSError, ValueError):
        raise invalid from None
    if is_local_path:
        raise invalid
    if not any(source.matches(spec) for source in sources.all_sources()):
        raise SpecError(invalid.message, guess_account(spec) or invalid.hint)
