"""Compare `popinjay serve` with fifty concurrent clients and with one: rate, latency, memory.

    python bench/serve.py --work FOLDER [--personas FOLDER]
        [--clients 50] [--posts 1 10] [--seconds 15] [--rounds 3]

The persona is trained for a minute on the built-in base, on real or synthetic posts. All concurrent
clients start at the same moment, each with its own prompt, and send the next request over HTTP when
the last one is complete; the single client uses the same prompts in turn. A latecomer is a request
for one post while the concurrent clients are running. Ratios are of one run. The ratio by CPU time
counts the server's only: the ratio to expect if nothing else used the CPU.
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
TRAINING_BUDGET = "60s"
TIMEOUT = 600.0  # seconds


@dataclass
class Client:
    """The times of one client's requests."""

    firsts: list[float] = field(default_factory=list)  # seconds to each request's first words
    wholes: list[float] = field(default_factory=list)  # seconds to each request's end
    posts: list[float] = field(default_factory=list)  # when each post came


@dataclass(frozen=True)
class Turn:
    """The results of some clients sending requests for some seconds."""

    clients: list[Client]
    posts: list[int]  # of each client, that came in time
    seconds: float
    processor: float  # CPU seconds of the server
    late: float = 0.0  # seconds that a latecomer waited for one post

    @property
    def rate(self) -> float:
        """Return the posts a second."""
        return sum(self.posts) / self.seconds

    @property
    def rate_by_processor(self) -> float:
        """Return the posts a CPU second of the server."""
        return sum(self.posts) / self.processor


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work",
        type=Path,
        required=True,
        help="a folder for the persona; one that is there is used again",
    )
    parser.add_argument(
        "--personas",
        type=Path,
        help="a folder of NAME.jsonl.gz, posts of one author each; default: synthetic posts",
    )
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--posts", type=int, nargs="+", default=[1, 10], help="posts a request")
    parser.add_argument(
        "--seconds",
        type=float,
        default=15,
        help="seconds a round, for the concurrent clients and for the single one",
    )
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def persona(work: Path, personas: Path | None) -> list[str]:
    """Make the persona unless it is there; return its training posts."""
    from popinjay import make

    posts = english(personas, 2_000)
    if not (work / "home" / NAME / "model").is_dir():
        file = work / "posts.txt"
        file.write_text("\n".join(posts), encoding="utf-8")
        make(
            file,
            name=NAME,
            home=work / "home",
            base="builtin",
            budget=TRAINING_BUDGET,
            samples=10,
            track="none",
            whose="fictional",
        )
    return posts


