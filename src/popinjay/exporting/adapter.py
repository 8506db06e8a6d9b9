"""The LoRA adapter alone, in the format of the peft library."""

from __future__ import annotations

import shutil
from pathlib import Path

from popinjay.errors import PersonaError
from popinjay.exporting.about import About, about
from popinjay.exporting.exporter import Exported, ExportRequest, ModelSize
from popinjay.exporting.plain_folder import copy_terms
from popinjay.models import bases
from popinjay.models.adapter import CONFIG, WEIGHTS
from popinjay.models.bases.finding import found
from popinjay.models.generation_config import FILE as GENERATION_CONFIG
from popinjay.models.model_files import files_of, is_thin
from popinjay.store.run import Run

HELP = "the LoRA adapter alone for peft, to be loaded on its base model; only if tuned with LoRA"
NEEDS = ""
QUANTS: tuple[str, ...] = ()
INSIDE = "adapter"  # in the folder of a whole model that was tuned with LoRA
README = """---
library_name: peft
base_model: {base_id}
tags:
- popinjay
{license}---
# {name}

{description}

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained("{base_id}")
model = PeftModel.from_pretrained(base, ".")
```

It was trained on the weights that Popinjay has of {base}. If those were read from a file of fewer
bits, the ones on the hub differ by that rounding; `popinjay export {name} --to transformers` gives
the whole model, which is exact.
"""


def check(run: Run | None = None) -> None:
    """Raise PersonaError if the persona was not tuned with LoRA."""
    if run is not None:
        _source(run)


def estimate(model: ModelSize, quant: str) -> int:
    """Return about how many bytes the adapter has: rank 16 on every layer, in 32 bits."""
    return round(model.parameters * 0.15)


def export(request: ExportRequest) -> Exported:
    """Write the folder. Raises PersonaError if the persona was not tuned with LoRA."""
    run = request.run
    model = run.folder("model")
    source = _source(run)
    for name in (CONFIG, WEIGHTS):
        shutil.copyfile(source / name, request.folder / name)
    if (model / GENERATION_CONFIG).is_file():
        shutil.copyfile(model / GENERATION_CONFIG, request.folder / GENERATION_CONFIG)
    copy_terms(run, request.folder)
    what = about(run)
    (request.folder / "README.md").write_text(_readme(what), encoding="utf-8")
    base = str(_base_folder(run) or what.base_id)
    return Exported(
        request.place,
        "peft.PeftModel.from_pretrained(transformers.AutoModelForCausalLM.from_pretrained("
        f"{base!r}), {str(request.place)!r})",
    )


def _source(run: Run) -> Path:
    """Return the folder of a persona's adapter. Raises PersonaError if it has none."""
    model = run.folder("model")
    source = model if is_thin(model) else model / INSIDE
    if not (source / CONFIG).is_file():
        raise PersonaError(
            f"{run.name!r} has no adapter: all weights of its model were trained.",
            "Export it to transformers, which loads the whole model.",
        )
    return source


def _base_folder(run: Run) -> Path | None:
    """Return the folder of the base model that the adapter was trained on, if it is here."""
    model = run.folder("model")
    if is_thin(model):
        return files_of(model).folder
    return found(bases.row(run.record.trained.base)) if run.record.trained.base else None


def _readme(what: About) -> str:
    return README.format(
        name=what.name,
        description=what.description,
        base=what.base or "its base model",
        base_id=what.base_id or what.base,
        license=f"license: {what.license}\n" if what.license else "",
    )
