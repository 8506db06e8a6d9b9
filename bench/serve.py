"""Fifty clients at once at `popinjay serve`, beside the same requests one after another: posts a second, first words, order, memory. Ratios of one run.

    python bench/serve.py --work FOLDER [--personas FOLDER] [--clients 50] [--posts 1 10] [--each 3] [--rounds 3]

The persona learns for a minute on the built-in base, from people's posts or synthetic ones. Every client has a prompt of its own and asks a few
times in a row, over HTTP. A latecomer is a request for one post while the crowd is at work.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from training.report import table
from training.texts import english

NAME = "served"
LEARN = "60s"
PATIENCE = 600.0


@dataclass(frozen=True)
class Served:
    """How one request went: seconds to its first words and to its end, and how many posts came."""

    first: float
    whole: float
    posts: int


@dataclass(frozen=True)
class Turn:
    """How requests went, one after another or of all clients at once."""

    seconds: float
    served: list[Served]
    ends: Sequence[float] = ()  # when each client had all, in seconds
    latecomer: Served | None = None

    @property
    def rate(self) -> float:
        """Posts a second."""
        return sum(one.posts for one in self.served) / self.seconds


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="where the persona lies; one that is there already is taken")
    parser.add_argument("--personas", type=Path, help="a folder of NAME.jsonl.gz, posts of one author each; without it synthetic ones")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--posts", type=int, nargs="+", default=[1, 10], help="that a client asks for")
    parser.add_argument("--each", type=int, default=3, help="requests of a client, one after another")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def persona(work: Path, personas: Path | None) -> list[str]:
    """Have a persona made where there is none; what it learnt from."""
    from popinjay import make

    posts = english(personas, 2_000)
    if not (work / "home" / NAME / "model").is_dir():
        file = work / "posts.txt"
        file.write_text("\n".join(posts), encoding="utf-8")
        make(file, name=NAME, home_folder=work / "home", base="builtin", budget=LEARN, samples=10, track="none", whose="fictional")
    return posts


@contextmanager
def serving(home: Path) -> Iterator[tuple[int, int]]:
    """The server as people start it: its port and its process."""
    command = [sys.executable, "-m", "popinjay.cli", "serve", "--home", str(home), "--port", "0", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[0].rstrip("/")
        yield int(address.rpartition(":")[2]), process.pid
    finally:
        process.terminate()
        process.wait(30)


def ask(port: int, prompt: str, posts: int, seed: int) -> Served:
    """One request, read to its end. Raises RuntimeError where it fails."""
    began, first, count, kind = time.perf_counter(), 0.0, 0, ""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        body = json.dumps({"prompt": prompt, "n": posts, "seed": seed})
        connection.request("POST", f"/api/personas/{NAME}/say", body, {"Content-Type": "application/json", "X-Popinjay": "1"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(answer.read().decode())
        for line in answer:
            if line.startswith(b"event: "):
                kind = line[7:].decode().strip()
                first = first or (time.perf_counter() - began if kind in ("piece", "post") else 0.0)
                count += kind == "post"
            elif kind == "error":
                raise RuntimeError(line.decode())
    finally:
        connection.close()
    if kind != "end":
        raise RuntimeError("the answer broke off")
    return Served(first, time.perf_counter() - began, count)


def one_by_one(port: int, prompts: Sequence[str], posts: int, each: int, seed: int) -> Turn:
    """The requests of all clients one after another."""
    began = time.perf_counter()
    served = [ask(port, prompt, posts, seed + number * each + turn) for number, prompt in enumerate(prompts) for turn in range(each)]
    return Turn(time.perf_counter() - began, served)


def at_once(port: int, prompts: Sequence[str], posts: int, each: int, seed: int, late: float) -> Turn:
    """The same of all clients at once, and a latecomer after so many seconds."""
    served: dict[int, list[Served]] = {}
    ends: dict[int, float] = {}
    start = threading.Barrier(len(prompts) + 1)

    def client(number: int) -> None:
        start.wait()
        served[number] = [ask(port, prompts[number], posts, seed + number * each + turn) for turn in range(each)]
        ends[number] = time.perf_counter() - began

    threads = [threading.Thread(target=client, args=(number,)) for number in range(len(prompts))]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    start.wait()
    time.sleep(late)
    latecomer = ask(port, prompts[0], 1, seed)
    for thread in threads:
        thread.join()
    if len(ends) < len(prompts):
        raise RuntimeError(f"{len(prompts) - len(ends)} of {len(prompts)} clients failed")
    return Turn(max(ends.values()), [one for found in served.values() for one in found], [*ends.values()], latecomer)


def memory(process: int) -> dict[str, int]:
    """MB that a process holds, and held at most."""
    found = {}
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(("VmRSS", "VmHWM")):
            found[line.split(":")[0]] = int(line.split()[1]) * 1024 // 1_000_000
    return found


def measure(port: int, prompts: Sequence[str], posts: int, each: int, rounds: int) -> list[str]:
    """A row: one after another and at once in turns."""
    at_once(port, prompts, posts, 1, 0, late=0)  # warm
    pairs = []
    for number in range(1, rounds + 1):
        alone = one_by_one(port, prompts, posts, each, 10_000 * number)
        pairs.append((alone, at_once(port, prompts, posts, each, 10_000 * number, late=alone.seconds / 20)))
    ratios = sorted(crowd.rate / alone.rate for alone, crowd in pairs)
    ends = [end / crowd.seconds for _, crowd in pairs for end in crowd.ends]
    wholes = [one.whole for _, crowd in pairs for one in crowd.served]
    firsts = [one.first for _, crowd in pairs for one in crowd.served]
    late = [crowd.latecomer.whole for _, crowd in pairs if crowd.latecomer]
    return [
        str(posts),
        f"{median(alone.rate for alone, _ in pairs):.1f}",
        f"{median(crowd.rate for _, crowd in pairs):.1f}",
        f"{median(ratios):.2f} ({ratios[0]:.2f}, {ratios[-1]:.2f})",
        f"{1000 * median(one.first for alone, _ in pairs for one in alone.served):,.0f}",
        f"{1000 * median(firsts):,.0f} ({1000 * max(firsts):,.0f})",
        f"{1000 * median(one.whole for alone, _ in pairs for one in alone.served):,.0f}",
        f"{1000 * median(wholes):,.0f} ({1000 * max(wholes):,.0f})",
        f"{median(ends):.0%} ({min(ends):.0%})",
        f"{1000 * median(late):,.0f} of {1000 * median(crowd.seconds for _, crowd in pairs):,.0f}",
    ]


HEAD = [
    "posts a request",
    "one by one, posts/s",
    "at once, posts/s",
    "ratio (from, to)",
    "first words alone, ms",
    "at once, ms (most)",
    "all of a request alone, ms",
    "at once, ms (most)",
    "a client's end in the crowd's time (first)",
    "a latecomer's one post, ms, of the crowd's",
]


def main() -> None:
    args = parse()
    args.work.mkdir(parents=True, exist_ok=True)
    posts = persona(args.work, args.personas)
    prompts = [" ".join(post.split()[: 2 + number % 2]) for number, post in enumerate(posts[: args.clients])]
    with serving(args.work / "home") as (port, process):
        before = memory(process)["VmRSS"]
        ask(port, "", 1, 0)
        loaded = memory(process)["VmRSS"]
        rows = [measure(port, prompts, count, args.each, args.rounds) for count in args.posts]
        held = memory(process)
    print(f"\n### {args.clients} clients, {args.each} requests each, medians of {args.rounds} rounds\n\n{table(HEAD, rows)}\n", flush=True)
    print(f"memory of the server, MB: {before:,} before, {loaded:,} with the persona, {held['VmRSS']:,} after the crowd, {held['VmHWM']:,} at most")


if __name__ == "__main__":
    main()
