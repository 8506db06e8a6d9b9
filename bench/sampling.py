"""Compare sampling with other libraries: tokens a second, memory, cold start, cost of 8 bits.

    python bench/sampling.py --work FOLDER [--gpt2 FOLDER] [--smollm2 FOLDER]
        [--personas FOLDER] [--rows 10 100] [--tokens 60 24] [--pairs 3]

All take turns, and ratios are of one run. GPT-2 124M has random weights, which cost the same as
trained ones; `--gpt2` is a folder with its encoder.json and vocab.bpe. SmolLM2 is measured if it is
on this machine; `--smollm2` is a folder with its files. llama.cpp gets GPT-2 models only. It is
measured if llama-cpp-python and gguf are installed, CTranslate2 if that is. WORK keeps only the
converted models.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from pairs import in_turns, show_pairs
from popinjay.models import bases
from samplers.children import EXACT, OURS, RECIPE, SAMPLERS, Child, Missing
from training.report import table
from training.texts import synthetic

BASE = Path(__file__).parents[1] / "src" / "popinjay" / "assets" / "base"
SCORED = 30  # posts
ENGLISH = "wl_barackobama"  # the author whose held-out posts SmolLM2 scores
PARTS = ("memory", "speed", "start", "quality", "rules")
THEIR_POST = (
    "from transformers import pipeline; print(pipeline('text-generation', model={folder!r})"
    "('The', do_sample=True, top_p=0.95, max_new_tokens=30))"
)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work", type=Path, required=True, help="a folder for models and converted models"
    )
    parser.add_argument(
        "--gpt2",
        type=Path,
        help="a folder with GPT-2's encoder.json and vocab.bpe; default: only the built-in base",
    )
    parser.add_argument(
        "--smollm2",
        type=Path,
        help="a folder with SmolLM2's files; default: the one in the cache, if there is one",
    )
    parser.add_argument(
        "--personas",
        type=Path,
        help="a folder of NAME.jsonl.gz, posts of one author each; without it, no quality",
    )
    parser.add_argument(
        "--author", default="pd_bierce", help="the author whose held-out posts are scored"
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10, 100], help="posts in a batch")
    parser.add_argument(
        "--tokens",
        type=int,
        nargs="+",
        default=[60, 24],
        help="maximum new tokens a post, one value for each value of --rows",
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--pairs", type=int, default=3, help="rounds, after a warm-up round")
    return parser.parse_args()


def gpt2(vocabulary: Path, work: Path) -> Path:
    """Save GPT-2 124M with random weights, unless it is there; return its folder."""
    folder = work / "gpt2"
    if not (folder / "model.safetensors").exists():
        from tokenizers import ByteLevelBPETokenizer
        from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

        raw = ByteLevelBPETokenizer(str(vocabulary / "encoder.json"), str(vocabulary / "vocab.bpe"))
        raw.add_special_tokens(["<|endoftext|>"])
        # CTranslate2 needs all three.
        special = dict.fromkeys(("eos_token", "bos_token", "unk_token"), "<|endoftext|>")
        tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
            tokenizer_object=raw._tokenizer, **special
        )
        tokenizer.save_pretrained(folder)
        GPT2LMHeadModel(GPT2Config()).save_pretrained(folder)
    return folder


def smollm2(given: Path | None) -> Path | None:
    """Return SmolLM2's folder; print why and return None if it is not on this machine."""
    base = bases.row("smollm2")
    if given is None and not bases.is_here(base):
        print(
            "smollm2: not measured, it is not on this machine"
            " (popinjay bases get smollm2, or --smollm2 FOLDER).",
            flush=True,
        )
        return None
    return given or bases.folder_of(base)


def speed(folder: Path, args: argparse.Namespace) -> None:
    """Run every sampler in turns for each number of rows; print the rates and peaks of memory."""
    alive: dict[str, Child] = {}
    for name in SAMPLERS:
        try:
            alive[name] = Child(name, folder, args.work)
        except Missing as reason:
            print(f"{name}: not measured, {reason}", flush=True)
    head = ["posts in a batch", "sampler", "new tokens/s", f"x {RECIPE} (from, to)"]
    rows: list[list[str]] = []
    for count, max_tokens in zip(args.rows, args.tokens, strict=True):
        rounds = [
            {name: child.turn(count, max_tokens, seed) for name, child in alive.items()}
            for seed in range(args.pairs + 1)
        ][1:]
        rates = {name: [one[name][0] / one[name][1] for one in rounds] for name in alive}
        for name, own in rates.items():
            ratios = [0.0]
            if RECIPE in rates:
                ratios = sorted(a / b for a, b in zip(own, rates[RECIPE], strict=True))
            rows.append(
                [
                    f"{count}, of up to {max_tokens} tokens",
                    name,
                    f"{median(own):,.0f}",
                    f"{median(ratios):.2f} ({ratios[0]:.2f}, {ratios[-1]:.2f})",
                ]
            )
    print(f"\n### {folder.name}, medians of {args.pairs} rounds\n\n{table(head, rows)}\n")
    peaks = [[name, f"{child.stop():,}"] for name, child in alive.items()]
    head = ["sampler", f"peak MB, with {max(args.rows)} posts in a batch"]
    print(f"{table(head, peaks)}\n", flush=True)


