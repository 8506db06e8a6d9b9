"""Fifty clients at once at `popinjay serve`, beside one client alone: posts a second, first words, order, memory. Ratios of one run.

    python bench/serve.py --work FOLDER [--personas FOLDER] [--clients 50] [--posts 1 10] [--seconds 15] [--rounds 3]

The persona learns for a minute on the built-in base, from people's posts or synthetic ones. Every client has a prompt of its own, begins at the same
moment and asks again as soon as it has all, over HTTP; the one alone asks with those prompts in turn. A latecomer is a request for one post
while the crowd is at work. The ratio by processor time is of the server's alone: what it would be were nothing else at work on the machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from training.report import table
from training.texts import english

NAME = "served"
LEARN = "60s"
PATIENCE = 600.0


@dataclass
class Client:
    """How one client's requests went: seconds to the first words of each and to its end, and when each post came."""

    firsts: list[float] = field(default_factory=list)
    wholes: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Turn:
    """How it went with so many clients for so many seconds."""

    clients: list[Client]
    posts: list[int]  # of each client, that came in time
    seconds: float
    processor: float  # seconds that the server took of it
    late: float = 0.0  # seconds that a latecomer waited for one post

    @property
    def rate(self) -> float:
        """Posts a second."""
        return sum(self.posts) / self.seconds

    @property
    def rate_by_processor(self) -> float:
        """Posts a second of the server's processor time."""
        return sum(self.posts) / self.processor


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work",
        type=Path,
        required=True,
        help="where the persona lies; one that is there already is taken",
    )
    parser.add_argument(
        "--personas",
        type=Path,
        help="a folder of NAME.jsonl.gz, posts of one author each; without it synthetic ones",
    )
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument(
        "--posts", type=int, nargs="+", default=[1, 10], help="that a client asks for"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=15,
        help="that the crowd, and the one alone, ask in a round",
    )
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def persona(work: Path, personas: Path | None) -> list[str]:
    """Have a persona made where there is none; what it learnt from."""
    from popinjay import make

    posts = english(personas, 2_000)
    if not (work / "home" / NAME / "model").is_dir():
        file = work / "posts.txt"
        file.write_text("\n".join(posts), encoding="utf-8")
        make(
            file,
            name=NAME,
            home_folder=work / "home",
            base="builtin",
            budget=LEARN,
            samples=10,
            track="none",
            whose="fictional",
        )
    return posts


@contextmanager
def serving(home: Path) -> Iterator[tuple[int, int]]:
    """The server as people start it: its port and its process."""
    command = [
        sys.executable,
        "-m",
        "popinjay.cli.main",
        "serve",
        "--home",
        str(home),
        "--port",
        "0",
        "--no-browser",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        if not said:
            raise RuntimeError("popinjay serve did not start")
        yield int(said.split()[0].rstrip("/").rpartition(":")[2]), process.pid
    finally:
        process.terminate()
        process.wait(30)


def ask(port: int, client: Client, prompt: str, posts: int, seed: int) -> None:
    """One request, read to its end. Raises RuntimeError where it fails."""
    began, shown, kind = time.perf_counter(), False, ""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        body = json.dumps({"prompt": prompt, "n": posts, "seed": seed})
        connection.request(
            "POST",
            f"/api/personas/{NAME}/say",
            body,
            {"Content-Type": "application/json", "X-Popinjay": "1"},
        )
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(answer.read().decode())
        for line in answer:
            if not line.startswith(b"event: "):
                continue
            kind = line[7:].decode().strip()
            if kind == "piece" and not shown:
                shown = True
                client.firsts.append(time.perf_counter() - began)
            if kind == "post":
                client.posts.append(time.perf_counter())
    finally:
        connection.close()
    if kind != "end":
        raise RuntimeError(f"the answer ended with {kind!r}")
    client.wholes.append(time.perf_counter() - began)


def turn(
    port: int,
    process: int,
    prompts: Sequence[str],
    count: int,
    posts: int,
    seconds: float,
    seed: int,
) -> Turn:
    """So many clients ask for so many seconds. Raises RuntimeError where one request fails."""
    clients, failed, late = [Client() for _ in range(count)], [], Client()
    before, began = processor(process), time.perf_counter()

    def asking(number: int) -> None:
        try:
            while time.perf_counter() < began + seconds:
                turns = len(clients[number].wholes)
                ask(
                    port,
                    clients[number],
                    prompts[number if count > 1 else turns % len(prompts)],
                    posts,
                    seed + 1_000 * number + turns,
                )
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=asking, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    if count > 1:
        time.sleep(seconds / 2)
        ask(port, late, prompts[0], 1, seed)
    time.sleep(max(0.0, began + seconds - time.perf_counter()))
    taken = processor(process) - before
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(f"{len(failed)} of {count} clients failed") from failed[0]
    in_time = [sum(post < began + seconds for post in client.posts) for client in clients]
    return Turn(clients, in_time, seconds, taken, sum(late.wholes))


def processor(process: int) -> float:
    """Seconds of the processor that a process took so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> dict[str, int]:
    """MB that a process holds, and held at most."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {
        line.split(":")[0]: int(line.split()[1]) * 1024 // 1_000_000
        for line in lines
        if line.startswith(("VmRSS", "VmHWM"))
    }


