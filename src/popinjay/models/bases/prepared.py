"""A base model's folder, completed: its special tokens, its card, and where it comes from.

Which token begins a text and which ends one, and which tokens must never be said, are written
where transformers looks for them, so that everything that loads the folder goes by them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popinjay import __version__
from popinjay.models.bases.base import Base, Unavailable
from popinjay.models.bases.places.cache import ORIGIN
from popinjay.store.files import content_hash

NOTICE = "NOTICE.md"
_TELLS_NOTHING = ("_model_name_or_path", "_name_or_path", "unk_token_id")  # and stops the engine


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a folder comes from, and what was done to it."""

    source: str  # the place
    done: str
    sha256: dict[str, str]  # of the files that it was made from, if they are known
    quantization: str = ""  # the scheme that the weights were rounded by; empty: they were not
    variant: str = ""  # the model that was rounded, if it is not the base itself
    remark: str = ""  # which weights these are, a sentence


@dataclass(frozen=True, slots=True)
class _Tokens:
    """The special tokens of a folder: names and numbers."""

    names: dict[str, str]  # begin, end, pad
    ids: dict[str, int]
    silent: list[int]  # special tokens that are never said


def complete(base: Base, folder: Path, origin: Origin) -> None:
    """Make a model's folder whole. Raises Unavailable if it lacks what the base's row names."""
    tokens = _tokens(base, folder)
    _write_config(folder, tokens)
    _write_tokenizer_config(folder, tokens)
    ids = {f"{name}_token_id": tokens.ids[key] for name, key in _CALLED.items()}
    _write(folder / "generation_config.json", {**ids, "suppress_tokens": tokens.silent})
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    if base.terms:
        text = f"{base.terms.notice}\n\nModified: {origin.done}.\n"
        (folder / NOTICE).write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(_card(base, origin, tokens), encoding="utf-8")
    files = {path.name: content_hash(path) for path in sorted(folder.iterdir()) if path.is_file()}
    record = {
        "base": base.name,
        "source": origin.source,
        "hub_id": base.hub_id,
        "quantization": origin.quantization,
        "variant": origin.variant,
        "license": base.license,
        "source_sha256": origin.sha256,
        "popinjay": __version__,
        "files": files,
    }
    _write(folder / ORIGIN, record)


_CALLED = {"bos": "begin", "eos": "end", "pad": "pad"}


def _tokens(base: Base, folder: Path) -> _Tokens:
    """Mark what is no text in `tokenizer.json`, and return the folder's special tokens."""
    file = folder / "tokenizer.json"
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        added = known.get("added_tokens") or []
        vocabulary = known["model"]["vocab"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"its tokenizer can't be read ({error})") from error
    for token in added:
        if base.never and re.fullmatch(base.never, token["content"]):
            token["special"] = True
    file.write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
    config = _read(folder / "tokenizer_config.json")
    end = base.end or _name(config.get("eos_token"))
    begin = base.begin or _name(config.get("bos_token")) or end
    numbers = {**vocabulary, **{token["content"]: token["id"] for token in added}}
    names = {"begin": begin, "end": end, "pad": "<pad>" if "<pad>" in numbers else end}
    missing = next((name for name in names.values() if name not in numbers), None)
    if missing is not None:
        raise Unavailable(f"its tokenizer has no token {missing!r}")
    ids = {key: numbers[name] for key, name in names.items()}
    kept = (ids["begin"], ids["end"])
    silent = sorted(t["id"] for t in added if t["special"] and t["id"] not in kept)
    return _Tokens(names, ids, silent)


def _write_config(folder: Path, tokens: _Tokens) -> None:
    config = _read(folder / "config.json")
    for key in _TELLS_NOTHING:
        config.pop(key, None)
    for name, key in _CALLED.items():
        config[f"{name}_token_id"] = tokens.ids[key]
    _write(folder / "config.json", config)


def _write_tokenizer_config(folder: Path, tokens: _Tokens) -> None:
    """Have `tokenizer.json` taken as it is, whatever class the model's own repository names."""
    config = _read(folder / "config.json")
    said = {f"{name}_token": tokens.names[key] for name, key in _CALLED.items()}
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": config.get("max_position_embeddings", 1024),
            "clean_up_tokenization_spaces": False,
            **said,
        },
    )


def _name(token: Any) -> str:
    """Return a token's name, which some files wrap in an object."""
    return str((token.get("content") if isinstance(token, dict) else token) or "")


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Unavailable(f"its {file.name} can't be read ({error})") from error
    return found if isinstance(found, dict) else {}


def _write(file: Path, value: dict[str, Any]) -> None:
    """Write a file of its own: what lay there may be a link to a file of the hub's cache."""
    file.unlink(missing_ok=True)
    text = json.dumps(value, indent=2, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


def _card(base: Base, origin: Origin, tokens: _Tokens) -> str:
    """Return the folder's own card."""
    hashes = [f"- `{name}`: SHA-256 `{sha256}`" for name, sha256 in origin.sha256.items()]
    languages = ", ".join(base.languages).replace("mul", "many")
    lines = [
        "---",
        f"license: {base.license}",
        f"base_model: {base.where}",
        "---",
        "",
        f"# {base.name}",
        "",
        f"{base.summary}. Languages: {languages}. Licence: {base.license}.",
        "",
        f"The weights come from {origin.source}. {origin.remark}".rstrip(),
        "",
        *hashes,
        *([""] if hashes else []),
        f"What popinjay {__version__} did: {origin.done}.",
        "",
        f"- `{tokens.names['begin']}` ({tokens.ids['begin']}) begins a text, `{tokens.names['end']}` ({tokens.ids['end']}) ends it.",
        f"- {len(tokens.silent):,} other special tokens are never said (`suppress_tokens` in "
        "`generation_config.json`), and what looks like one in a text is plain text.",
        "- There is no chat template: the model goes on with texts, it does not answer.",
    ]
    if base.terms:
        lines += [
            "",
            f"{base.terms.notice}. They lie beside this file as `{base.terms.file}`, and go with every model made from it.",
        ]
    return "\n".join(lines) + "\n"
