"""The model of a blend: the weighted sum of its members' weights, in a folder as any other.

If every member has only an adapter, so has the blend: the sum of the adapters is exact.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from popinjay.blending.members import Member, Members
from popinjay.events import Listener
from popinjay.models import adapter
from popinjay.models.generation_config import read_config, write_config
from popinjay.models.model_files import files_of, is_thin
from popinjay.models.sampling_defaults import read_sampling
from popinjay.models.weight_sum import write_adapter_sum, write_sum
from popinjay.models.weights import FILE as WEIGHTS
from popinjay.options import Sampling
from popinjay.store import lineage
from popinjay.store.blend_member import BlendMember, in_words
from popinjay.store.record import Record
from popinjay.store.stage_runner import StageContext
from popinjay.text.quantities import duration

INSIDE = "adapter"  # in a whole model's folder: the adapter that was merged into it
_ADAPTER_FILES = (adapter.WEIGHTS, adapter.CONFIG)


@dataclass(frozen=True)
class BlendOptions:
    """What a model is the sum of; recorded as the options of the stage `train`."""

    base: str
    members: tuple[str, ...]  # weight, name and hash of each model
    keep: str  # as in `TrainOptions`

    @classmethod
    def of(cls, members: Members) -> BlendOptions:
        """Return the options of a blend of these."""
        listed = [f"{one.weight:g} {one.name} {one.model}" for one in members.recorded()]
        return cls(members.base.name, tuple(listed), "adapter" if are_thin(members) else "model")


def are_thin(members: Members) -> bool:
    """Return whether all members have only an adapter."""
    return all(is_thin(member.model) for member in members.personas)


def add_up(
    members: Members, options: BlendOptions, context: StageContext, listener: Listener
) -> None:
    """Write `model/`, and `metrics.jsonl`, which is empty: nothing is trained."""
    began = time.monotonic()
    folder = context.path("model")
    pattern = _pattern(members)
    left_out = shutil.ignore_patterns("*.safetensors", "*.safetensors.index.json", INSIDE)
    shutil.copytree(pattern.model, folder, ignore=left_out)
    personas = members.personas
    if are_thin(members):
        write_adapter_sum([(member.weight, member.model) for member in personas], folder)
    else:
        in_order = sorted(personas, key=lambda member: member is not pattern)
        terms = [(one.weight, files_of(one.model).weights()) for one in in_order]
        if members.base_weight:
            terms.append((members.base_weight, members.base_files().weights()))
        write_sum(terms, folder / WEIGHTS)
        if all(adapters := [adapter_of(member.model) for member in personas]):
            weights = [member.weight for member in personas]
            write_adapter_sum(
                [(weight, path) for weight, path in zip(weights, adapters, strict=True) if path],
                folder / INSIDE,
            )
    sampling = write_settings(members, folder)
    context.path("metrics.jsonl").write_text("", encoding="utf-8")
    recorded = members.recorded()
    context.run.record, recorded = with_members(context.run.record, members, recorded)
    context.facts.update(_facts(members, recorded, options, sampling, time.monotonic() - began))


def _pattern(members: Members) -> Member:
    """Return the member whose tokenizer and config are copied: the first whole one, if any."""
    whole = [member for member in members.personas if not is_thin(member.model)]
    return (whole or members.personas)[0]


def adapter_of(model: Path) -> Path | None:
    """Return the folder of a model's adapter; None if all of its weights were trained."""
    folder = model if is_thin(model) else model / INSIDE
    return folder if all((folder / name).is_file() for name in _ADAPTER_FILES) else None


def write_settings(members: Members, folder: Path) -> Sampling:
    """Write the generation config, and return its temperature and top-p.

    They are the weighted means of the members', within their range. A token is suppressed if all
    members suppress it, as it is in a script that none of their authors uses.
    """
    settings = [files_of(member.model).settings for member in members.personas]
    weights = [max(0.0, member.weight) for member in members.personas]
    found = [read_sampling(path) for path in settings]
    sampling = Sampling(
        _mean([one.temperature for one in found], weights),
        _mean([one.top_p for one in found], weights),
    )
    suppressed = [set(read_config(path).get("suppress_tokens") or ()) for path in settings]
    config = read_config(settings[0])
    config |= {**sampling._asdict(), "suppress_tokens": sorted(set.intersection(*suppressed))}
    write_config(folder, config)
    return sampling


def _mean(values: list[float], weights: list[float]) -> float:
    total = sum(weights)
    if not total:
        return values[0]
    mean = sum(value * weight for value, weight in zip(values, weights, strict=True)) / total
    return round(min(max(mean, min(values)), max(values)), 4)


def with_members(
    record: Record, members: Members, rows: list[BlendMember]
) -> tuple[Record, list[BlendMember]]:
    """Return a record with the members and what they came from, and the rows as it has them."""
    table = record.artifacts
    named = []
    for row in rows:
        if not row.is_base:
            run = next(run for run in members.runs if run.name == row.name)
            versions = lineage.counted(run.name, run.record)  # its folder may have been copied
            table, label = lineage.with_ancestors(table, versions, row.artifact)
            row = BlendMember(row.name, row.weight, row.model, row.whose, label)
        named.append(row)
    return record.updated(artifacts=table, blend=named), named


def _facts(
    members: Members,
    recorded: list[BlendMember],
    options: BlendOptions,
    sampling: Sampling,
    seconds: float,
) -> dict[str, Any]:
    """Return what the record keeps of it."""
    first = members.runs[0].record
    trained = first.facts("train")
    return {
        "summary": f"the weights of {in_words(recorded)}, added up in {duration(seconds)}",
        "base": members.base.name,
        "base_hub": trained["base_hub"],
        "base_record": trained.get("base_record", {}),
        "parameters": trained["parameters"],
        "epochs_seen": min(run.record.trained.epochs_seen for run in members.runs),
        "seconds": round(seconds, 1),
        "keep": options.keep,
        "sampling": {**sampling._asdict(), "trials": [], "author": {}},
        "versions": {"popinjay": version("popinjay")},
    }