@contextmanager
def serving(home: Path) -> Iterator[tuple[int, int]]:
    """Run the server as users start it; yield its port and its process id."""
    command = [sys.executable, "-m", "popinjay.cli.main", "serve"]
    command += ["--home", str(home), "--port", "0", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("popinjay serve did not start")
        yield int(line.split()[0].rstrip("/").rpartition(":")[2]), process.pid
    finally:
        process.terminate()
        process.wait(30)


def request(port: int, client: Client, prompt: str, posts: int, seed: int) -> None:
    """Send a request and read the response to its end. Raises RuntimeError if it fails.

    Args:
        port: The server's port.
        client: The client whose times are recorded.
        prompt: The prompt of every post.
        posts: How many posts to request.
        seed: The seed.
    """
    started = time.perf_counter()
    is_shown = False
    kind = ""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        body = json.dumps({"prompt": prompt, "n": posts, "seed": seed})
        connection.request(
            "POST",
            f"/api/personas/{NAME}/say",
            body,
            {"Content-Type": "application/json", "X-Popinjay": "1"},
        )
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(response.read().decode())
        for line in response:
            if not line.startswith(b"event: "):
                continue
            kind = line[7:].decode().strip()
            if kind == "piece" and not is_shown:
                is_shown = True
                client.firsts.append(time.perf_counter() - started)
            if kind == "post":
                client.posts.append(time.perf_counter())
    finally:
        connection.close()
    if kind != "end":
        raise RuntimeError(f"the response ended with {kind!r}")
    client.wholes.append(time.perf_counter() - started)


def turn(
    port: int,
    process: int,
    prompts: Sequence[str],
    count: int,
    posts: int,
    seconds: float,
    seed: int,
) -> Turn:
    """Let some clients send requests for some seconds. Raises RuntimeError if a request fails.

    Args:
        port: The server's port.
        process: The server's process id.
        prompts: At least as many prompts as clients.
        count: How many clients.
        posts: The posts of each request.
        seconds: How long they send requests.
        seed: The first request's seed.
    """
    clients = [Client() for _ in range(count)]
    late = Client()
    failed: list[Exception] = []
    before = processor(process)
    started = time.perf_counter()

    def send_requests(number: int) -> None:
        client = clients[number]
        try:
            while time.perf_counter() < started + seconds:
                turns = len(client.wholes)
                prompt = prompts[number if count > 1 else turns % len(prompts)]
                request(port, client, prompt, posts, seed + 1_000 * number + turns)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=send_requests, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    if count > 1:
        time.sleep(seconds / 2)
        request(port, late, prompts[0], 1, seed)
    time.sleep(max(0.0, started + seconds - time.perf_counter()))
    used = processor(process) - before
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(f"{len(failed)} of {count} clients failed") from failed[0]
    in_time = [sum(post < started + seconds for post in client.posts) for client in clients]
    return Turn(clients, in_time, seconds, used, sum(late.wholes))


def processor(process: int) -> float:
    """Return the CPU seconds that a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> dict[str, int]:
    """Return the MB that a process holds (VmRSS) and the peak (VmHWM)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {
        line.split(":")[0]: int(line.split()[1]) * 1024 // 1_000_000
        for line in lines
        if line.startswith(("VmRSS", "VmHWM"))
    }


def measure(
    port: int, process: int, prompts: Sequence[str], posts: int, args: argparse.Namespace
) -> list[str]:
    """Measure one client and the concurrent clients in turns; return a row of the table.

    Args:
        port: The server's port.
        process: The server's process id.
        prompts: A prompt for each client.
        posts: The posts of each request.
        args: The command line.
    """
    turn(port, process, prompts, args.clients, posts, 1, 0)  # warm-up
    singles: list[Turn] = []
    crowds: list[Turn] = []
    for number in range(1, args.rounds + 1):
        seed = 100_000 * number
        singles.append(turn(port, process, prompts, 1, posts, args.seconds, seed))
        crowds.append(turn(port, process, prompts, args.clients, posts, args.seconds, seed))
    pairs = list(zip(singles, crowds, strict=True))
    single_clients = [client for single in singles for client in single.clients]
    crowd_clients = [client for crowd in crowds for client in crowd.clients]
    shares = [
        count / (sum(crowd.posts) / len(crowd.posts)) for crowd in crowds for count in crowd.posts
    ]
    return [
        str(posts),
        f"{median(single.rate for single in singles):.1f}",
        f"{median(crowd.rate for crowd in crowds):.1f}",
        ratios([crowd.rate / single.rate for single, crowd in pairs]),
        ratios([crowd.rate_by_processor / single.rate_by_processor for single, crowd in pairs]),
        milliseconds([first for client in single_clients for first in client.firsts]),
        milliseconds([first for client in crowd_clients for first in client.firsts]),
        milliseconds([client.firsts[0] for client in crowd_clients]),
        milliseconds([whole for client in single_clients for whole in client.wholes]),
        milliseconds([whole for client in crowd_clients for whole in client.wholes]),
        f"{min(shares):.0%} to {max(shares):.0%}",
        milliseconds([crowd.late for crowd in crowds]),
    ]


def ratios(found: Sequence[float]) -> str:
    """Format the median of ratios, and the least and greatest."""
    return f"{median(found):.2f} ({min(found):.2f}, {max(found):.2f})"


def milliseconds(found: Sequence[float]) -> str:
    """Format the median and the maximum of seconds, in milliseconds."""
    return f"{1000 * median(found):,.0f} ({1000 * max(found):,.0f})"


HEAD = [
    "posts a request",
    "one client, posts/s",
    "concurrent clients, posts/s",
    "ratio (from, to)",
    "by CPU time",
    "one client: first words, ms (max)",
    "concurrent",
    "first request of each",
    "one client: whole request, ms (max)",
    "concurrent",
    "posts of a client, of the mean",
    "a latecomer's one post",
]


def main() -> None:
    """Make the persona, serve it, and print the tables."""
    args = parse()
    args.work.mkdir(parents=True, exist_ok=True)
    posts = persona(args.work, args.personas)
    prompts = [
        " ".join(post.split()[: 2 + number % 2])
        for number, post in enumerate(posts[: args.clients])
    ]
    with serving(args.work / "home") as (port, process):
        before = memory(process)["VmRSS"]
        request(port, Client(), "", 1, 0)
        loaded = memory(process)["VmRSS"]
        rows = [measure(port, process, prompts, count, args) for count in args.posts]
        held = memory(process)
    print(
        f"\n### {args.clients} clients for {args.seconds:g} seconds,"
        f" medians of {args.rounds} rounds; no request failed\n\n{table(HEAD, rows)}\n",
        flush=True,
    )
    print(
        f"memory of the server, MB: {before:,} before, {loaded:,} with the persona,"
        f" {held['VmRSS']:,} after the concurrent clients, {held['VmHWM']:,} at most"
    )


if __name__ == "__main__":
    main()
