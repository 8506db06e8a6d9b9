"""The queue of posts: its states, two processes at once, and disks and files that fail."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import popinjay
from personas import holding
from popinjay.errors import PersonaError, QueueBusy, QueueError, StorageError
from popinjay.management import remove, rename
from popinjay.store import post_queue
from popinjay.store.post_queue import _ALLOWED, FILE, DraftState, Queue, has_queue
from popinjay.store.run import Run

NOBODY = 65534
TEXTS = ("the lamp hums at night", "a gull took my bun", "no more engines")


@pytest.fixture
def run(own_home: Path) -> Run:
    """Return a persona of nothing but its record."""
    (own_home / "ada").mkdir()
    (own_home / "ada" / "run.toml").touch()
    return Run(own_home / "ada")


@pytest.fixture
def queue(run: Run) -> Iterator[Queue]:
    """Return its queue, with three drafts."""
    with Queue(run) as opened:
        opened.add([(text, {"prompt": "", "seed": 1, "number": 1}) for text in TEXTS])
        yield opened


def texts(queue: Queue, *states: DraftState) -> list[str]:
    return [draft.text for draft in queue.drafts(*states)]


def test_drafts_are_there_in_their_order_and_those_put_off_come_last(queue: Queue) -> None:
    queue.set(1, later=1)
    assert texts(queue) == [*TEXTS[1:], TEXTS[0]]
    assert queue.counts()[DraftState.DRAFT] == 3
    assert queue.draft(2).made_with == {"prompt": "", "seed": 1, "number": 1}
    assert [draft.id for draft in queue.newer(1)] == [2, 3]


@pytest.mark.parametrize("since", DraftState)
@pytest.mark.parametrize("to", DraftState)
def test_only_the_changes_of_the_table_are_made(
    queue: Queue, since: DraftState, to: DraftState
) -> None:
    queue._db.execute("UPDATE draft SET state = ? WHERE id = 1", (since,))
    if to in _ALLOWED[since]:
        assert queue.move(1, since, to).state is to
        return
    with pytest.raises(QueueError, match="can't become"):
        queue.move(1, since, to)
    assert queue.draft(1).state is since


def test_an_edited_text_takes_the_place_of_a_draft_and_gives_it_back(queue: Queue) -> None:
    new = queue.replace_text(1, DraftState.DRAFT, "the lamp hums", state=DraftState.APPROVED)
    assert (new.supersedes, new.made_with) == (1, queue.draft(1).made_with)
    assert queue.draft(1).state is DraftState.SUPERSEDED
    assert queue.take_back_edit(new.id, DraftState.APPROVED).state is DraftState.DRAFT
    assert queue.draft(new.id).state is DraftState.SUPERSEDED
    with pytest.raises(QueueError, match="superseded by now, not approved"):
        queue.take_back_edit(new.id, DraftState.APPROVED)
    with pytest.raises(QueueError, match="never edited"):
        queue.take_back_edit(1, DraftState.DRAFT)


def test_of_many_who_decide_about_a_draft_one_succeeds(run: Run, queue: Queue) -> None:
    start = threading.Barrier(4)
    done: list[str] = []
    lost: list[str] = []

    def decide(to: DraftState) -> None:
        with Queue(run) as own:
            start.wait()
            for id in (1, 2, 3):
                try:
                    own.move(id, DraftState.DRAFT, to)
                    done.append(f"{id} {to}")
                except QueueError as error:
                    lost.append(error.message)

    who = [threading.Thread(target=decide, args=(to,)) for to in _ALLOWED[DraftState.DRAFT]]
    who.append(threading.Thread(target=decide, args=(DraftState.REJECTED,)))
    for one in who:
        one.start()
    for one in who:
        one.join()
    assert sorted(done) == sorted(f"{draft.id} {draft.state}" for draft in queue.drafts())
    assert len(lost) == 9


def test_two_processes_decide_about_the_same_draft(run: Run, queue: Queue) -> None:
    command = [sys.executable, "-m", "popinjay.cli.main", "queue", str(run.path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(popinjay.__file__).parents[1])}
    who = [
        subprocess.Popen(
            [*command, flag, "1"], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for flag in ("--approve", "--reject")
    ]
    said = [one.communicate()[1].decode() for one in who]
    codes = [one.returncode for one in who]
    if codes == [0, 0]:  # one came wholly before the other: what is approved may be rejected
        assert queue.draft(1).state is DraftState.REJECTED
        return
    assert sorted(codes) == [0, 2]
    assert "Draft 1 is " in said[codes.index(2)]


def test_a_queue_that_another_process_holds_is_waited_for_and_then_busy(
    run: Run, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post_queue, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(run.file(FILE), isolation_level=None)
    with Queue(run) as impatient:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(QueueBusy, match="in use by another popinjay"):
            impatient.move(1, DraftState.DRAFT, DraftState.APPROVED)
        other.execute("ROLLBACK")
        impatient.move(1, DraftState.DRAFT, DraftState.APPROVED)
    other.close()


# removal


def test_what_is_removed_is_in_no_file_any_more(run: Run, queue: Queue) -> None:
    queue.move(2, DraftState.DRAFT, DraftState.APPROVED)
    queue.replace_text(1, DraftState.DRAFT, "the lamp sings at noon " * 400)
    assert holding(run, "the lamp")
    queue.remove([1, 4], {2: {"text": ""}})
    for text in ("the lamp", "sings at noon", "gull"):
        assert holding(run, text) == []
    assert holding(run, "no more engines") != []
    assert [(draft.id, draft.text) for draft in queue.drafts()] == [(2, ""), (3, TEXTS[2])]


def test_a_removal_while_the_log_is_read_is_finished_by_the_next(
    run: Run, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue._db.execute("PRAGMA busy_timeout=50")
    reader = sqlite3.connect(run.file(FILE), isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM draft").fetchall()
    with pytest.raises(QueueBusy):
        queue.remove([1])
    reader.close()
    queue.remove([])
    assert holding(run, "the lamp") == []


# persona


def test_a_queue_follows_its_persona_and_goes_with_it(run: Run, queue: Queue) -> None:
    renamed = rename(run, "ada2")
    with pytest.raises(PersonaError, match="not there any more"):
        queue.move(1, DraftState.DRAFT, DraftState.APPROVED)
    with Queue(renamed) as own:
        own.move(1, DraftState.DRAFT, DraftState.APPROVED)
        remove(renamed)
        with pytest.raises(PersonaError, match="not there any more"):
            own.set(2, later=1)
    with pytest.raises(PersonaError, match="not there any more"):
        Queue(renamed)
    assert not has_queue(renamed)
    assert not renamed.path.exists()


# files and disks


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(
            b"this is no database, but long enough to be read as one" * 9
        ),
        lambda file: sqlite3.connect(file).executescript("DROP TABLE draft").close(),
        lambda file: (
            sqlite3.connect(file).executescript("UPDATE draft SET made_with = '{'").close()
        ),
        lambda file: sqlite3.connect(file).executescript("UPDATE draft SET state = 'x'").close(),
    ],
    ids=["no database", "no table", "no JSON", "no state"],
)
def test_a_damaged_file_is_one_sentence(
    run: Run, damage: object, capfd: pytest.CaptureFixture[str]
) -> None:
    with Queue(run) as queue:
        queue.add([(TEXTS[0], {})])
    assert callable(damage)
    damage(run.file(FILE))

    def read() -> None:
        with Queue(run) as damaged:
            damaged.drafts()

    with pytest.raises(QueueError, match="is damaged"):
        read()


def test_a_newer_file_is_left_alone(run: Run) -> None:
    with Queue(run) as queue:
        queue._db.execute("PRAGMA user_version=99")
    with pytest.raises(QueueError, match="newer popinjay"):
        Queue(run)


FULL = """
import resource, sys
from pathlib import Path
from popinjay.errors import StorageError
from popinjay.store.post_queue import DraftState, Queue
from popinjay.store.run import Run
with Queue(Run(Path(sys.argv[1]))) as queue:
    size = queue.path.stat().st_size + 3000
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    for change in (
        lambda: queue.move(1, DraftState.APPROVED, DraftState.SENDING, content={"": "x" * 9000}),
        lambda: queue.add([("x" * 900, {})] * 20),
        lambda: queue.replace_text(2, DraftState.DRAFT, "x" * 9000),
    ):
        try:
            change()
        except StorageError as error:
            print(error.message)
