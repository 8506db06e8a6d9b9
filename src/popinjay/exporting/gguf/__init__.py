"""GGUF: one file for llama.cpp and the programs built on it."""

from __future__ import annotations

import shlex

from popinjay.exporting.about import About, about
from popinjay.exporting.exporter import Exported, ExportRequest, ModelSize
from popinjay.exporting.gguf.write import TYPES, bytes_of, write_gguf
from popinjay.exporting.plain_folder import copy_terms
from popinjay.models.model_files import files_of
from popinjay.store.run import Run

HELP = "one file for llama.cpp, LM Studio, GPT4All, koboldcpp and wllama"
NEEDS = ""
QUANTS: tuple[str, ...] = tuple(TYPES)
FILTERS = (
    "Popinjay's own filters are not part of this file: other programs also show posts that repeat "
    "a training post word for word. `popinjay say` and `popinjay serve` never do."
)
README = """# {name}

{description}

Load `{file}` with llama.cpp:

    llama-completion -m {file} -no-cnv -p "My dream is"

or put the folder where LM Studio looks for models. It completes texts: use a completion, not a
chat. The settings that suit it are in the file: temperature {temperature:g}, top-p {top_p:g}, no
top-k.

{filters}
{license}"""


def check(run: Run | None = None) -> None:
    """Need nothing more: the package gguf comes with popinjay."""


def estimate(model: ModelSize, quant: str) -> int:
    """Return about how many bytes the file has."""
    return bytes_of(model.parameters, quant)


def export(request: ExportRequest) -> Exported:
    """Write the file, and a README."""
    what = about(request.run)
    file = add_model(request, what)
    readme = README.format(
        name=what.name,
        description=what.description,
        file=file,
        temperature=what.sampling.temperature,
        top_p=what.sampling.top_p,
        filters=FILTERS,
        license=license_line(what),
    )
    (request.folder / "README.md").write_text(readme, encoding="utf-8")
    path = request.place / file
    command = f"llama-completion -m {shlex.quote(str(path))} -no-cnv -p 'My dream is'"
    return Exported(path, command)


def add_model(request: ExportRequest, what: About) -> str:
    """Write the model, and the terms that go along with it; return the file's name."""
    folder = request.run.folder("model")
    model = files_of(folder)
    file = f"{what.name}-{request.quant.upper()}.gguf"
    write_gguf(
        model,
        request.folder / file,
        request.quant,
        what,
        lambda done, total: request.progress("writing tensors", done, total, "tensors"),
    )
    copy_terms(request.run, request.folder)
    return file


def license_line(what: About) -> str:
    """Return a line on the licence; empty if it is not known."""
    return (
        f"\nThe model is a derivative of {what.base} and under its licence: {what.license}.\n"
        if what.license and what.base
        else ""
    )
