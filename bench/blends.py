"""Measure blends of two personas at five weights, mixed while they speak and by their weights.

    python bench/blends.py A_FOLDER B_FOLDER [A_FOLDER B_FOLDER ...] --out FOLDER [--seconds 480]
    python bench/blends.py ... --out FOLDER --table [--svg docs/blends.svg] [--texts FILE]

At each weight of A 500 posts of at most 40 tokens are written, before any filter, and measured:

- taken for A by the package's authorship attribution, among A, B and ten others who write in the
  same language (chance: one in twelve)
- fluency: bits a byte of 150 of them under the untouched base
- copying: the share that repeat eight words in a row of a training post of A, and of B

`log` is the weighted sum of log-probabilities, `weights` interpolates the weights. Each
measurement is a file in FOLDER: a run goes on where the last one stopped.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from statistics import mean
from typing import Any

from cells import Cell, Cells
from curves import Curves, write_svg
from persona_posts import PersonaPosts
from popinjay.inference.decoder import Decoder
from popinjay.inference.mixture import MixtureDecoder
from popinjay.inference.open_decoder import open_decoder
from popinjay.metrics.attribution import CandidateAuthors, language
from popinjay.models import bases
from popinjay.models.language_model import LanguageModel, bits_per_byte
from popinjay.models.sampling_defaults import read_sampling
from popinjay.options import Sampling, SayOptions
from popinjay.sampling.generate import stream
from popinjay.store.run import Run

SEED = 909
POSTS, TOKENS = 500, 40
SCORED = 150  # posts that the base scores
OTHERS = 10
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of A
METHODS = ("log", "weights")
UNPICKED = 10  # posts shown of each blend


class Member(PersonaPosts):
    """A persona, its posts and its decoder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder
        self.model = folder / "model"

    @cached_property
    def decoder(self) -> Decoder:
        """The trained model."""
        return open_decoder(self.model, cache=self.folder / "engine")


class Pair:
    """Two personas of one base, and what their blends are measured by."""

    def __init__(self, a: Member, b: Member) -> None:
        self.a, self.b = a, b
        self.name = f"{a.name}-{b.name}"

    @cached_property
    def candidates(self) -> CandidateAuthors:
        """B and ten others of the package who write in A's language."""
        own = CandidateAuthors.load(without=[self.a.name, self.b.name])
        spoken = language(self.a.training)
        alike = [name for name, of in zip(own.names, own.languages, strict=True) if of == spoken]
        others = own.less([name for name in own.names if name not in alike[:OTHERS]])
        assert others.others == OTHERS
        both = CandidateAuthors.load(extra={self.b.name: self.b.training})
        return both.less([n for n in both.names if n not in (self.b.name, *others.names)])

    def figures(self, texts: Sequence[str]) -> dict[str, float]:
        """Return what is measured of some posts."""
        some = texts[:SCORED]
        return {
            "taken": self.candidates.attributed_share(self.a.training, texts).value,
            "bits": bits_per_byte(base_of(self.a.folder).bits(some), some),
            "copied_a": mean(map(self.a.copies.repeats_run, texts)),
            "copied_b": mean(map(self.b.copies.repeats_run, texts)),
        }

    def authors(self) -> Cell:
        """Return the figures of both authors' own held-out posts, cut like the blends'."""
        return {
            who: {
                "taken": self.candidates.attributed_share(self.a.training, own.held_out).value,
                "copied": mean(map(own.copies.repeats_run, own.held_out)),
                "posts": len(own.held_out),
            }
            for who, own in (("a", self.a), ("b", self.b))
        }

    def blend(self, method: str, weight: float) -> Cell:
        """Return the posts of a blend with `weight` of A, and their figures."""
        first, second = (read_sampling(one.model) for one in (self.a, self.b))
        values = (weight * x + (1 - weight) * y for x, y in zip(first, second, strict=True))
        options = SayOptions(n=POSTS, seed=SEED, max_tokens=TOKENS).with_defaults(Sampling(*values))
        with self._decoder(method, weight) as decoder:
            texts = [post.text for post in stream(decoder, options)]
        return {"texts": texts, "figures": self.figures(texts)}

    @contextmanager
    def _decoder(self, method: str, weight: float) -> Iterator[Decoder]:
        if weight in (0, 1):
            yield self.a.decoder if weight else self.b.decoder
        elif method == "log":
            yield MixtureDecoder([self.a.decoder, self.b.decoder], [weight, 1 - weight])
        else:
            with tempfile.TemporaryDirectory() as folder:
                interpolate(self.a.model, self.b.model, weight, Path(folder))
                yield open_decoder(Path(folder), cache=Path(folder) / "engine")


