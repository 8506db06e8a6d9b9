"""Tests of the local copy of a list of posts: whole and in order, after any interruption."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from popinjay.errors import NetworkError, StorageError
from popinjay.post import Post
from popinjay.sources.network import mirror as mirrors
from popinjay.sources.network.mirror import Mirror, Page


class Cut(NetworkError):
    """The connection broke."""


class List:
    """An account's posts as a network would hand them out, newest first.

    Not a server, only what a source makes of its answers.
    """

    def __init__(self, count: int, size: int = 10) -> None:
        self.posts = {f"{n:05d}": f"post {n}" for n in range(count)}
        self.size = size
        self.pages = 0  # that were handed out
        self.cut_after: int | None = None

    def etag(self) -> str:
        return str(hash(tuple(self.posts.items())))

    def __call__(self, cursor: str | None, etag: str) -> Iterator[Page]:
        while True:
            if self.cut_after is not None and self.pages >= self.cut_after:
                raise Cut("The connection broke.")
            self.pages += 1
            if etag and etag == self.etag():
                yield Page((), None, unchanged=True)
                return
            there = sorted(
                (id for id in self.posts if cursor is None or id < cursor), reverse=True
            )[: self.size]
            top, cursor = cursor is None, there[-1] if there else None
            posts = tuple(Post(id, "ada", self.posts[id]) for id in there)
            yield Page(posts, cursor, Counter({"not public": 1}), self.etag() if top else "")
            if cursor is None:
                return


def nothing(author: str, id: str) -> bool:
    return False


def update(mirror: Mirror, there: List) -> int:
    return mirror.update(there, nothing, lambda count: None)


def texts(mirror: Mirror) -> list[str]:
    return [post.text for post in mirror.posts()]


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "posts", 1)


def test_all_posts_in_order(mirror: Mirror, tmp_path: Path) -> None:
    there = List(95)
    told: list[int] = []
    assert mirror.update(there, nothing, told.append) == 95
    assert texts(mirror) == list(there.posts.values())
    assert told == [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 95]
    assert mirror.left_out == {"not public": 11}
    assert texts(Mirror(tmp_path / "posts", 1)) == texts(mirror)


def test_an_update_requests_new_posts_only(mirror: Mirror) -> None:
    there = List(95)
    update(mirror, there)
    there.pages = 0
    assert (update(mirror, there), there.pages) == (0, 1)  # nothing has changed, by the etag
    there.posts |= {f"{n:05d}": f"post {n}" for n in range(95, 120)}
    there.pages = 0
    assert (update(mirror, there), there.pages) == (25, 3)
    assert texts(mirror) == list(there.posts.values())


def test_recent_edits_are_noticed_and_unchanged_posts_written_once(
    mirror: Mirror,
) -> None:
    there = List(30)
    update(mirror, there)
    before = (mirror.folder / mirrors.POSTS).stat().st_size
    there.posts["00025"] = "post 25, corrected"
    assert update(mirror, there) == 0
    assert texts(mirror)[25] == "post 25, corrected"
    assert len(texts(mirror)) == 30
    assert (mirror.folder / mirrors.POSTS).stat().st_size - before < 100


@pytest.mark.parametrize("cut", [0, 1, 4, 9])
def test_a_resumed_reading_includes_posts_made_meanwhile(
    mirror: Mirror, tmp_path: Path, cut: int
) -> None:
    there = List(95)
    there.cut_after = cut
    with pytest.raises(Cut):
        update(mirror, there)
    assert len(texts(mirror)) == min(95, cut * 10)
    there.cut_after = None
    there.posts |= {f"{n:05d}": f"post {n}" for n in range(95, 120)}
    there.pages = 0
    update(Mirror(tmp_path / "posts", 1), there)
    again = Mirror(tmp_path / "posts", 1)
    assert texts(again) == list(there.posts.values())
    assert there.pages <= (13 if cut == 0 else 11 - cut + 3)


def test_no_series_of_interruptions_causes_gaps(tmp_path: Path) -> None:
    chance = random.Random(4)
    for trial in range(6):
        there = List(chance.randrange(60), size=chance.randrange(1, 12))
        mirror = Mirror(tmp_path / str(trial), 1)
        for _ in range(12):
            there.cut_after = chance.choice([None, chance.randrange(8)])
            there.pages = 0
            try:
                update(mirror, there)
                assert texts(mirror) == list(there.posts.values())
            except Cut:
                mirror = Mirror(tmp_path / str(trial), 1)
            first = len(there.posts)
            there.posts |= {
                f"{n:05d}": f"post {n}" for n in range(first, first + chance.randrange(25))
            }
        there.cut_after = None
        update(mirror, there)
        assert texts(mirror) == list(there.posts.values())


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_mirror import List, nothing
from popinjay.sources.network.mirror import Mirror
there = List(3000, size=3)
print("begun", flush=True)
Mirror(Path(sys.argv[2]), 1).update(there, nothing, lambda count: None)
"""


