"""Where Popinjay itself can be found: one setting for the card, the picture and the page.

Whoever hosts the project sets the address once, as `Homepage` in `[project.urls]` of
`pyproject.toml`. Until then there is none, and everything that names it must read well without.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

ENVIRONMENT = "POPINJAY_HOMEPAGE"  # overrides the package's own metadata
EXTRAS = "picture,serve"  # what most people want beside the model itself
_ADDRESS = re.compile(r"https?://[\w.-]+(?::\d+)?(?:/[\w./~+-]*)?", re.ASCII)
_LABELS = ("homepage", "repository", "source", "source code")


def checked(address: str) -> str:
    """Return an address without its last slash; empty if it is no plain web address."""
    address = address.strip().rstrip("/")
    return address if _ADDRESS.fullmatch(address) else ""


def from_metadata(home_page: str | None, urls: Iterable[str]) -> str:
    """Return the homepage that a package's metadata names; empty if it names none.

    Args:
        home_page: The field `Home-page`.
        urls: The fields `Project-URL`, each `Label, address`.
    """
    found = {}
    for url in urls:
        label, _, address = url.partition(",")
        found[label.strip().lower()] = checked(address)
    candidates = [checked(home_page or ""), *(found.get(label, "") for label in _LABELS)]
    return next(filter(None, candidates), "")


def _homepage() -> str:
    """Return the address of the project; empty if nobody has set one."""
    from importlib.metadata import PackageNotFoundError, metadata

    if (given := os.environ.get(ENVIRONMENT)) is not None:
        return checked(given)
    try:
        fields = metadata("popinjay")
    except PackageNotFoundError:  # run from a folder of source files
        return ""
    return from_metadata(fields.get("Home-page"), fields.get_all("Project-URL") or ())


HOMEPAGE = _homepage()  # the repository, for people and for pip; empty if nobody has set one


def install_command() -> str:
    """Return the command that installs Popinjay from its repository; empty without an address."""
    return f'pip install "popinjay[{EXTRAS}] @ git+{HOMEPAGE}"' if HOMEPAGE else ""


def short_homepage() -> str:
    """Return the address as people read it, without its scheme; empty without an address."""
    return HOMEPAGE.partition("://")[2]
