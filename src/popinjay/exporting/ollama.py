"""Ollama: a GGUF file with a Modelfile, and the files that `ollama run hf.co/...` reads.

The Modelfile is described at https://docs.ollama.com/modelfile, `template` and `params` at
https://huggingface.co/docs/hub/ollama.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from popinjay.exporting import gguf
from popinjay.exporting.about import About, about
from popinjay.exporting.exporter import Exported, ExportRequest, ModelSize
from popinjay.store.run import Run

HELP = "a folder for Ollama: the GGUF file with its Modelfile, template and params"
NEEDS = ""
QUANTS: tuple[str, ...] = gguf.QUANTS
TEMPLATE = "{{ .Prompt }}"  # the text as it is: this is no chat model
CONTEXT = 1024  # tokens: many times the longest post
README = """# {name}

{description}

    ollama create {name} -f Modelfile
    ollama run {name} "My dream is"

Run both in this folder. It completes texts and does not chat: what you type is how a post begins.
In programs, ask for `/api/generate` with `"raw": true`.

If you upload this folder to the Hugging Face hub, `ollama run hf.co/YOU/{name}:{tag}` works
without the first command: `template` and `params` are read there.

{filters}
{license}"""


def check(run: Run | None = None) -> None:
    """Need nothing more: Ollama itself is needed only where the folder is used."""


def estimate(model: ModelSize, quant: str) -> int:
    """Return about how many bytes the folder has."""
    return gguf.estimate(model, quant)


def export(request: ExportRequest) -> Exported:
    """Write the folder."""
    what = about(request.run)
    file = gguf.add_model(request, what)
    params = params_of(what)
    name = model_name(what.name)
    folder = request.folder
    (folder / "template").write_text(TEMPLATE, encoding="utf-8")
    (folder / "params").write_text(json.dumps(params, indent=2) + "\n", encoding="utf-8")
    (folder / "Modelfile").write_text(modelfile(file, params, what), encoding="utf-8")
    readme = README.format(
        name=name,
        description=what.description,
        tag=request.quant.upper(),
        filters=gguf.FILTERS,
        license=gguf.license_line(what),
    )
    (folder / "README.md").write_text(readme, encoding="utf-8")
    commands = (
        f"cd {shlex.quote(str(request.place))} && ollama create {name} -f Modelfile\n"
        f'ollama run {name} "My dream is"'
    )
    return Exported(request.place, commands)


def params_of(what: About) -> dict[str, Any]:
    """Return the settings that Ollama samples with."""
    return {
        "temperature": what.sampling.temperature,
        "top_p": what.sampling.top_p,
        "top_k": 0,
        "min_p": 0.0,
        "repeat_penalty": 1.0,
        "num_predict": what.max_tokens,
        "num_ctx": CONTEXT,
        "stop": [what.end],
    }


def modelfile(file: str, params: dict[str, Any], what: About) -> str:
    """Return the Modelfile."""
    lines = [f"FROM ./{file}", f'TEMPLATE "{TEMPLATE}"']
    for name, value in params.items():
        for one in value if isinstance(value, list) else [value]:
            lines.append(f"PARAMETER {name} {json.dumps(one, ensure_ascii=False)}")
    if what.license:
        lines.append(f'LICENSE "{what.license}"')
    return "\n".join(lines) + "\n"


def model_name(name: str) -> str:
    """Return a name that Ollama allows."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._") or "persona"
