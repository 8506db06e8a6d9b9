"""Compare voices of several models with one persona: tokens a second, start, memory.

    python bench/mix.py FIRST SECOND [--home FOLDER] [--rows 17] [--tokens 20] [--rounds 5]
        [--only speed start] [--set NAME=VALUE]

FIRST and SECOND are personas of one base model. All voices write in turns in one process, so that
other load affects all alike, and ratios are of one round. Every row gets as many tokens as
`--tokens` says, whatever the voice would write: short posts would leave rows empty. Start and peak
memory are of a process for each voice, which writes one post; engines are kept already.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popinjay.inference.decoder import Decoder
from popinjay.mixing import open_voice
from popinjay.persona import load
from popinjay.sampling.sampler import Sampler, SamplingParams
from training.report import table

PARTS = ("speed", "start")
TARGET = 0.45  # of one persona's tokens a second, for two
_ONE_POST = """
import sys, time
began = time.perf_counter()
from pathlib import Path
from popinjay.mixing import open_voice
name, strength, home = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
open_voice(name, home).say(n=1, seed=1, strength=strength, max_tokens=20)
seconds = time.perf_counter() - began
import resource
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", help="a persona's name")
    parser.add_argument("second", help="another one of the same base")
    parser.add_argument("--home", type=Path, default=Path.home() / ".popinjay")
    parser.add_argument("--rows", type=int, nargs="+", default=[17], help="posts side by side")
    parser.add_argument("--tokens", type=int, default=20, help="of every row")
    parser.add_argument("--rounds", type=int, default=5, help="after a warm-up round")
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        help="a setting of ONNX Runtime's sessions, such as session.intra_op.allow_spinning=0",
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    return parser.parse_args()


def voices(args: argparse.Namespace) -> dict[str, Callable[[], Decoder]]:
    """Return what opens each voice, by name, the single persona first."""
    first, second = load(args.first, args.home), load(args.second, args.home)
    mixed = open_voice(f"{args.first}=0.7,{args.second}=0.3", args.home)
    away = open_voice(f"{args.first}=1.3,{args.second}=-0.3", args.home)
    return {
        args.first: first.decoder,
        args.second: second.decoder,
        mixed.name: mixed.decoder,
        away.name: away.decoder,
        f"{args.first} at strength 1.5": lambda: first.decoder(strength=1.5),
    }


def set_in_sessions(setting: str) -> None:
    """Give every session that is opened from now on a setting, NAME=VALUE."""
    import onnxruntime

    name, _, value = setting.partition("=")
    real = onnxruntime.SessionOptions

    def options() -> Any:
        made = real()
        made.add_session_config_entry(name, value)
        return made

    onnxruntime.SessionOptions = options


def speed(args: argparse.Namespace) -> None:
    """Print the tokens a second of each voice, and their ratio to the mean of both personas'."""
    opened = {name: open_one() for name, open_one in voices(args).items()}
    for rows in args.rows:
        rounds: list[dict[str, float]] = []
        for seed in range(args.rounds + 1):
            rounds.append(
                {name: _rate(one, rows, args.tokens, seed) for name, one in opened.items()}
            )
        lines = []
        for name in opened:
            alone = [(one[args.first] + one[args.second]) / 2 for one in rounds[1:]]
            own = [one[name] for one in rounds[1:]]
            ratios = sorted(a / b for a, b in zip(own, alone, strict=True))
            share = f"{median(ratios):.2f} ({ratios[0]:.2f}, {ratios[-1]:.2f})"
            lines.append([name, f"{median(own):,.0f}", share])
        head = ["voice", "tokens/s", f"x one persona (target {TARGET})"]
        print(f"\n### {rows} posts side by side, {args.rounds} rounds\n\n{table(head, lines)}\n")
        sys.stdout.flush()


def _rate(decoder: Decoder, rows: int, tokens: int, seed: int) -> float:
    """Return the tokens a second of this many rows, sampling included."""
    generator = np.random.default_rng(seed)
    sampler = Sampler(
        SamplingParams(decoder.sampling.temperature, top_p=decoder.sampling.top_p),
        decoder.suppressed_tokens,
    )

    def sampled(logits: NDArray[np.float32]) -> int:
        sampler.load_logits(logits, (), [decoder.eos_token])
        return sampler.sample(generator)

    first = decoder.prefill([decoder.bos_token]).copy()
    decoder.add(rows)
    last = [sampled(first) for _ in range(rows)]
    began = time.perf_counter()
    for _ in range(tokens):
        last = [sampled(logits) for logits in decoder.step(last)]
    seconds = time.perf_counter() - began
    decoder.filter([])
    return rows * tokens / seconds


def start(args: argparse.Namespace) -> None:
    """Print how long a process takes to write its first post, and its peak of memory."""
    asked = [
        (args.first, 1.0),
        (args.first, 1.5),
        (f"{args.first}+{args.second}", 1.0),
        (f"{args.first}+{args.second}", 1.5),
    ]
    lines = []
    for name, strength in asked:
        found = [_first_post(name, strength, args.home) for _ in range(args.rounds + 1)][1:]
        seconds, peaks = zip(*found, strict=True)
        label = name if strength == 1 else f"{name} at strength {strength:g}"
        lines.append([label, f"{median(seconds):.2f}", f"{median(peaks):,.0f}"])
    head = ["voice", "s until the first post", "peak MB"]
    print(f"\n### Start, medians of {args.rounds}\n\n{table(head, lines)}\n")


def _first_post(name: str, strength: float, home: Path) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-c", _ONE_POST, name, str(strength), str(home)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, peak = map(float, done.stdout.split()[-2:])
    return seconds, peak


def main() -> None:
    """Run the chosen parts."""
    args = parse()
    if args.set:
        set_in_sessions(args.set)
    for part, run in (("speed", speed), ("start", start)):
        if part in args.only:
            run(args)


if __name__ == "__main__":
    main()
