"""Measure exported pages in Chromium: sizes, the first post, tokens a second.

    python bench/web.py NAME [NAME ...] [--quant q8 q5] [--runs 3] [--transformers-js FOLDER]

Each persona is exported, served on loopback and opened in a new profile, with one thread. With
`--transformers-js`, the folder of that package (of `npm install @huggingface/transformers`), its
ONNX export in 8 bits writes in turn with the page, as many tokens, one row at a time.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from chromium import chromium
from popinjay.errors import PersonaError
from popinjay.exporting.export import export
from popinjay.options import ExportOptions
from popinjay.store.run import Run, home
from training.report import table

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PATIENCE = 300_000  # milliseconds
BEGINNING = "The best thing about"
LOOPBACK = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
THEIRS = """<!doctype html><meta charset="utf-8"><title>transformers.js</title>
<script type="module">
import { env, pipeline } from "./lib/transformers.min.js";
env.localModelPath = "./";
env.allowLocalModels = true;
env.allowRemoteModels = false;
env.backends.onnx.wasm.numThreads = 1;
const engine = new URL("./lib/ort-wasm-simd-threaded", location.href).href;
env.backends.onnx.wasm.wasmPaths = { mjs: `${engine}.mjs`, wasm: `${engine}.wasm` };
const write = await pipeline("text-generation", "model", { dtype: "q8", device: "wasm" });
window.measure = async (text, tokens) => {
  const began = performance.now();
  await write(text, { max_new_tokens: tokens, min_new_tokens: tokens, do_sample: true });
  return tokens / ((performance.now() - began) / 1000);
};
document.body.dataset.ready = "true";
</script>
"""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", help="personas in POPINJAY_HOME")
    parser.add_argument("--quant", nargs="+", default=["q8", "q5"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--transformers-js", type=Path)
    return parser.parse_args()


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback."""
    handler = functools.partial(_Files, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def ours(browser: Browser, folder: Path, runs: int) -> dict[str, Any]:
    """Measure an exported page: seconds and tokens a second, the median of some runs."""
    with serving(folder) as address:
        page = browser.new_page()
        began = time.perf_counter()
        page.goto(address)
        page.wait_for_selector("body[data-ready]", timeout=PATIENCE)
        loaded = time.perf_counter() - began
        firsts, speeds = [], []
        for _ in range(runs):
            page.evaluate("delete document.body.dataset.speed")
            page.fill("#beginning", BEGINNING)
            page.click("#write")
            page.wait_for_selector("body[data-speed]", timeout=PATIENCE)
            found = json.loads(page.evaluate("JSON.stringify(document.body.dataset)"))
            firsts.append(float(found["first"]) / 1000)
            speeds.append(float(found["speed"]))
        page.close()
    return {"loaded": loaded, "first": median(firsts), "speed": median(speeds)}


def theirs(browser: Browser, folder: Path, library: Path, runs: int) -> float:
    """Measure transformers.js with an ONNX export: tokens a second, the median of some runs."""
    site = folder.parent / f"{folder.name}-page"
    shutil.copytree(library / "dist", site / "lib")
    for ending in ("mjs", "wasm"):
        name = f"ort-wasm-simd-threaded.{ending}"
        shutil.copyfile(library.parents[1] / "onnxruntime-web/dist" / name, site / "lib" / name)
    shutil.copytree(folder, site / "model")
    (site / "index.html").write_text(THEIRS, encoding="utf-8")
    with serving(site) as address:
        page = browser.new_page()
        page.on("pageerror", lambda error: print(error, file=sys.stderr))
        page.goto(address)
        page.wait_for_selector("body[data-ready]", timeout=PATIENCE)
        script = "([text, tokens]) => measure(text, tokens)"
        page.evaluate(script, [BEGINNING, 8])
        speeds = [float(page.evaluate(script, [BEGINNING, 40])) for _ in range(runs)]
        page.close()
    return median(speeds)


def their_row(browser: Browser, run: Run, work: Path, options: argparse.Namespace) -> list[str]:
    """Return the row of transformers.js, which says so if the persona doesn't bear its 8 bits."""
    name = f"{run.name} transformers.js q8"
    folder = work / f"{run.name}-onnx"
    try:
        made = export(run, "onnx", folder, ExportOptions(quant="q8"))
    except PersonaError as error:
        return [name, "", "", "", error.message]
    megabytes = sum(size for _, size in made.files) / 1e6
    speed = theirs(browser, folder, options.transformers_js, options.runs)
    return [name, f"{megabytes:.1f}", "", "", f"{speed:.0f}"]


def main() -> None:
    """Measure, and print a table."""
    options = parse()
    rows = []
    with tempfile.TemporaryDirectory() as work, chromium(LOOPBACK) as browser:
        for name in options.names:
            run = Run.find(name, home())
            for quant in options.quant:
                folder = Path(work) / f"{name}-{quant}"
                made = export(run, "web", folder, ExportOptions(quant=quant))
                megabytes = sum(size for _, size in made.files) / 1e6
                found = ours(browser, folder, options.runs)
                rows.append(
                    [
                        f"{name} {quant}",
                        f"{megabytes:.1f}",
                        f"{found['loaded']:.1f}",
                        f"{found['first']:.1f}",
                        f"{found['speed']:.0f}",
                    ]
                )
            if options.transformers_js:
                rows.append(their_row(browser, run, Path(work), options))
    print(table(["page", "MB", "loaded, s", "first post, s", "tokens a second"], rows))


if __name__ == "__main__":
    main()
