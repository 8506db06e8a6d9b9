"""The command that makes a persona again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from popinjay.cli.shell import shell_command

if TYPE_CHECKING:
    from popinjay.store.run import Run


def make_again(run: Run, options: Mapping[str, Any] | None = None) -> str:
    """Return the command that makes a persona again; empty if it can't be typed again.

    It names the persona unless that is what its posts would be called without a name.

    Args:
        run: The persona.
        options: Options of `make` to add, by name.
    """
    from popinjay.sources import memory
    from popinjay.summary import authors_of

    asked = run.record.asked
    if not asked.specs or any(spec in ("-", memory.NAME) for spec in asked.specs):
        return ""
    authors = authors_of(run)
    is_account = bool(authors) and all(author.url for author in authors)
    is_usual_name = is_account and run.name == "-".join(sorted(asked.authors))
    name = {} if is_usual_name else {"name": run.name}
    return shell_command(["make", *asked.specs], {**name, **(options or {})})
