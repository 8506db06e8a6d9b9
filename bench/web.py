"""Measure exported pages in Chromium: sizes, the first post, tokens a second.

    python bench/web.py NAME [NAME ...] [--quant q8 q5 q4] [--runs 3] [--transformers-js FOLDER]
        [--work FOLDER]

Each persona is exported, served on loopback and opened in a new profile, with one thread. A page
writes ten posts side by side, and one alone. With `--transformers-js`, the folder of that package
(of `npm install @huggingface/transformers`), the same persona's ONNX exports write in turn with the
page, as many side by side: that in 8 bits, and one in 4 bits made here (MatMulNBits, blocks of 32).
Exports in the folder `--work` are kept, and not written again.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from chromium import chromium
from exports import exported, megabytes, working_folder
from popinjay.store.run import Run, home
from training.report import table

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from playwright.sync_api import Browser

PATIENCE = 300_000  # milliseconds
ROWS = 10  # posts that a page writes side by side
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
const dtype = new URLSearchParams(location.search).get("dtype");
const write = await pipeline("text-generation", "model", { dtype, device: "wasm" });
window.measure = async ([text, tokens, rows]) => {
  const began = performance.now();
  const options = { max_new_tokens: tokens, min_new_tokens: tokens, do_sample: true };
  await write(rows > 1 ? Array(rows).fill(text) : text, options);
  return rows * tokens / ((performance.now() - began) / 1000);
};
document.body.dataset.ready = "true";
</script>
"""
# What the page's worker does, with another number of rows
OURS = """async ([text, posts, rows]) => {
  const get = (name) => import(new URL(name, location.href));
  const [{ OnnxDecoder }, files, { OutputFilters }, { GenerationRequest }, { generate }] =
    await Promise.all(["decoder", "files", "filters", "request", "scheduler"].map(
      (name) => get(`${name}.js`)));
  const [{ Tokenizer }, { VerbatimIndex }, { unpackWeights }, { default: factory }] =
    await Promise.all(["tokenizer.js", "verbatim_index.js", "weights.js",
      "engine/ort-wasm-simd-threaded.mjs"].map(get));
  if (!window.decoder) {
    const list = await files.listing();
    const bytes = (name) => files.bytesOf(name, list);
    const { special } = await files.jsonOf("persona.json", list);
    const layout = await files.jsonOf("model/model.json", list);
    const tokenizer = new Tokenizer(await files.jsonOf("model/tokenizer.json.gzip", list), special);
    const index = new VerbatimIndex(await bytes("posts.index"),
      new VerbatimIndex(await bytes("marked.index")));
    window.filters = new OutputFilters(index);
    const wasm = await bytes("engine/ort-wasm-simd-threaded.wasm.gzip");
    const weights = [];
    for (const part of layout.parts) weights.push(await bytes(`model/${part}`));
    window.decoder = await OnnxDecoder.open(
      await factory({ numThreads: 1, wasmBinary: wasm.buffer }), layout,
      await bytes("model/model.onnx"), unpackWeights(layout, weights), tokenizer);
  }
  const request = await GenerationRequest.open(window.decoder, window.filters,
    { prompt: text, n: posts, temperature: 1, topP: 1, maxTokens: 60, maxChars: 280, seed: 1 });
  const began = performance.now();
  let tokens = 0;
  await generate(window.decoder, request, rows, (drafts) => { tokens += drafts.length; });
  return tokens / ((performance.now() - began) / 1000);
}"""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", help="personas in POPINJAY_HOME")
    parser.add_argument("--quant", nargs="+", default=["q8", "q5", "q4"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--transformers-js", type=Path)
    parser.add_argument("--work", type=Path, help="a folder to keep the exports in")
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
        bare = browser.new_page()  # one that loads nothing by itself
        bare.goto(f"{address}page.css")
        alone = [float(bare.evaluate(OURS, [BEGINNING, 3, 1])) for _ in range(runs)]
        bare.close()
    return {
        "loaded": loaded,
        "first": median(firsts),
        "speed": median(speeds),
        "alone": median(alone),
    }


def theirs(browser: Browser, folder: Path, library: Path, quant: str, runs: int) -> dict[str, Any]:
    """Measure transformers.js with an ONNX export: tokens a second, the medians of some runs."""
    site = folder.parent / f"{folder.name}-page"
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(library / "dist", site / "lib")
    for ending in ("mjs", "wasm"):
        name = f"ort-wasm-simd-threaded.{ending}"
        shutil.copyfile(library.parents[1] / "onnxruntime-web/dist" / name, site / "lib" / name)
    (site / "model").symlink_to(folder)
    (site / "index.html").write_text(THEIRS, encoding="utf-8")
    with serving(site) as address:
        page = browser.new_page()
        page.on("pageerror", lambda error: print(error, file=sys.stderr))
        began = time.perf_counter()
        page.goto(f"{address}?dtype={quant}")
        page.wait_for_selector("body[data-ready]", state="attached", timeout=PATIENCE)
        loaded = time.perf_counter() - began
        page.evaluate("measure", [BEGINNING, 8, 1])
        alone, speeds = (
            [float(page.evaluate("measure", [BEGINNING, 40, rows])) for _ in range(runs)]
            for rows in (1, ROWS)
        )
        page.close()
    return {"loaded": loaded, "speed": median(speeds), "alone": median(alone)}


def export_for_them(run: Run, quant: str, work: Path) -> Path:
    """Return the folder of the ONNX export that transformers.js loads."""
    if quant == "q8":
        return exported(run, "onnx", "q8", work)
    folder = exported(run, "onnx", "fp32", work)
    whole = folder / "onnx" / "model.onnx"
    if whole.is_file():
        to_four_bits(whole, whole.with_name("model_q4.onnx"))
    return folder


def to_four_bits(whole: Path, place: Path) -> None:
    """Rewrite an ONNX model in float32 with its products in 4 bits, in blocks of 32 inputs."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(whole)
    graph = model.graph
    floats = {weight.name: weight for weight in graph.initializer}
    for node in graph.node:
        if node.op_type not in {"MatMul", "FusedMatMul"} or node.input[1] not in floats:
            continue
        name = node.input[1]
        matrix = numpy_helper.to_array(floats[name])
        matrix = matrix if node.op_type == "FusedMatMul" else matrix.T  # (outputs, inputs)
        values, scales = four_bits(matrix)
        for suffix, part in (("values", values), ("scales", scales)):
            graph.initializer.append(numpy_helper.from_array(part, f"{name}.{suffix}"))
        settings = {"K": matrix.shape[1], "N": matrix.shape[0], "bits": 4, "block_size": 32}
        inputs = [node.input[0], f"{name}.values", f"{name}.scales"]
        node.CopyFrom(
            helper.make_node(
                "MatMulNBits",
                inputs,
                list(node.output),
                name=node.name,
                domain="com.microsoft",
                accuracy_level=4,
                **settings,
            )
        )
    used = {name for node in graph.node for name in node.input}
    for name, weight in floats.items():
        if name not in used:
            graph.initializer.remove(weight)
    onnx.save_model(model, place)
    whole.unlink()


def four_bits(matrix: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Round a matrix (outputs, inputs) to 4 bits: (outputs, blocks, 16) bytes, and the scales."""
    import numpy as np

    blocks = matrix.reshape(len(matrix), -1, 32)
    place = np.abs(blocks).argmax(axis=2)[..., None]
    scales = np.take_along_axis(blocks, place, axis=2) / -8
    scales[scales == 0] = 1
    codes = np.clip(np.rint(blocks / scales) + 8, 0, 15).astype(np.uint8)
    values = codes[..., ::2] | codes[..., 1::2] << 4
    return values, np.ascontiguousarray(scales.astype(np.float32).ravel())


def main() -> None:
    """Measure, and print a table."""
    options = parse()
    rows = []
    with working_folder(options.work) as work, chromium(LOOPBACK) as browser:
        for name in options.names:
            run = Run.find(name, home())
            for quant in options.quant:
                folder = exported(run, "web", quant, work)
                found = ours(browser, folder, options.runs)
                rows.append(row(f"{name} {quant}", folder, found))
                print(*rows[-1], file=sys.stderr, flush=True)
                if options.transformers_js and quant in {"q8", "q4"}:
                    folder = export_for_them(run, quant, work)
                    found = theirs(browser, folder, options.transformers_js, quant, options.runs)
                    rows.append(row(f"{name} transformers.js {quant}", folder, found))
                    print(*rows[-1], file=sys.stderr, flush=True)
    print(table(["page", "MB", "loaded, s", "first post, s", "tokens/s, 10 posts", "1 post"], rows))


def row(name: str, folder: Path, found: Mapping[str, float]) -> list[str]:
    """Return a row of the table."""
    first = f"{found['first']:.1f}" if "first" in found else ""
    speeds = [f"{found['speed']:.0f}", f"{found['alone']:.0f}"]
    return [name, f"{megabytes(folder):.1f}", f"{found['loaded']:.1f}", first, *speeds]


if __name__ == "__main__":
    main()
