"""What the tests of the server share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import Client, served


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[Client]:
    """Serve the folder of a module's fixture `home`."""
    with served(home) as client:
        yield client
