"""Compare the server's list of ten thousand personas with the list of one, over HTTP.

python bench/serve_list.py [--count 10000] [--times 15]
"""

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
    """Write some personas to a home folder, each with only what the list shows."""
    for number in range(count):
        folder = home / f"persona-{number:05}"
        (folder / "model").mkdir(parents=True)
        (folder / "run.toml").write_text(RECORD.format(name=folder.name))
        (folder / "authors.json").write_text(
            json.dumps([{"handle": folder.name, "name": f"Number {number}"}])
        )
        (folder / "model" / "model.safetensors").write_bytes(b"0" * 1000)


def seconds(port: int, path: str, times: int) -> tuple[float, float]:
    """Return the seconds of the first response, and the median of all."""
    found: list[float] = []
    for _ in range(times):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        started = time.perf_counter()
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        found.append(time.perf_counter() - started)
        connection.close()
        assert response.status == 200, body
    return found[0], statistics.median(found)


def main() -> None:
    """Measure both lists and print a row for each request."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=15)
    args = parser.parse_args()
    found: dict[tuple[str, int], tuple[float, float]] = {}
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
        _, small = found[what, 1]
        first, large = found[what, args.count]
        print(
            f"{what:10}  of {args.count:,}: {large * 1000:6.0f} ms"
            f" (first time {first * 1000:.0f})   of one: {small * 1000:6.1f} ms"
            f"   ratio {large / small:.0f}x"
        )


if __name__ == "__main__":
    main()