def test_a_killed_reading_is_resumed(tmp_path: Path) -> None:
    chance = random.Random(1)
    there = List(3000, size=3)
    counts = []
    for _ in range(4):
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                KILLED,
                str(Path(__file__).parent),
                str(tmp_path / "posts"),
            ],
            stdout=subprocess.PIPE,
        )
        assert process.stdout
        assert process.stdout.readline()
        time.sleep(chance.uniform(0.005, 0.08))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        counts.append(len(texts(Mirror(tmp_path / "posts", 1))))
    assert counts == sorted(counts)
    assert counts[-1] > 0
    mirror = Mirror(tmp_path / "posts", 1)
    update(mirror, there)
    assert texts(mirror) == list(there.posts.values())
    assert there.pages <= (3000 - counts[-1]) / 3 + 3


def test_an_incomplete_last_page_is_ignored(mirror: Mirror, tmp_path: Path) -> None:
    there = List(95)
    there.cut_after = 3
    with pytest.raises(Cut):
        update(mirror, there)
    with (mirror.folder / mirrors.POSTS).open("ab") as file:
        file.write(b'{"id": "00064", "author": "ada", "kind": "post", "te')
    there.cut_after = None
    again = Mirror(tmp_path / "posts", 1)
    update(again, there)
    assert texts(again) == list(there.posts.values())


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"form": 1, "size": 99999}', '{"form": 1, "more": 2}', "null"]
)
def test_a_damaged_state_starts_again(mirror: Mirror, tmp_path: Path, content: str) -> None:
    there = List(30)
    update(mirror, there)
    (mirror.folder / mirrors.STATE).write_text(content, encoding="utf-8")
    again = Mirror(tmp_path / "posts", 1)
    assert texts(again) == []
    assert update(again, there) == 30
    assert texts(again) == list(there.posts.values())


def test_another_format_version_starts_again(mirror: Mirror, tmp_path: Path) -> None:
    there = List(30)
    update(mirror, there)
    newer = Mirror(tmp_path / "posts", 2)
    assert (texts(newer), update(newer, there)) == ([], 30)


# deleted and skipped posts


def test_deleted_posts_stay_until_all_is_read_anew(mirror: Mirror, tmp_path: Path) -> None:
    there = List(95)
    update(mirror, there)
    for n in (3, 50, 94):
        del there.posts[f"{n:05d}"]
    update(mirror, there)
    assert len(texts(mirror)) == 95
    there.cut_after, there.pages = 4, 0
    with pytest.raises(Cut):
        mirror.read_anew(there, nothing, lambda count: None)
    assert len(texts(Mirror(tmp_path / "posts", 1))) == 95  # all or nothing
    there.cut_after = None
    there.pages = 0
    again = Mirror(tmp_path / "posts", 1)
    assert again.read_anew(there, nothing, lambda count: None) == 3
    assert there.pages <= 11 - 4 + 1  # it was resumed
    assert texts(again) == texts(Mirror(tmp_path / "posts", 1)) == list(there.posts.values())
    assert [place.name for place in tmp_path.iterdir()] == ["posts"]