def measure(
    port: int, process: int, prompts: Sequence[str], posts: int, args: argparse.Namespace
) -> list[str]:
    """A row: one alone and the crowd in turns."""
    turn(port, process, prompts, args.clients, posts, 1, 0)  # warm
    pairs = []
    for number in range(1, args.rounds + 1):
        alone = turn(port, process, prompts, 1, posts, args.seconds, 100_000 * number)
        pairs.append(
            (
                alone,
                turn(port, process, prompts, args.clients, posts, args.seconds, 100_000 * number),
            )
        )
    alone_all, crowd_all = (
        [client for pair in pairs for client in pair[place].clients] for place in (0, 1)
    )
    shares = [
        count / (sum(crowd.posts) / len(crowd.posts)) for _, crowd in pairs for count in crowd.posts
    ]
    return [
        str(posts),
        f"{median(alone.rate for alone, _ in pairs):.1f}",
        f"{median(crowd.rate for _, crowd in pairs):.1f}",
        ratios([crowd.rate / alone.rate for alone, crowd in pairs]),
        ratios([crowd.rate_by_processor / alone.rate_by_processor for alone, crowd in pairs]),
        milliseconds([first for client in alone_all for first in client.firsts]),
        milliseconds([first for client in crowd_all for first in client.firsts]),
        milliseconds([client.firsts[0] for client in crowd_all]),
        milliseconds([whole for client in alone_all for whole in client.wholes]),
        milliseconds([whole for client in crowd_all for whole in client.wholes]),
        f"{min(shares):.0%} to {max(shares):.0%}",
        milliseconds([crowd.late for _, crowd in pairs]),
    ]


def ratios(found: Sequence[float]) -> str:
    """The median of ratios, and where they lie."""
    return f"{median(found):.2f} ({min(found):.2f}, {max(found):.2f})"


def milliseconds(found: Sequence[float]) -> str:
    """The median of seconds, in thousandths, and the most."""
    return f"{1000 * median(found):,.0f} ({1000 * max(found):,.0f})"


HEAD = [
    "posts a request",
    "one alone, posts/s",
    "crowd, posts/s",
    "ratio (from, to)",
    "by processor time",
    "first words alone, ms (most)",
    "in the crowd",
    "when all come at once",
    "all of a request alone",
    "in the crowd",
    "posts of a client, of the mean",
    "a latecomer's one post",
]


def main() -> None:
    args = parse()
    args.work.mkdir(parents=True, exist_ok=True)
    posts = persona(args.work, args.personas)
    prompts = [
        " ".join(post.split()[: 2 + number % 2])
        for number, post in enumerate(posts[: args.clients])
    ]
    with serving(args.work / "home") as (port, process):
        before = memory(process)["VmRSS"]
        ask(port, Client(), "", 1, 0)
        loaded = memory(process)["VmRSS"]
        rows = [measure(port, process, prompts, count, args) for count in args.posts]
        held = memory(process)
    print(
        f"\n### {args.clients} clients for {args.seconds:g} seconds, medians of {args.rounds} rounds; no request failed\n\n{table(HEAD, rows)}\n",
        flush=True,
    )
    print(
        f"memory of the server, MB: {before:,} before, {loaded:,} with the persona, {held['VmRSS']:,} after the crowd, {held['VmHWM']:,} at most"
    )


if __name__ == "__main__":
    main()
