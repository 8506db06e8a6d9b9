"""Sampling beside others: new tokens a second in turns, memory, cold start, and what 8 bits cost. Ratios of one run.

    python bench/sampling.py --work FOLDER [--gpt2 FOLDER] [--smollm2 FOLDER]
        [--personas FOLDER] [--rows 10 100] [--tokens 60 24] [--pairs 3]

GPT-2 124M has random weights, which cost the same; `--gpt2` is a folder with its encoder.json and vocab.bpe. SmolLM2 is measured
if it is on this machine; `--smollm2` is a folder with its files. llama.cpp is given GPT-2's kind only. CTranslate2 is
measured where it is installed, and llama.cpp where llama-cpp-python and gguf are. Nothing is kept in WORK but what peers and
ours turned the model into.
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

from pairs import in_turns, show_pairs
from popinjay.models import bases
from samplers.children import EXACT, OURS, RECIPE, SAMPLERS, Child, Missing
from training.report import table
from training.texts import synthetic

BASE = Path(__file__).parents[1] / "src" / "popinjay" / "assets" / "base"
SCORED = 30  # posts
ENGLISH = "wl_barackobama"  # whose held-out posts SmolLM2 scores
PARTS = ("memory", "speed", "start", "quality", "rules")
THEIR_POST = "from transformers import pipeline; print(pipeline('text-generation', model={folder!r})('The', do_sample=True, top_p=0.95, max_new_tokens=30))"


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work", type=Path, required=True, help="where models and what they are turned into lie"
    )
    parser.add_argument(
        "--gpt2",
        type=Path,
        help="a folder with GPT-2's encoder.json and vocab.bpe; without it only the built-in base",
    )
    parser.add_argument(
        "--smollm2",
        type=Path,
        help="a folder with SmolLM2's files; default: that of the cache, if it is there",
    )
    parser.add_argument(
        "--personas",
        type=Path,
        help="a folder of NAME.jsonl.gz, posts of one author each; without it no quality",
    )
    parser.add_argument("--author", default="pd_bierce", help="whose held-out posts are scored")
    parser.add_argument("--rows", type=int, nargs="+", default=[10, 100], help="posts side by side")
    parser.add_argument(
        "--tokens",
        type=int,
        nargs="+",
        default=[60, 24],
        help="new tokens of a post, at most, for each of these numbers of posts",
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--pairs", type=int, default=3, help="rounds, after one that does not count"
    )
    return parser.parse_args()


def gpt2(vocabulary: Path, work: Path) -> Path:
    """A folder with GPT-2 124M of random weights."""
    folder = work / "gpt2"
    if not (folder / "model.safetensors").exists():
        from tokenizers.implementations import ByteLevelBPETokenizer
        from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

        raw = ByteLevelBPETokenizer(str(vocabulary / "encoder.json"), str(vocabulary / "vocab.bpe"))
        raw.add_special_tokens(["<|endoftext|>"])
        special = dict.fromkeys(
            ("eos_token", "bos_token", "unk_token"), "<|endoftext|>"
        )  # CTranslate2 can't do without
        PreTrainedTokenizerFast(tokenizer_object=raw._tokenizer, **special).save_pretrained(folder)
        GPT2LMHeadModel(GPT2Config()).save_pretrained(folder)
    return folder


def smollm2(given: Path | None) -> Path | None:
    """The folder with SmolLM2; None, and a line that says why, if it is not on this machine."""
    base = bases.row("smollm2")
    if given is None and not bases.is_here(base):
        print(
            "smollm2: not measured, it is not on this machine (popinjay bases get smollm2, or --smollm2 FOLDER).",
            flush=True,
        )
        return None
    return given or bases.folder_of(base)


def speed(folder: Path, args: argparse.Namespace) -> None:
    """Every sampler in turns, for each number of rows; then the most memory that each held."""
    alive: dict[str, Child] = {}
    for name in SAMPLERS:
        try:
            alive[name] = Child(name, folder, args.work)
        except Missing as reason:
            print(f"{name}: not measured, {reason}", flush=True)
    head, rows = ["posts side by side", "sampler", "new tokens/s", f"x {RECIPE} (from, to)"], []
    for count, most in zip(args.rows, args.tokens, strict=True):
        rounds = [
            {name: child.turn(count, most, seed) for name, child in alive.items()}
            for seed in range(args.pairs + 1)
        ][1:]
        rates = {name: [one[name][0] / one[name][1] for one in rounds] for name in alive}
        for name, own in rates.items():
            ratios = (
                sorted(a / b for a, b in zip(own, rates[RECIPE], strict=True))
                if RECIPE in rates
                else [0.0]
            )
            rows.append(
                [
                    f"{count}, of up to {most} tokens",
                    name,
                    f"{median(own):,.0f}",
                    f"{median(ratios):.2f} ({ratios[0]:.2f}, {ratios[-1]:.2f})",
                ]
            )
    print(
        f"\n### {folder.name}, medians of {args.pairs} rounds\n\n{table(head, rows)}\n", flush=True
    )
    peaks = [[name, f"{child.stop():,}"] for name, child in alive.items()]
    print(
        f"{table(['sampler', f'peak MB, with {max(args.rows)} posts side by side'], peaks)}\n",
        flush=True,
    )


def memory(folder: Path, args: argparse.Namespace) -> None:
    """Of ours with ten posts only, once the model is turned, and while it is."""
    for what in ("while it turns the model", "afterwards"):
        if what != "afterwards":
            (args.work / "engine" / folder.name / "int8.safetensors").unlink(missing_ok=True)
        child = Child(OURS, folder, args.work)
        child.turn(10, args.tokens[0], 0)
        print(f"{OURS}, 10 posts, {what}: {child.stop():,} MB at most", flush=True)


def cold_start(folder: Path, args: argparse.Namespace) -> None:
    """From the shell to the first post, as whole processes: a persona on this base, and transformers' pipeline on its model.

    Random weights learn for a minute that a post ends after ten words; before that the rules let none of theirs out. Both stop where it ends.
    """
    from popinjay import make

    posts = args.work / "posts.txt"
    posts.write_text(
        "\n".join(" ".join(post.split()[:10]) for post in synthetic(600)), encoding="utf-8"
    )
    options = {"budget": "60s", "samples": 10, "track": "none", "whose": "fictional"}
    if folder.name in ("gpt2", BASE.name):
        options["learning_rate"] = 1e-3
    persona = make(
        posts,
        name=f"cold-{folder.name}",
        home_folder=args.work / "personas",
        base=str(folder),
        **options,
    )
    say = [
        str(Path(sys.executable).with_name("popinjay")),
        "say",
        persona.name,
        "-n",
        "1",
        "--home",
        str(args.work / "personas"),
    ]
    theirs = [sys.executable, "-c", THEIR_POST.format(folder=str(persona.path / "model"))]
    commands = [
        partial(subprocess.run, command, check=True, capture_output=True)
        for command in (say, theirs)
    ]
    show_pairs(
        in_turns(commands[0], commands[1], args.pairs),
        f"popinjay say, {folder.name}",
        "transformers pipeline",
    )


def quality(folder: Path, author: str, args: argparse.Namespace) -> None:
    """A base on somebody's held-out posts."""
    from base import Texts
    from samplers.quality import bits_per_byte

    texts = Texts(args.personas / f"{author}.jsonl.gz").held_out[:SCORED]
    exact, ours = (bits_per_byte(folder, texts, exact=exact) for exact in (True, False))
    what = f"bits per byte of {len(texts)} held-out posts by {author}"
    print(
        f"{folder.name}, {EXACT}: {exact:.4f} {what}; {OURS}: {ours:.4f} ({ours / exact - 1:+.3%})",
        flush=True,
    )


