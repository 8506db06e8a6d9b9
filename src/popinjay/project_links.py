"""Where Popinjay itself can be found: one setting for the card, the picture and the page.

Whoever hosts the project sets the addresses once, in `[project.urls]` of `pyproject.toml`. Names
under `.example` belong to nobody and count as none: everything that names an address must read well
without one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

ENVIRONMENT = "POPINJAY_HOMEPAGE"  # overrides the package's own metadata
EXTRAS = "picture,serve"  # what most people want beside the model itself
_ADDRESS = re.compile(r"https?://([\w.-]+)(?::\d+)?(?:/[\w./~+-]*)?", re.ASCII)
_HOMEPAGE = ("homepage", "repository", "source", "source code")  # labels, the best first
_REPOSITORY = ("source", "source code", "repository", "homepage")


def checked(address: str) -> str:
    """Return an address without its last slash; empty if it is no web address that exists."""
    address = address.strip().rstrip("/")
    found = _ADDRESS.fullmatch(address)
    return address if found and not found[1].endswith(".example") else ""


def labelled(urls: Iterable[str]) -> dict[str, str]:
    """Return the addresses of a package's metadata by their labels in lower case.

    Each of `urls` is a field `Project-URL`: `Label, address`.
    """
    found = {}
    for url in urls:
        label, _, address = url.partition(",")
        found[label.strip().lower()] = checked(address)
    return found


def first_of(urls: Mapping[str, str], labels: Iterable[str]) -> str:
    """Return the first address that has one of these labels; empty if there is none."""
    return next(filter(None, (urls.get(label, "") for label in labels)), "")


def _addresses() -> dict[str, str]:
    """Return the addresses of the project by their labels."""
    from importlib.metadata import PackageNotFoundError, metadata

    if (given := os.environ.get(ENVIRONMENT)) is not None:
        return {"homepage": checked(given)}
    try:
        fields = metadata("popinjay")
    except PackageNotFoundError:  # run from a folder of source files
        return {}
    old_form = {"homepage": checked((fields.get_all("Home-page") or [""])[0])}
    return old_form | labelled(fields.get_all("Project-URL") or ())


_ADDRESSES = _addresses()
HOMEPAGE = first_of(_ADDRESSES, _HOMEPAGE)  # for people; empty if nobody has set one
REPOSITORY = first_of(_ADDRESSES, _REPOSITORY)  # of git, for pip; empty if nobody has set one


def install_command() -> str:
    """Return the command that installs Popinjay from its repository; empty without an address."""
    return f'pip install "popinjay[{EXTRAS}] @ git+{REPOSITORY}"' if REPOSITORY else ""


def short_homepage() -> str:
    """Return the address as people read it, without its scheme; empty without an address."""
    return HOMEPAGE.partition("://")[2]
