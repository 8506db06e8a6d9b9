"""Measure how fast posts are read from an X archive, and how much memory that takes.

    python bench/archive_import.py [--posts 200000] [--pairs 7]

Popinjay opens the zip, decompresses, decodes and parses it post by post, and builds posts from it.
The two baselines get the same JSON in memory, decompressed and without the assignment to
`window.YTD.tweets.part0`: one `json.loads` of everything, which builds one list and so keeps the
garbage collector busy, and one `json.loads` for each post with the result dropped at once, which is
a lower bound. Peak memory is measured in separate processes: a Python that does nothing, reading
every post, and `popinjay inspect`, which also cleans the posts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import zipfile
from functools import partial
from pathlib import Path
from statistics import median

from pairs import in_turns, show, show_pairs
from popinjay import sources
from popinjay.options import CollectOptions

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from large_archive import write_large
from peak import READ_ALL, peak_of


def read_all(archive: Path) -> int:
    """Read every post and return how many there were."""
    return sum(1 for _ in sources.read(str(archive), CollectOptions()).posts())


def bare_json(archive: Path) -> bytes:
    """Return the JSON of the archive's posts, without the assignment before it."""
    with zipfile.ZipFile(archive) as opened:
        content = opened.read("data/tweets.js")
    return content[content.index(b"[") :]


def parse_each(items: list[bytes]) -> None:
    """Parse one item after another and drop each result."""
    for item in items:
        json.loads(item)


def show_speed(archive: Path, posts: int, pairs: int) -> None:
    """Time reading against both baselines and print the result."""
    assert read_all(archive) == posts
    content = bare_json(archive)
    items = [line.rstrip(b",") for line in content.splitlines()[1:-1]]
    assert len(items) == posts
    for bare, parse in (
        ("json.loads of all", partial(json.loads, content)),
        ("json.loads of each", partial(parse_each, items)),
    ):
        times = in_turns(partial(read_all, archive), parse, pairs)
        show_pairs(
            times,
            "popinjay",
            bare,
            [("popinjay, posts a second", f"{posts / median(ours for ours, _ in times):,.0f}")],
        )
        print()


def show_memory(archive: Path) -> None:
    """Measure the peaks of memory and print them."""
    inspect = ("-m", "popinjay.cli.main", "inspect", str(archive), "--json")
    runs = {
        "a bare Python": ("-c", "pass"),
        "reading all posts": ("-c", READ_ALL, str(archive)),
        "popinjay inspect": inspect,
    }
    show(
        [
            (f"peak memory of {name}", f"{peak_of(*arguments).megabytes:,.0f} MB")
            for name, arguments in runs.items()
        ]
    )


def main() -> None:
    """Write the archive, and measure both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=7)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive.zip"
        size = write_large(archive, args.posts)
        zipped = archive.stat().st_size
        print(
            f"{args.posts:,} posts, {size / 2**20:,.0f} MB of JSON"
            f" in a zip of {zipped / 2**20:,.0f} MB\n"
        )
        show_speed(archive, args.posts, args.pairs)
        show_memory(archive)


if __name__ == "__main__":
    main()
