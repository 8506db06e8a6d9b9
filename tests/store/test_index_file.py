"""The index of a file of posts, kept on the disk."""

from __future__ import annotations

import json
from pathlib import Path

from popinjay.store.index_file import index_of_file

POST = "The river sings at night, and nobody in this town has ever heard it."


def test_an_index_is_kept_until_its_posts_change(tmp_path: Path) -> None:
    posts, kept = tmp_path / "train.jsonl", tmp_path / "engine" / "index"
    posts.write_text(json.dumps({"text": POST}) + "\n", encoding="utf-8")
    assert index_of_file(posts, kept, 3).is_copied(POST)
    made = kept.stat().st_mtime_ns
    assert index_of_file(posts, kept, 3).is_whole(POST)
    assert kept.stat().st_mtime_ns == made
    kept.write_bytes(kept.read_bytes()[:-3])  # cut off
    assert index_of_file(posts, kept, 3).is_copied(POST)
    posts.write_text(
        json.dumps({"text": "Something else altogether, that has nothing in it of what was there."})
        + "\n",
        encoding="utf-8",
    )
    assert not index_of_file(posts, kept, 3).is_copied(POST)
    assert index_of_file(posts, kept, 3).is_copied(
        "something else altogether that has nothing in it"
    )
    assert [file.name for file in kept.parent.iterdir()] == ["index"]
    assert not index_of_file(tmp_path / "none.jsonl", kept, 3)