def test_an_interrupted_replacement_is_finished(mirror: Mirror, tmp_path: Path) -> None:
    update(mirror, List(30))
    mirror.folder.rename(tmp_path / "posts.old")  # as far as it came
    assert len(texts(Mirror(tmp_path / "posts", 1))) == 30


def test_skipped_posts_are_never_written(mirror: Mirror) -> None:
    there = List(30)
    mirror.update(there, lambda author, id: (author, id) == ("ada", "00007"), lambda count: None)
    assert len(texts(mirror)) == 29
    assert b'post 7"' not in (mirror.folder / mirrors.POSTS).read_bytes()


@pytest.mark.parametrize("cut", [None, 2])
def test_a_copy_without_some_posts_continues_like_the_original(
    mirror: Mirror, tmp_path: Path, cut: int | None
) -> None:
    there = List(40)
    update(mirror, there)
    there.posts |= {f"{n:05d}": f"post {n}" for n in range(40, 90)}
    there.cut_after = cut
    there.pages = 0
    if cut is None:
        update(mirror, there)
    else:
        with pytest.raises(Cut):
            update(mirror, there)

    def unwanted(author: str, id: str) -> bool:
        return id in ("00011", "00085")

    assert mirror.without(unwanted, tmp_path / "copy") == 2
    copy = Mirror(tmp_path / "copy", 1)
    assert b'post 11"' not in (copy.folder / mirrors.POSTS).read_bytes()
    there.cut_after = None
    there.pages = 0
    copy.update(there, unwanted, lambda count: None)
    assert texts(copy) == [text for id, text in there.posts.items() if not unwanted("ada", id)]
    assert there.pages <= (1 if cut is None else 4 + 1)


# servers that never end


def test_an_endlessly_repeated_page_is_refused(mirror: Mirror) -> None:
    def stuck(cursor: str | None, etag: str) -> Iterator[Page]:
        while True:
            yield Page((Post("1", "ada", "again"),), "1")

    with pytest.raises(NetworkError, match="the same page of posts again and again"):
        mirror.update(stuck, nothing, lambda count: None)
    assert texts(mirror) == ["again"]


def test_endless_empty_pages_are_refused(mirror: Mirror) -> None:
    asked = 0

    def empty(cursor: str | None, etag: str) -> Iterator[Page]:
        nonlocal asked
        while True:
            asked += 1
            yield Page((), str(asked))

    with pytest.raises(NetworkError, match="again and again"):
        mirror.update(empty, nothing, lambda count: None)
    assert asked == mirrors.MOST_EMPTY + 1


def test_endless_posts_are_refused(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrors, "MOST_POSTS", 1000)

    def endless(cursor: str | None, etag: str) -> Iterator[Page]:
        for number in range(10**9, 0, -100):
            yield Page(tuple(Post(str(number - n), "ada", "more") for n in range(100)), str(number))

    with pytest.raises(NetworkError, match="posts without end"):
        mirror.update(endless, nothing, lambda count: None)
    assert len(texts(mirror)) <= 1100


def test_a_read_only_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "posts").write_text("a file", encoding="utf-8")
    with pytest.raises(StorageError):
        update(Mirror(tmp_path / "posts", 1), List(3))


def test_the_fingerprint_depends_on_the_posts_only(tmp_path: Path) -> None:
    there = List(30)
    whole = Mirror(tmp_path / "whole", 1)
    piecemeal = Mirror(tmp_path / "piecemeal", 1)
    update(whole, there)
    younger = List(20, size=7)
    update(piecemeal, younger)
    assert whole.fingerprint() != piecemeal.fingerprint()
    update(piecemeal, there)
    assert whole.fingerprint() == piecemeal.fingerprint()
