"""Card: what the persona is, in words for people."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from popinjay import __version__
from popinjay.bases import BUILT_IN
from popinjay.events import Listener
from popinjay.options import WHOSE, CardOptions
from popinjay.post import Author, read_authors, read_json
from popinjay.run import Draft


def plain(text: str) -> str:
    """What a stranger typed, so that Markdown, HTML and tables leave it alone."""
    flat = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~&])", lambda m: f"&#{ord(m[0])};", flat)


def data_table(counts: Sequence[Mapping[str, Any]], authors: Sequence[Author]) -> str:
    """HuggingTweets' table, one column an author, with our further drops in rows of their own."""
    names = {author.handle: author.title for author in authors}
    head = ["Data", *(plain(names[c["author"]]) if len(counts) > 1 else "Quantity" for c in counts)]
    labels = {"downloaded": "Posts downloaded", "reposts": "Reposts", "short": "Short posts", "kept": "Posts kept"}
    lines = [head, ["---"] * len(head), *([label, *(str(c[key]) for c in counts)] for key, label in labels.items())]
    if reasons := list(dict.fromkeys(reason for c in counts for reason in c["further"])):
        lines += [[f"Further dropped: {reason}", *(str(c["further"].get(reason, 0)) for c in counts)] for reason in reasons]
        lines.append(["Posts used", *(str(c["used"]) for c in counts)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def base_in_words(name: str, hub_id: str) -> str:
    """The base model, with a link where the hub has it. A folder's path is nobody's business: its name says enough."""
    if hub_id:
        return f"[{plain(name)}](https://huggingface.co/{hub_id})"
    return "popinjay's built-in base model" if name == BUILT_IN else f"a model of its maker's own, {plain(Path(name).name)}"


def card(options: CardOptions, draft: Draft, listener: Listener) -> None:
    """Write `README.md`."""
    run, authors = draft.run, read_authors(draft.need("authors.json"))
    cleaned, trained = run.facts("clean"), run.facts("train")
    report = read_json(draft.need("report.json"))
    bits, copying = report["bits_per_byte"], report["copying"]
    titles = " & ".join(plain(author.title) for author in authors)
    words = {
        "language": "\n".join(f'- "{code}"' for code in cleaned["languages"] or {"und": 1}),
        "base_model": json.dumps(trained["base_hub"] or Path(trained["base"]).name),
        "title": titles,
        "what": "AI cyborg" if len(authors) > 1 else "AI bot",
        "handles": " ".join(f"@{plain(author.handle)}" for author in authors),
        "whom": titles,
        "whose": WHOSE.get(options.whose or "", "not stated"),
        "data_table": data_table(cleaned["authors"], authors),
        "base": base_in_words(trained["base"], trained["base_hub"]),
        "bits_base": f"{bits['base']['all']:.3f}" if bits["base"] else "not measured",
        "bits_persona": f"{bits['persona']['all']:.3f}",
        "held_out": bits["posts"],
        "samples": copying["samples"],
        "copies": f"{copying['exact']:.1%}",
        "own_copies": f"{copying['held_out_exact']:.1%}",
        "masked": "not masked" if run.record["stages"]["clean"]["options"]["keep_personal_data"] else "masked",
        "model": f"{run.name}/model",
        "name": run.name,
        "version": __version__,
    }
    template = Template(files("popinjay").joinpath("assets/card.md").read_text(encoding="utf-8"))
    with draft.open("README.md") as file:
        file.write(template.substitute({**trained, **words}))
    draft.facts.update(summary="README.md says what it is, what it was made from and how good it is")
