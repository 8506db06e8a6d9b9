"""A finished persona to publish, and the hub's stand-in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import hub_standin
import popinjay
from hub_state import HubStandIn
from popinjay.errors import PictureError


@pytest.fixture(scope="session")
def made(ada: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a persona of fictional words, made once.

    It has no picture, so that one test can show what a picture changes.
    """
    from models import gpt2

    def nothing_to_draw_with() -> None:
        raise PictureError("These tests are of something else.")

    base = gpt2(tmp_path_factory.mktemp("base"), positions=256)
    home = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("popinjay.stages.picture.check_ready", nothing_to_draw_with)
        return popinjay.make(
            ada,
            home=home,
            base=str(base),
            whose="fictional",
            epochs=0.5,
            batch_tokens=512,
            samples=10,
        ).path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    """Return the stand-in, with a logged-in user who may write.

    Broken connections are retried without waiting.
    """
    import huggingface_hub
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with hub_standin.running() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setenv("HF_TOKEN", "hf_write")
        yield running
        huggingface_hub.close_session()
