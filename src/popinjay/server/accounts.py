"""What may be typed to be read: accounts of networks. Files come as uploads; none of this machine's is read because its path was typed."""

from __future__ import annotations

from pathlib import Path

from popinjay import sources
from popinjay.errors import SpecError
from popinjay.sources.hints import guess_account

MOST_CHARACTERS = 500


def check_account(spec: str) -> None:
    """Raise SpecError for what is no account that some source reads."""
    refused = SpecError(
        f"{spec[:100]!r} is no account that popinjay reads.",
        "Type one, such as ada.bsky.social or @ada@mastodon.social, or drop a file.",
    )
    if (
        not spec.strip()
        or len(spec) > MOST_CHARACTERS
        or not spec.isprintable()
        or spec.startswith(("-", "/", "~", "."))
        or "\\" in spec
    ):
        raise refused
    try:
        is_here = Path(spec).exists()
    except (OSError, ValueError):
        raise refused from None
    if is_here:
        raise refused
    if not any(source.matches(spec) for source in sources.all_sources()):
        raise SpecError(refused.message, guess_account(spec) or refused.hint)