def rules(args: argparse.Namespace) -> None:
    """The built-in base by the rules for somebody's posts: their share of the time, and the index's size."""
    from base import Texts
    from popinjay.sampling.filters import MIN_HOLDERS
    from popinjay.store.index_file import index_of_file
    from samplers.rules_share import rules_share

    posts, file, cache = (
        Texts(args.personas / f"{args.author}.jsonl.gz").train,
        args.work / "train.jsonl",
        args.work / "engine" / BASE.name,
    )
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in posts), encoding="utf-8")
    began = time.perf_counter()
    index = index_of_file(file, cache / "posts.index", MIN_HOLDERS)
    seconds = time.perf_counter() - began
    print(
        f"\nIndex of {len(posts):,} posts by {args.author}: made once in {seconds:.2f} s; {index.size / len(posts):.0f} kB per 1,000 posts",
        flush=True,
    )
    for count in (10, 100, 1000):
        whole, loading, watching = rules_share(BASE, cache, file, count)
        print(
            f"{count:,} posts: {whole:.2f} s, of them the index {loading / whole:.1%}, watching and judging {watching / whole:.1%}",
            flush=True,
        )


def main() -> None:
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
        print(f"{name}: not measured, it needs real authors' posts (--personas).")
    if args.personas is not None and "quality" in args.only:
        quality(BASE, args.author, args)
        if english is not None:
            quality(english, ENGLISH, args)
    if args.personas is not None and "rules" in args.only:
        rules(args)


if __name__ == "__main__":
    main()