@cache
def base_of(folder: Path) -> LanguageModel:
    """Return the untouched base of a persona."""
    return LanguageModel.load(bases.folder_of(bases.row(Run(folder).record.trained.base)))


def interpolate(a: Path, b: Path, weight: float, folder: Path) -> None:
    """Write the model whose weights lie between those of two others."""
    from safetensors.numpy import load_file, save_file

    for path in b.iterdir():
        if path.is_file() and path.suffix == ".json":
            shutil.copy(path, folder)
    first, second = (load_file(one / "model.safetensors") for one in (a, b))
    assert first.keys() == second.keys()
    mixed = {name: weight * first[name] + (1 - weight) * own for name, own in second.items()}
    save_file(
        {name: values.astype("float32") for name, values in mixed.items()},
        folder / "model.safetensors",
        {"format": "pt"},
    )


def cell_name(pair: Pair, method: str, weight: float) -> str:
    """Return a measurement's name; at the ends both methods are the member alone."""
    return f"{pair.name}/{'member' if weight in (0, 1) else method}-{weight:g}"


def run(pairs: Sequence[Pair], cells: Cells) -> None:
    """Measure what is missing, all pairs by log mixture first."""
    for pair in pairs:
        cells.get(f"{pair.name}/authors", pair.authors)
    for method in METHODS:
        for pair in pairs:
            for weight in WEIGHTS:
                cells.get(
                    cell_name(pair, method, weight),
                    lambda: pair.blend(method, weight),  # noqa: B023 (called now)
                )


def table(pairs: Sequence[Pair], cells: Cells, svg: Path | None, texts: Path | None) -> None:
    """Print a table, write it as JSON, draw the curves, and write posts to a file."""
    found: dict[str, Any] = {}
    curves: dict[str, dict[str, list[tuple[float, float]]]] = {"taken": {}, "bits": {}}
    shown: list[str] = []
    for pair in pairs:
        authors = cells.read(f"{pair.name}/authors") or {}
        found[pair.name] = {"authors": authors}
        print(f"\n{pair.a.name} (A) and {pair.b.name} (B): {json.dumps(authors)}\n")
        print("| method | weight of A | taken for A | bits a byte | copied of A | of B |")
        print("| --- | --- | --- | --- | --- | --- |")
        for method in METHODS:
            known = {w: cells.read(cell_name(pair, method, w)) for w in WEIGHTS}
            rows = {w: one["figures"] for w, one in known.items() if one is not None}
            for weight, row in rows.items():
                print(
                    f"| {method} | {weight:g} | {row['taken']:.1%} | {row['bits']:.3f} |"
                    f" {row['copied_a']:.1%} | {row['copied_b']:.1%} |"
                )
            found[pair.name][method] = rows
            if len(rows) == len(WEIGHTS):
                print(f"{method}: {json.dumps(verdict(rows))}")
            for figure, lines in curves.items():
                lines[f"{pair.name} {method}"] = [(w, row[figure]) for w, row in rows.items()]
            for weight, one in known.items() if method == "log" else ():
                if one is not None:
                    shown += ["", f"## {pair.name}, {weight:g} of {pair.a.name}", ""]
                    shown += [f"{n}. {text}" for n, text in enumerate(one["texts"][:UNPICKED], 1)]
    (cells.folder / "blends.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    if texts is not None:
        texts.write_text("\n".join(shown).lstrip() + "\n", encoding="utf-8")
    if svg is not None:
        grid = [
            Curves("share of posts taken for A", "weight of A", curves["taken"], 0, 1),
            Curves("bits a byte under the base", "weight of A", curves["bits"]),
        ]
        write_svg(svg, "Blends of two personas at five weights", grid, columns=2)


def verdict(rows: dict[float, dict[str, float]]) -> dict[str, bool]:
    """Return what is asked of a blend: a rise at every step, and fluency within its members'."""
    taken = [rows[weight]["taken"] for weight in WEIGHTS]
    worse = max(rows[0.0]["bits"], rows[1.0]["bits"])
    return {
        "rises": all(low < high for low, high in itertools.pairwise(taken)),
        "fluent": all(rows[weight]["bits"] <= worse for weight in WEIGHTS),
    }


def main() -> None:
    """Measure, or print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("personas", type=Path, nargs="+", help="pairs: A, B, A, B ...")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--texts", type=Path, help="where ten posts of each blend are written")
    args = parser.parse_args()
    members = {folder: Member(folder) for folder in args.personas}
    folders = iter(args.personas)
    pairs = [Pair(members[a], members[b]) for a, b in zip(folders, folders, strict=True)]
    cells = Cells(args.out, args.seconds)
    if args.table:
        table(pairs, cells, args.svg, args.texts)
        return
    run(pairs, cells)
    print(f"{cells.missing} are left" if cells.missing else "all measured")


if __name__ == "__main__":
    main()