"""


def test_on_a_full_disk_nothing_is_half_changed(run: Run, queue: Queue) -> None:
    """The limit of a file's size is as a full disk to SQLite: the write is refused."""
    pytest.importorskip("resource")
    queue.move(1, DraftState.DRAFT, DraftState.APPROVED)
    before = queue.drafts()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(run.path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(popinjay.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("can't be written") == 3
    assert queue.drafts() == before
    queue.move(1, DraftState.APPROVED, DraftState.SENDING, content={"text": "x"}, key="k")
    assert queue.draft(1).content == {"text": "x"}


@pytest.mark.skipif(os.name != "posix", reason="needs permissions")
def test_a_read_only_folder_is_one_sentence() -> None:
    home = Path(tempfile.mkdtemp())
    try:
        folder = home / "ada"
        folder.mkdir()
        (folder / "run.toml").touch()
        with Queue(Run(folder)) as queue:
            queue.add([(TEXTS[0], {})])
        home.chmod(0o755)
        folder.chmod(0o555)
        (folder / FILE).chmod(0o444)
        with _as_nobody(), pytest.raises(StorageError, match="can't be written"):
            with Queue(Run(folder)) as queue:
                queue.move(1, DraftState.DRAFT, DraftState.APPROVED)
        assert sorted(path.name for path in folder.iterdir()) == [FILE, "run.toml"]
    finally:
        home.chmod(0o755)
        (home / "ada").chmod(0o755)
        shutil.rmtree(home)


class _as_nobody:  # noqa: N801 (read as a phrase)
    """Give up the rights of root, which no permission restricts, and take them back."""

    def __enter__(self) -> None:
        if os.geteuid() == 0:
            os.seteuid(NOBODY)

    def __exit__(self, *error: object) -> None:
        if os.getuid() == 0:
            os.seteuid(0)


def test_settings_are_kept(run: Run, queue: Queue) -> None:
    queue.set_setting("every", "6h")
    queue.set_setting("every", "3h")
    assert queue.settings() == {"every": "3h"}
    assert json.dumps(queue.settings())
