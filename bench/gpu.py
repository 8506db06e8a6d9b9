"""Compare training a persona on a GPU with transformers' Trainer at its best settings.

    python bench/gpu.py [--smollm2 FOLDER] [--gpt2 FOLDER] [--personas FOLDER] [--out FILE] ...

SmolLM2 is trained if its folder is given, and GPT-2 124M with random weights, on 1,676 posts (as
many as one of HuggingTweets' cards had) in bf16. The output has seconds, tokens a second, and the
share of the rate of one large bf16 matrix product, which is measured in the same run. Trainer uses
bf16, fused AdamW, packed posts, no activation checkpointing, and the fastest of several batch
sizes.

This script has never been run on a GPU: no machine of this project had one. A run on a CPU with
`--device cpu --quick` only shows that the script works.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training import peers, whole
from training.children import has_gpu, in_subprocess
from training.report import table
from training.texts import english

POSTS = 1676
VALIDATION_POSTS = 88  # as many as `dataset` sets apart from so many posts
BATCHES = (4, 8, 16, 32)  # Trainer's batch sizes, in blocks
BATCH_TOKENS = (None, 4096, 16_384)  # ours; None: the default of the base's row
QUICK_SHAPE = {"n_layer": 2, "n_embd": 64, "n_head": 2}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--smollm2", type=Path, help="a folder with SmolLM2's files")
    parser.add_argument("--gpt2", type=Path, help="a folder with encoder.json and vocab.bpe")
    parser.add_argument("--personas", type=Path, help="real posts; default: synthetic ones")
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--compile", action="store_true", help="let Trainer compile the model")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="a trial: few posts, small models")
    parser.add_argument("--out", type=Path, help="a file for all measurements, as JSON")
    return parser.parse_args()


def describe(device: str, size: int) -> tuple[str, float]:
    """Return the device's name, and the operations a second of a matrix product of this size."""
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else "the processor"
    return f"{name}, torch {torch.__version__}", whole.matrix_peak(device, size)


def measure(job: whole.Job, args: argparse.Namespace) -> dict[str, whole.Whole]:
    """Train one model with Trainer and with ours, in every setting."""
    block = 128 if args.quick else 1024
    batches = BATCHES[:1] if args.quick else BATCHES
    sizes = BATCH_TOKENS[:1] if args.quick else BATCH_TOKENS
    options = {"torch_compile": True} if args.compile else {}
    theirs = [in_subprocess(whole.by_trainer, job, batch, block, options)[0] for batch in batches]
    found = {"Trainer's best": whole.quickest(theirs)}
    for size in sizes:
        label = "ours" if size is None else f"ours, {size:,}"
        found[label] = in_subprocess(whole.by_ours, job, size)[0]
    return {name: one for name, one in found.items() if one}


def show(title: str, found: dict[str, whole.Whole], peak: float) -> None:
    """Print one model's table."""
    head = ["", "seconds", "in steps", "tokens", "tokens/s", "x Trainer", "GFLOP a token"]
    trainers = next(iter(found.values())).tokens_a_second
    rows = [
        [
            name,
            f"{one.seconds:.1f}",
            f"{one.tokens / one.tokens_a_second:.1f}",
            f"{one.tokens:,}",
            f"{one.tokens_a_second:,.0f}",
            f"{one.tokens_a_second / trainers:.2f}",
            f"{one.flops_a_token / 1e9:.3g}",
            f"{one.share_of(peak):.0%}",
            one.setting,
        ]
        for name, one in found.items()
    ]
    head += ["of the peak", "setting"]
    print(f"\n### {title}\n\n{table(head, rows)}", flush=True)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure everything that was asked for, print it, and return it."""
    count = 60 if args.quick else POSTS
    posts = english(args.personas, count + VALIDATION_POSTS)
    texts, validation = posts[:count], posts[count:]
    device: str = args.device
    name_of_device, peak = in_subprocess(describe, device, 512 if args.quick else 8192)[0]
    print(
        f"{name_of_device}: one large matrix product reaches {peak / 1e12:.2f} TFLOP/s", flush=True
    )
    results: dict[str, Any] = {
        "device": name_of_device,
        "peak": peak,
        "posts": len(texts),
        "models": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        gpt2 = Path(folder)
        shape = QUICK_SHAPE if args.quick else {}
        in_subprocess(peers.save_gpt2, peers.Task(texts, args.gpt2, "cpu", shape), gpt2)
        models = {"smollm2": args.smollm2} if args.smollm2 else {}
        for name, files in {**models, "gpt2": gpt2}.items():
            job = whole.Job(name, files, texts, validation, device, args.epochs)
            found = measure(job, args)
            show(f"{name}, {len(texts):,} posts, {args.epochs:g} epochs", found, peak)
            results["models"][name] = {
                way: {**asdict(one), "share of peak": one.share_of(peak)}
                for way, one in found.items()
            }
    return results


def main() -> None:
    """Run, unless there is no GPU to run on."""
    args = parse()
    if args.device == "cuda" and not in_subprocess(has_gpu)[0]:
        print("Nothing was measured: torch finds no GPU with CUDA on this machine.")
        return
    results = run(args)
    if args.out:
        args.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
