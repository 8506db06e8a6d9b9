"""ONNX, in the folder that transformers.js loads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import PersonaError
from popinjay.exporting.about import About, about
from popinjay.exporting.calibration.posts import sample, tokens_of
from popinjay.exporting.calibration.smoothing import smoothed
from popinjay.exporting.exporter import Exported, ExportRequest, ModelSize
from popinjay.exporting.onnx.compare import TEXT, check_export
from popinjay.exporting.onnx.graph import whole_model
from popinjay.exporting.plain_folder import copy_terms
from popinjay.inference.onnx.architecture import UnknownWeights, read_architecture
from popinjay.inference.tokenizer import Tokenizer
from popinjay.models.generation_config import read_config
from popinjay.models.model_files import ModelFiles, files_of
from popinjay.store.run import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

HELP = "a folder for transformers.js in browsers and Node, and for ONNX Runtime"
NEEDS = ""
QUANTS: tuple[str, ...] = ("q8", "fp32")
FILES = {"q8": "model_quantized.onnx", "fp32": "model.onnx"}  # as transformers.js looks for them
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
MAX_BYTES = 2_000_000_000  # of one file, which is a protocol buffer
README = """---
library_name: transformers.js
pipeline_tag: text-generation
tags:
- popinjay
{license}---
# {name}

{description}

With transformers.js (`npm i @huggingface/transformers`), from the folder that holds this one:

```js
import {{ env, pipeline }} from "@huggingface/transformers";
env.localModelPath = "./";
env.allowRemoteModels = false;
const generate = await pipeline("text-generation", "{folder}", {{ dtype: "{quant}" }});
const [post] = await generate({prompt}, {{
  max_new_tokens: {max_tokens}, do_sample: true, temperature: {temperature:g}, top_k: 0,
}});
```

A post begins with the token `{begin}` and ends with `{end}`. Popinjay's own filters are not part of
this: other programs also show posts that repeat a training post word for word.
"""


def check(run: Run | None = None) -> None:
    """Need nothing more: the packages onnx and onnxruntime come with popinjay."""


def estimate(model: ModelSize, quant: str) -> int:
    """Return about how many bytes the folder has."""
    return round(model.parameters * (1.03 if quant == "q8" else 4.01)) + 1_500_000


def export(request: ExportRequest) -> Exported:
    """Write the folder, and compare its logits with the persona's."""
    import onnx

    source = request.run.folder("model")
    model = files_of(source)
    folder = request.folder
    file = folder / "onnx" / FILES[request.quant]
    file.parent.mkdir()
    try:
        architecture = read_architecture(model.folder)
        weights = model.weights()
        request.progress("building the graph", 0, 3, "steps")
        exact = request.quant == "fp32"
        tensors: Mapping[str, NDArray[Any]] = weights
        if not exact:
            posts = sample(request.run.file("train.jsonl")) or [TEXT]
            texts = tokens_of(posts, Tokenizer(model.folder, model.settings))
            tensors = smoothed(architecture, weights, texts)
        whole = whole_model(architecture, tensors, exact=exact, release=weights.release)
    except UnknownWeights as error:
        raise PersonaError(
            f"This model can't be exported to ONNX: {error}.", "Export it to transformers instead."
        ) from error
    if whole.ByteSize() > MAX_BYTES:
        raise PersonaError(
            "This model is too large for one ONNX file.", "Export it with --quant q8."
        )
    request.progress("writing the file", 1, 3, "steps")
    onnx.save_model(whole, file)
    del whole
    request.progress("comparing logits", 2, 3, "steps")
    divergence = check_export(file, source, architecture)
    request.note(f"Its logits differ from the persona's by {divergence:.2g} nats a token.")
    add_configs(model, folder, request.quant)
    copy_terms(request.run, folder)
    what = about(request.run)
    prompt = json.dumps(what.prompt("My dream is"), ensure_ascii=False)
    (folder / "README.md").write_text(_readme(request, what, prompt), encoding="utf-8")
    place = request.place
    return Exported(
        place,
        f"env.localModelPath = {json.dumps(str(place.parent) + '/')}\n"
        f'const generate = await pipeline("text-generation", {json.dumps(place.name)}, '
        f'{{ dtype: "{request.quant}" }})\n'
        f"await generate({prompt}, {{ max_new_tokens: 60 }})",
    )


def add_configs(model: ModelFiles, folder: Path, quant: str) -> None:
    """Write the configs and the tokenizer as transformers.js reads them."""
    config = json.loads((model.folder / "config.json").read_text(encoding="utf-8"))
    config["transformers.js_config"] = {"dtype": quant, "use_external_data_format": False}
    _write(folder / "config.json", config)
    _write(folder / "generation_config.json", read_config(model.settings))
    shutil.copyfile(model.folder / "tokenizer.json", folder / "tokenizer.json")
    tokenizer = json.loads((model.folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    if tokenizer.get("tokenizer_class") == "TokenizersBackend":  # known to transformers only
        tokenizer["tokenizer_class"] = "PreTrainedTokenizerFast"
    tokenizer.pop("chat_template", None)
    _write(folder / "tokenizer_config.json", tokenizer)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _readme(request: ExportRequest, what: About, prompt: str) -> str:
    return README.format(
        license=f"license: {what.license}\n" if what.license else "",
        name=what.name,
        description=what.description,
        folder=request.place.name,
        quant=request.quant,
        prompt=prompt,
        max_tokens=what.max_tokens,
        temperature=what.sampling.temperature,
        begin=what.begin,
        end=what.end,
    )