def memory(folder: Path, args: argparse.Namespace) -> None:
    """Print the peak of our sampler's memory with ten posts, while it converts and afterwards."""
    for what in ("while it converts the model", "afterwards"):
        if what != "afterwards":
            (args.work / "engine" / folder.name / "int8.safetensors").unlink(missing_ok=True)
        child = Child(OURS, folder, args.work)
        child.turn(10, args.tokens[0], 0)
        print(f"{OURS}, 10 posts, {what}: {child.stop():,} MB at most", flush=True)


def cold_start(folder: Path, args: argparse.Namespace) -> None:
    """Time whole processes from the shell to the first post: ours, and transformers' pipeline.

    Both generate from the same persona's model. Models with random weights are first trained for a
    minute, so that posts end after about ten words; untrained, they write nothing that passes the
    output filters.
    """
    from popinjay import make

    posts = args.work / "posts.txt"
    posts.write_text(
        "\n".join(" ".join(post.split()[:10]) for post in synthetic(600)), encoding="utf-8"
    )
    options: dict[str, Any] = {
        "budget": "60s",
        "samples": 10,
        "track": "none",
        "whose": "fictional",
    }
    if folder.name in ("gpt2", BASE.name):
        options["learning_rate"] = 1e-3
    persona = make(
        posts,
        name=f"cold-{folder.name}",
        home=args.work / "personas",
        base=str(folder),
        **options,
    )
    script = str(Path(sys.executable).with_name("popinjay"))
    ours = [script, "say", persona.name, "-n", "1", "--home", str(args.work / "personas")]
    theirs = [sys.executable, "-c", THEIR_POST.format(folder=str(persona.path / "model"))]
    run = partial(subprocess.run, check=True, capture_output=True)
    times = in_turns(lambda: run(ours), lambda: run(theirs), args.pairs)
    show_pairs(times, f"popinjay say, {folder.name}", "transformers pipeline")


def quality(folder: Path, author: str, args: argparse.Namespace) -> None:
    """Print a base's bits per byte on an author's held-out posts, exact and with 8 bits."""
    from base import Texts
    from samplers.quality import bits_per_byte

    texts = Texts(args.personas / f"{author}.jsonl.gz").held_out[:SCORED]
    exact, ours = (bits_per_byte(folder, texts, exact=exact) for exact in (True, False))
    what = f"bits per byte of {len(texts)} held-out posts by {author}"
    print(
        f"{folder.name}, {EXACT}: {exact:.4f} {what}; {OURS}: {ours:.4f} ({ours / exact - 1:+.3%})",
        flush=True,
    )


def filters(args: argparse.Namespace) -> None:
    """Print the output filters' share of the time with the built-in base, and the index's size."""
    from base import Texts
    from popinjay.sampling.filters import MIN_HOLDERS
    from popinjay.store.index_file import index_of_file
    from samplers.filter_share import filter_share

    posts = Texts(args.personas / f"{args.author}.jsonl.gz").train
    file = args.work / "train.jsonl"
    cache = args.work / "engine" / BASE.name
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in posts), encoding="utf-8")
    started = time.perf_counter()
    index = index_of_file(file, cache / "posts.index", MIN_HOLDERS)
    seconds = time.perf_counter() - started
    print(
        f"\nIndex of {len(posts):,} posts by {args.author}: built once in {seconds:.2f} s;"
        f" {index.size / len(posts):.0f} kB per 1,000 posts",
        flush=True,
    )
    for count in (10, 100, 1000):
        whole, loading, filtering = filter_share(BASE, cache, file, count)
        print(
            f"{count:,} posts: {whole:.2f} s, of which the index {loading / whole:.1%},"
            f" the filters {filtering / whole:.1%}",
            flush=True,
        )


def main() -> None:
    """Measure everything requested that can be measured here."""
    args = parse()
    args.work.mkdir(parents=True, exist_ok=True)
    folders = [BASE] if args.gpt2 is None else [gpt2(args.gpt2, args.work), BASE]
    english = smollm2(args.smollm2)
    folders += [] if english is None else [english]
    for name, measure in (("memory", memory), ("speed", speed)):
        for folder in folders if name in args.only else []:
            measure(folder, args)
    if "start" in args.only:
        for folder in folders:
            cold_start(folder, args)
    for name in {"quality", "rules"} & set(args.only) if args.personas is None else ():
        print(f"{name}: not measured, needs real authors' posts (--personas).")
    if args.personas is not None and "quality" in args.only:
        quality(BASE, args.author, args)
        if english is not None:
            quality(english, ENGLISH, args)
    if args.personas is not None and "rules" in args.only:
        filters(args)


if __name__ == "__main__":
    main()
