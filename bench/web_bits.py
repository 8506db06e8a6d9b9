"""Measure what fewer bits cost: held-out bits a byte of exported pages, and their sizes.

    python bench/web_bits.py NAME [NAME ...] [--quant q8 q5 q4] [--posts 60]

Each persona is exported with each type of weights, and the folder is read back as the page reads
it. Beside them stands the persona in float32. The end of a post is scored, and counts as a byte.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from exported_page import ExportedPage, bits_of
from popinjay.exporting.export import export
from popinjay.inference.onnx.decoder import OnnxDecoder
from popinjay.options import ExportOptions
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
    return parser.parse_args()


def in_float32(decoder: OnnxDecoder, texts: list[str]) -> float:
    """Return the held-out bits a byte of a persona in float32."""
    import numpy as np

    bits, size = 0.0, 0
    for text in texts:
        tokens = [decoder.bos_token, *decoder.encode(text), decoder.eos_token]
        first = decoder.prefill(tokens[:1]).copy()
        decoder.add(1)
        rows = [first, *(decoder.step([token])[0].copy() for token in tokens[1:-1])]
        bits += bits_of(np.stack(rows), tokens[1:])
        size += len(text.encode()) + 1
    return bits / size


def main() -> None:
    """Measure, and print a table."""
    options = parse()
    rows = []
    with tempfile.TemporaryDirectory() as work:
        for name in options.names:
            run = Run.find(name, home())
            texts = [row["text"] for row in read_rows(run.file("held_out.jsonl"))][: options.posts]
            decoder = OnnxDecoder(run.folder("model"), exact=True)
            exact = in_float32(decoder, texts)
            rows.append([f"{name} float32", f"{exact:.4f}", "", "", ""])
            for quant in options.quant:
                folder = Path(work) / f"{name}-{quant}"
                began = time.perf_counter()
                made = export(run, "web", folder, ExportOptions(quant=quant))
                seconds = time.perf_counter() - began
                found = ExportedPage(folder / "model").bits_per_byte(texts, decoder.tokenizer)
                megabytes = sum(size for _, size in made.files) / 1e6
                loss = f"{100 * (found / exact - 1):+.2f}%"
                rows.append(
                    [f"{name} {quant}", f"{found:.4f}", loss, f"{megabytes:.1f}", f"{seconds:.0f}"]
                )
    print(table(["weights", "bits a byte", "beside float32", "MB", "exported in, s"], rows))


if __name__ == "__main__":
    main()
