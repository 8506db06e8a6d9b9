"""The record of a persona: no entry loses what was asked, whenever and however a stage ends."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from popinjay.errors import OutputLost, PersonaError, PersonaTaken, StorageError, TrainingError
from popinjay.store.outputs import partial_name
from popinjay.store.record import Asked, EntryState, Record, StageEntry
from popinjay.store.run import Run, State
from popinjay.store.stage_runner import forgive, run_stage, writing
from popinjay.store.stage_table import PICTURE_FILE, STAGES, stage_named

BEFORE: dict[str, Any] = {"whose": "self", "contact": "ada@example.org"}
AFTER: dict[str, Any] = {"whose": "permission", "contact": "bob@example.org"}


class Options:
    """A stand-in for a stage's options."""


def write(run: Run, name: str, options: dict[str, Any], text: str = "as it was") -> None:
    """Run a stage whose outputs are `text`, under these options."""
    with writing(run, stage_named(name), options) as context:
        for output in context.stage.makes:
            if output in ("avatars", "model"):
                context.path(output).mkdir()
                (context.path(output) / "file").write_text(text)
            else:
                context.path(output).write_text(text)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a persona with every stage done."""
    run = Run(tmp_path / "ada")
    with run.locked():
        run.ask(Asked(authors=("ada",), **BEFORE))
        for stage in STAGES:
            write(run, stage.name, BEFORE)
    return run


def again(run: Run) -> Run:
    """Return the persona as the next process finds it, after taking its lock once."""
    found = Run(run.path)
    with found.locked():
        pass
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("name", ["card", "train"])
def test_a_killed_stage_is_the_old_or_the_new_one(run: Run, tmp_path: Path, name: str) -> None:
    import shutil

    found = []
    count = 0
    while True:
        copy = Run(Path(shutil.copytree(run.path, tmp_path / str(count))))
        child = os.fork()
        if not child:
            _die_at(count)
            write(copy, name, AFTER, "as it is now")
            os._exit(0)
        survived = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert Run(copy.path).record.stages[name].options in (BEFORE, AFTER)
        whole = again(copy)
        entry = whole.record.stages[name]
        assert whole.state(stage_named(name)) is State.FRESH
        new = entry.options == AFTER
        said = "as it is now" if new else "as it was"
        for output in stage_named(name).makes:
            assert (
                whole.path / output / "file" if output == "model" else whole.path / output
            ).read_text() == said
        assert not [path.name for path in whole.path.iterdir() if path.name.endswith(".partial")]
        found.append(new)
        if survived:
            break
        count += 1
    assert count > 8
    assert found == sorted(found)  # one moment decides
    assert set(found) == {True, False}


def _die_at(count: int) -> None:
    """End this process at the operation of this number on a file."""
    left = [count]

    def deadly(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
            return real(*given, **named)

        return call

    for name in ("rename", "replace", "unlink", "rmdir", "fsync", "mkdir"):
        setattr(os, name, deadly(getattr(os, name)))


def fail(run: Run, name: str, options: dict[str, Any], error: BaseException) -> None:
    with pytest.raises(type(error)), writing(run, stage_named(name), options) as context:
        context.path(context.stage.makes[-1]).write_text("half")
        raise error


def test_a_failure_is_recorded_beside_earlier_results(run: Run) -> None:
    before = run.record.stages["train"]
    fail(run, "train", AFTER, TrainingError("Nothing was learnt."))
    entry = again(run).record.stages["train"]
    assert entry == replace(
        before, state=EntryState.FAILED, error="Nothing was learnt.", tried=AFTER
    )
    assert run.record.made("train") == entry
    assert run.state(stage_named("train")) is State.FAILED
    assert run.state(stage_named("train"), AFTER) is State.FAILED
    # The previous model is there, and is the output of these stages.
    assert run.state(stage_named("train"), BEFORE) is State.FRESH
    forgive(run, stage_named("train"))
    assert again(run).record.stages["train"] == before


def test_the_previous_options_clear_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("popinjay.store.stage_runner.asdict", lambda options: BEFORE)
    fail(run, "train", AFTER, TrainingError("Nothing was learnt."))
    assert (
        run_stage(run, stage_named("train"), Options(), lambda *_: pytest.fail("it is fresh"))
        is False
    )
    assert again(run).states()["train"] is State.FRESH


def test_a_failed_first_attempt_records_its_options(tmp_path: Path) -> None:
    run = Run(tmp_path / "ada")
    with run.locked():
        fail(run, "clean", AFTER, ValueError("no more"))
        fail(run, "clean", BEFORE, ValueError("nor now"))
    assert again(run).record.stages["clean"] == StageEntry(
        EntryState.FAILED, error="nor now", options=BEFORE
    )
    assert run.record.made("clean") is None


@pytest.mark.parametrize(
    "error",
    [
        BrokenPipeError("who read it has enough"),
        OutputLost("full"),
        PersonaTaken("hers"),
        KeyboardInterrupt(),
    ],
)
def test_interrupts_are_not_recorded_as_failures(run: Run, error: BaseException) -> None:
    before = run.path.joinpath("run.toml").read_bytes()
    fail(run, "train", AFTER, error)
    assert run.path.joinpath("run.toml").read_bytes() == before


def test_specs_are_recorded_with_the_first_successful_stage(run: Run) -> None:
    run.ask(Asked(specs=("new.zip",), authors=("ada",), **BEFORE))
    write(run, "collect", AFTER)
    assert again(run).record.asked == Asked(specs=("new.zip",), authors=("ada",), **BEFORE)


def test_what_the_card_says_is_recorded_with_the_card(run: Run) -> None:
    asked = Asked(authors=("ada",), **AFTER)
    run.ask(asked)
    assert run.asked == asked
    fail(run, "clean", AFTER, TrainingError("no"))
    assert again(run).record.asked == Asked(authors=("ada",), **BEFORE)
    write(run, "dataset", AFTER)
    assert again(run).record.asked == Asked(authors=("ada",), **BEFORE)
    assert run.asked == asked
    write(run, "card", AFTER)
    assert again(run).record.asked == run.asked == asked


def test_whose_words_it_learns_from_is_recorded_at_once_if_it_was_not(tmp_path: Path) -> None:
    run = Run(tmp_path / "ada")
    with run.locked():
        run.ask(Asked(authors=("ada",), **AFTER))
        write(run, "collect", AFTER)
        assert Run(run.path).record.asked == Asked(authors=("ada",), **AFTER)


def test_options_are_recorded_at_the_end_if_all_is_fresh(run: Run) -> None:
    asked = Asked(specs=("ada.zip",), authors=("ada",))
    run.ask(asked)
    assert not Run(run.path).record.asked.specs
    run.settle_asked()
    assert Run(run.path).record.asked == asked


def test_a_record_that_cannot_be_written_changes_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    before = run.record
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageError):
        run.save(run.record.updated(asked=Asked()))
    assert run.record == before


# states of stages


def test_status_publish_and_the_page_agree(run: Run) -> None:
    assert set(run.states().values()) == {State.FRESH}
    asked = replace(run.record.asked, whose="fictional")
    run.save(run.record.updated(asked=asked))  # killed between the first stage and the card
    assert (
        run.states()
        == run.states(quick=True)
        == {**dict.fromkeys(run.states(), State.FRESH), "card": State.STALE}
    )


def test_a_card_with_a_missing_picture_is_stale(run: Run) -> None:
    run.file(PICTURE_FILE).write_bytes(b"png")
    card = replace(run.record.stages["card"], source=run.picture_shown())
    run.save(run.record.updated(stages={**run.record.stages, "card": card}))
    assert run.states()["card"] is State.FRESH
    run.file(PICTURE_FILE).unlink()
    assert run.states()["card"] is State.STALE
    run.file(PICTURE_FILE).write_bytes(b"png")
    assert run.states()["card"] is State.FRESH


def test_a_quick_check_notices_written_and_missing_files(run: Run) -> None:
    assert set(run.states(quick=True).values()) == {State.FRESH}
    run.file("clean.jsonl").write_text("by hand")
    stale = {name for name, state in run.states(quick=True).items() if state is State.STALE}
    assert (
        stale
        == {"clean", "dataset", "card"}
        == {name for name, state in run.states().items() if state is State.STALE}
    )
    run.file("model").rename(run.path / "elsewhere")
    assert run.states(quick=True)["train"] is State.STALE


def test_a_quick_check_of_large_files_uses_the_record(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popinjay.store.run.QUICK_BYTES", 0)
    assert set(run.states(quick=True).values()) == {State.FRESH}
    write(run, "clean", AFTER, "other posts")
    assert [run.states(quick=True)[name] for name in ("clean", "dataset")] == [
        State.FRESH,
        State.STALE,
    ]


def test_half_written_files_are_removed_by_the_next_lock(run: Run) -> None:
    (run.path / partial_name("run.toml")).write_text("half")
    (run.path / partial_name("model")).mkdir()
    again(run)
    assert not list(run.path.glob(".*.partial"))


# the file

OF_0_1 = Path(__file__).parent / "fixtures" / "run-0.1.toml"


def test_a_record_of_version_0_1_is_read_and_written_back_byte_for_byte() -> None:
    record = Record.load(OF_0_1)
    assert record.to_bytes() == OF_0_1.read_bytes()
    assert record.asked.accounts == ("ada_l",)
    assert record.trained.base == "builtin"
    assert record.trained.sampling["temperature"] == 0.9
    assert record.cleaned.languages == {"en": 0.97, "de": 0.03}
    assert record.artifacts[3].uses == ("dataset-ada_l:v0", "builtin:v0")
    assert record.published["hub:ada/bird"].version == "v1"
    assert record.told[0].owed
    assert record.error_of("evaluate") == "Memory ran out."
    made = record.made("evaluate")
    assert made is not None
    assert made.forgiven().state is EntryState.DONE


def test_what_other_versions_record_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    more = b'mood = "fine"\n' + OF_0_1.read_bytes().replace(
        b"[stages.clean]\n", b"[stages.clean]\nnights = 3\n"
    )
    file.write_bytes(more + b"\n[plans]\nnext = 1\n")
    record = Record.load(file).updated(told=())
    file.write_bytes(record.to_bytes())
    found = tomllib.loads(file.read_text())
    assert (found["mood"], found["plans"]) == ("fine", {"next": 1})
    assert found["stages"]["clean"]["nights"] == 3
    assert found["told"] == []


@pytest.mark.parametrize(
    "content",
    [
        'stages = "none"',
        "[stages]\ncollect = 3",
        '[stages.collect]\nstate = "asleep"',
        "[stages.collect]\nversion = 1",
        '[stages.collect]\nstate = "done"\nmakes = { "posts.jsonl" = 3 }',
        "asked = 3",
        "[[artifacts]]\nname = 'x'",
        "format = 'new'",
    ],
)
def test_a_record_that_is_no_record_is_damaged(tmp_path: Path, content: str) -> None:
    file = tmp_path / "run.toml"
    file.write_text(content)
    with pytest.raises(PersonaError, match=r"run\.toml is damaged"):
        Record.load(file)


def test_a_record_of_a_newer_format_is_not_misread(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("format = 2")
    with pytest.raises(PersonaError, match="newer version of popinjay"):
        Run(tmp_path)
