"""The list of ten thousand personas beside the list of one, over HTTP: `python bench/serve_list.py`."""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from serving import served

RECORD = """[asked]
specs = ["{name}.zip"]
authors = ["{name}"]
whose = "fictional"

[stages.train]
state = "done"
finished = 2026-01-01T00:00:00Z
"""


def fill(home: Path, count: int) -> None:
    """So many personas, each with what a list shows."""
    for number in range(count):
        folder = home / f"persona-{number:05}"
        (folder / "model").mkdir(parents=True)
        (folder / "run.toml").write_text(RECORD.format(name=folder.name))
        (folder / "authors.json").write_text(
            json.dumps([{"handle": folder.name, "name": f"Number {number}"}])
        )
        (folder / "model" / "model.safetensors").write_bytes(b"0" * 1000)


def seconds(port: int, path: str, times: int) -> tuple[float, float]:
    """The first answer, and the median of so many."""
    taken = []
    for _ in range(times):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        begun = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        taken.append(time.perf_counter() - begun)
        connection.close()
        assert answer.status == 200, body
    return taken[0], statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=15)
    args = parser.parse_args()
    found = {}
    for count in (1, args.count):
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder), count)
            with served(Path(folder)) as client:
                for what, path in (
                    ("first page", ""),
                    ("last page", f"?offset={count - 1}"),
                    ("newest", "?sort=newest"),
                    ("search", "?search=0042"),
                ):
                    found[what, count] = seconds(client.port, f"/api/personas{path}", args.times)
    for what in ("first page", "last page", "newest", "search"):
        (_, small), (first, large) = found[what, 1], found[what, args.count]
        of_all, of_one = (
            f"{large * 1000:6.0f} ms (first time {first * 1000:.0f})",
            f"{small * 1000:6.1f} ms",
        )
        print(
            f"{what:10}  of {args.count:,}: {of_all}   of one: {of_one}   ratio {large / small:.0f}x"
        )


if __name__ == "__main__":
    main()
