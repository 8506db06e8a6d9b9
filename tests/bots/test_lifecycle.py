"""The queue of a persona that is made again, updated and restored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archives
import popinjay
from popinjay.store.post_queue import Draft, DraftState

OPTIONS: dict[str, Any] = {"epochs": 0.2, "batch_tokens": 512, "samples": 10, "whose": "self"}
SHORT: dict[str, Any] = {"max_tokens": 12, "seed": 1}


def archive(folder: Path, count: int) -> Path:
    path = folder / "ada.zip"
    archives.write_zip(path, archives.archive_files(archives.posts(count)))
    return path


def test_the_queue_outlives_every_change_of_its_persona(
    tiny_gpt2: Path, tmp_path: Path, own_home: Path
) -> None:
    ada = popinjay.make(
        archive(tmp_path, 150), name="ada", base=str(tiny_gpt2), progress=False, **OPTIONS
    )
    drafts = ada.queue().write(3, **SHORT)
    ada.queue().approve(drafts[0].id)
    first = drafts[0].made_with["model"]
    assert len(first) == 64

    def queued() -> list[Draft]:
        return ada.queue().drafts()

    before = queued()
    ada = popinjay.make(
        archive(tmp_path, 150),
        name="ada",
        base=str(tiny_gpt2),
        progress=False,
        **{**OPTIONS, "epochs": 0.3},
    )
    assert queued() == before
    ada.update(archive(tmp_path, 220), progress=False)
    assert queued() == before
    new = ada.queue().write(2, **SHORT)
    assert {draft.made_with["model"] for draft in new}.isdisjoint({first})
    assert [draft.state for draft in queued()] == [
        DraftState.APPROVED,
        *[DraftState.SUPERSEDED] * 2,
        *[DraftState.DRAFT] * 2,
    ]
    before = queued()
    ada.restore("v1")
    assert queued() == before
    ada.rename("grace")
    assert queued() == before
    assert ada.queue().approve(new[0].id)[0].state is DraftState.APPROVED
    ada.remove()
    assert not ada.path.exists()
    with pytest.raises(popinjay.PopinjayError, match="not there any more"):
        ada.queue().approve(new[1].id)
