"""Measure what fewer bits cost: held-out bits a byte of exported pages, and their sizes.

    python bench/web_bits.py NAME [NAME ...] [--quant q8 q5 q4] [--posts 60] [--work FOLDER]

Each persona is exported with each type of weights, and the folder is read back as the page reads
it; so is the ONNX export in 8 bits. Beside them stands the persona in float32. The end of a post is
scored, and counts as a byte. The last column says how often the likeliest token is the same as in
float32. Exports in the folder `--work` are kept, and not written again.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from exported_page import Reading, exact_model, page_model, score
from exports import exported, megabytes, working_folder
from popinjay.exporting.onnx.compare import ExportedModel
from popinjay.inference.onnx.architecture import read_architecture
from popinjay.inference.tokenizer import Tokenizer
from popinjay.models.model_files import files_of
from popinjay.post import read_rows
from popinjay.store.run import Run, home
from training.report import table


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", help="personas in POPINJAY_HOME")
    parser.add_argument("--quant", nargs="+", default=["q8", "q5", "q4"])
    parser.add_argument("--posts", type=int, default=60, help="held-out posts")
    parser.add_argument("--work", type=Path, help="a folder to keep the exports in")
    return parser.parse_args()


def main() -> None:
    """Measure, and print a table."""
    options = parse()
    rows = []
    with working_folder(options.work) as work:
        for name in options.names:
            run = Run.find(name, home())
            texts = [row["text"] for row in read_rows(run.file("held_out.jsonl"))][: options.posts]
            files = files_of(run.folder("model"))
            tokenizer = Tokenizer(files.folder, files.settings)
            exact = score(exact_model(run.folder("model")), texts, tokenizer)
            rows.append([f"{name} float32", f"{exact.bits_per_byte:.4f}", "", "", "", ""])
            for kind, quant in (("onnx", "q8"), *(("web", quant) for quant in options.quant)):
                began = time.perf_counter()
                folder = exported(run, kind, quant, work)
                seconds = time.perf_counter() - began
                found = score(opened(folder, kind), texts, tokenizer)
                same = [a == b for a, b in zip(found.likeliest, exact.likeliest, strict=True)]
                rows.append(
                    [
                        f"{name} {kind} {quant}",
                        f"{found.bits_per_byte:.4f}",
                        f"{100 * (found.bits_per_byte / exact.bits_per_byte - 1):+.2f}%",
                        f"{megabytes(folder):.1f}",
                        f"{seconds:.0f}",
                        f"{100 * sum(same) / len(same):.1f}%",
                    ]
                )
                print(*rows[-1], file=sys.stderr, flush=True)
    print(table(["", "bits a byte", "beside float32", "MB", "exported in, s", "same token"], rows))


def opened(folder: Path, kind: str) -> Reading:
    """Open an exported model."""
    if kind == "web":
        return page_model(folder / "model")
    return ExportedModel(folder / "onnx" / "model_quantized.onnx", read_architecture(folder))


if __name__ == "__main__":
    main()
