"""Tests of the project's own address: set once, and never one that belongs to nobody."""

from __future__ import annotations

import subprocess
import sys

import pytest

from popinjay.project_links import checked, first_of, labelled


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("https://code.test.org/birds/popinjay/", "https://code.test.org/birds/popinjay"),
        ("http://localhost:3000/popinjay", "http://localhost:3000/popinjay"),
        ("https://popinjay.example/source", ""),
        ("https://example.org/a b", ""),
        ("https://example.org/](javascript:x)", ""),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_only_addresses_that_exist_count(given: str, found: str) -> None:
    assert checked(given) == found


def test_labels_of_the_metadata() -> None:
    urls = labelled(["Homepage, https://a.test", "Source Code, https://b.test", "Docs, no address"])
    assert urls == {"homepage": "https://a.test", "source code": "https://b.test", "docs": ""}
    assert first_of(urls, ("source", "source code")) == "https://b.test"
    assert first_of(urls, ("docs",)) == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "https://code.test.org/popinjay",
            'code.test.org/popinjay|pip install "popinjay[picture,serve] @ git+https://code.test.org/popinjay"',
        ),
        ("", "|"),
    ],
)
def test_the_environment_overrides_the_metadata(given: str, said: str) -> None:
    code = (
        "from popinjay.project_links import *\nprint(short_homepage(), install_command(), sep='|')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"POPINJAY_HOMEPAGE": given, "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == said
