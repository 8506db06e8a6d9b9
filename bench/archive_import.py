"""How fast posts are read from an X archive, and how much memory that takes.

Run: python bench/archive_import.py [--posts 200000] [--pairs 7]

Popinjay opens the zip, unpacks, decodes and parses it post by post, and makes posts of it. What it is held against gets
the same JSON ready in memory, unpacked and without `window.YTD.tweets.part0 =`: one json.loads that makes a list of all
of it (and so keeps the garbage collector busy), and a json.loads for each post, dropped at once, the least there could be.
Peak memory is that of processes of their own: a Python that does nothing, reading every post, and `popinjay inspect`,
which cleans them too.
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
    """Read every post; how many there were."""
    return sum(1 for _ in sources.read(str(archive), CollectOptions()).posts())


def bare_json(archive: Path) -> bytes:
    """The JSON of the archive's posts, without what is assigned to."""
    with zipfile.ZipFile(archive) as opened:
        content = opened.read("data/tweets.js")
    return content[content.index(b"[") :]


def parse_each(items: list[bytes]) -> None:
    """Parse one item after another, keeping none."""
    for item in items:
        json.loads(item)


def show_speed(archive: Path, posts: int, pairs: int) -> None:
    """Time reading against both and show it."""
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
    """Measure the peaks and show them."""
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
    """Make the archive, and show both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=7)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive.zip"
        size = write_large(archive, args.posts)
        print(
            f"{args.posts:,} posts, {size / 2**20:,.0f} MB of JSON in a zip of {archive.stat().st_size / 2**20:,.0f} MB\n"
        )
        show_speed(archive, args.posts, args.pairs)
        show_memory(archive)


if __name__ == "__main__":
    main()
