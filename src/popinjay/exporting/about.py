"""What an exported model says of itself: its name, whom it imitates, its base and licence."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from popinjay.inference.tokenizer import Tokenizer
from popinjay.model_card.names import title
from popinjay.models import bases
from popinjay.models.model_files import files_of
from popinjay.models.sampling_defaults import PLAIN, read_sampling
from popinjay.options import Sampling, SayOptions
from popinjay.post import read_authors
from popinjay.store.run import Run

ORIGIN = "A machine wrote what it says; its author never did."
BUILT_IN = "Popinjay's built-in base model"
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_HUB_ID = re.compile(r"([\w.-]+)/([\w.-]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a persona's model. Texts may be empty.

    Attributes:
        name: The persona's name.
        authors: The display names of those whose posts it learnt from.
        license: The hub's identifier of the base's licence, which holds for the model too.
        base: The name of the base model.
        base_id: Its id on the hub.
        languages: Codes of the posts' languages.
        sampling: The temperature and top-p that suit it.
        max_tokens: The most tokens of a post.
        begin: The token that begins a post, as it is spelled.
        end: The token that ends a post.
        adds_begin: Whether the tokenizer puts the begin token before a text by itself.
    """

    name: str
    authors: tuple[str, ...] = ()
    license: str = ""
    base: str = ""
    base_id: str = ""
    languages: tuple[str, ...] = ()
    sampling: Sampling = PLAIN
    max_tokens: int = SayOptions.max_tokens
    begin: str = ""
    end: str = ""
    adds_begin: bool = False

    @property
    def description(self) -> str:
        """Two sentences on what the model is."""
        of = f" of {', '.join(self.authors)}" if self.authors else ""
        return (
            f"A persona{of}: a small language model that imitates a way of writing. {ORIGIN} It "
            "completes texts and is no chat model."
        )

    def prompt(self, text: str) -> str:
        """Return a text as it is given to a program that adds no begin token of its own."""
        return text if self.adds_begin else self.begin + text

    @property
    def base_url(self) -> str:
        """The address of the base model on the hub."""
        return f"https://huggingface.co/{self.base_id}" if self.base_id else ""

    @property
    def base_organization(self) -> str:
        """Who published the base model."""
        return self.base_id.partition("/")[0]


def about(run: Run) -> About:
    """Return what a persona's folder says of its model, as far as it is on record.

    Raises BaseModelError if the files of its model can't be read.
    """
    record = run.record
    trained = record.trained
    facts = record.facts("train")
    base = bases.row(trained.base) if trained.base else None
    made_by = trained.base_record or (bases.record(base) if base else {})
    hub_id = str(facts.get("base_hub") or made_by.get("hub_id") or "")
    license = (base.license if base else "") or str(made_by.get("license") or "")
    has_authors = run.file("authors.json").is_file()
    model = files_of(run.folder("model"))
    tokenizer = Tokenizer(model.folder, model.settings)
    content = json.loads((model.folder / "tokenizer.json").read_text(encoding="utf-8"))
    spelled = {token["id"]: token["content"] for token in content["added_tokens"]}
    begin = spelled.get(tokenizer.bos_token, "")
    return About(
        name=run.name,
        authors=tuple(title(author) for author in read_authors(run.file("authors.json")))
        if has_authors
        else (),
        license=license,
        base=_base_name(base) if base else "",
        base_id=hub_id if _HUB_ID.fullmatch(hub_id) else "",
        languages=tuple(
            code for code in record.cleaned.languages if re.fullmatch("[a-z]{2,3}", code)
        ),
        sampling=read_sampling(model.settings),
        begin=begin,
        end=spelled.get(tokenizer.eos_token, ""),
        adds_begin=json.dumps(begin) in json.dumps(content.get("post_processor")),
    )


def _base_name(base: bases.Base) -> str:
    """Return the name of a base model, never a folder's path."""
    if base.name == bases.BUILT_IN:
        return BUILT_IN
    return base.hub_id.rpartition("/")[2] or Path(base.name).name
