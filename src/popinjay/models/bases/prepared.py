"""The preparation of a base model's folder: its special tokens, its card, and its origin.

The begin token, the end token and the suppressed tokens are written where transformers looks for
them, so that every program that loads the folder uses them.
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
_IRRELEVANT = (
    "_model_name_or_path",
    "_name_or_path",
    "unk_token_id",
)  # the fast engine refuses them


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a base model's files come from, and how they were changed."""

    source: str  # the place
    done: str  # how they were changed, a clause
    sha256: dict[str, str]  # of the original files, if known
    quantization: str = ""  # the scheme of quantized weights, such as Q4_1
    variant: str = ""  # the model that was quantized, if it is not the base itself
    remark: str = ""  # which weights these are, a sentence


@dataclass(frozen=True, slots=True)
class _Tokens:
    """The special tokens of a folder."""

    names: dict[str, str]  # of begin, end, pad
    ids: dict[str, int]  # of begin, end, pad
    suppressed: list[int]  # ids of all other special tokens


def complete(base: Base, folder: Path, origin: Origin) -> None:
    """Complete a model's folder. Raises Unavailable if it lacks what the base's row names."""
    tokens = _tokens(base, folder)
    _write_config(folder, tokens)
    _write_tokenizer_config(folder, tokens)
    ids = {f"{name}_token_id": tokens.ids[key] for name, key in _KEYS.items()}
    _write(folder / "generation_config.json", {**ids, "suppress_tokens": tokens.suppressed})
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


_KEYS = {"bos": "begin", "eos": "end", "pad": "pad"}


def _tokens(base: Base, folder: Path) -> _Tokens:
    """Mark the control tokens in `tokenizer.json`, and return the folder's special tokens."""
    file = folder / "tokenizer.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        added = content.get("added_tokens") or []
        vocabulary = content["model"]["vocab"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"its tokenizer can't be read ({error})") from error
    for token in added:
        if base.never and re.fullmatch(base.never, token["content"]):
            token["special"] = True
    file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    config = _read(folder / "tokenizer_config.json")
    end = base.end or _name(config.get("eos_token"))
    begin = base.begin or _name(config.get("bos_token")) or end
    id_of = {**vocabulary, **{token["content"]: token["id"] for token in added}}
    names = {"begin": begin, "end": end, "pad": "<pad>" if "<pad>" in id_of else end}
    missing = next((name for name in names.values() if name not in id_of), None)
    if missing is not None:
        raise Unavailable(f"its tokenizer has no token {missing!r}")
    ids = {key: id_of[name] for key, name in names.items()}
    used = (ids["begin"], ids["end"])
    suppressed = sorted(
        token["id"] for token in added if token["special"] and token["id"] not in used
    )
    return _Tokens(names, ids, suppressed)


def _write_config(folder: Path, tokens: _Tokens) -> None:
    config = _read(folder / "config.json")
    for key in _IRRELEVANT:
        config.pop(key, None)
    for name, key in _KEYS.items():
        config[f"{name}_token_id"] = tokens.ids[key]
    _write(folder / "config.json", config)


def _write_tokenizer_config(folder: Path, tokens: _Tokens) -> None:
    """Have transformers use `tokenizer.json`, whatever class the model's repository names."""
    config = _read(folder / "config.json")
    special = {f"{name}_token": tokens.names[key] for name, key in _KEYS.items()}
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": config.get("max_position_embeddings", 1024),
            "clean_up_tokenization_spaces": False,
            **special,
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
    """Replace a JSON file, which may be a link to a file of the hub's cache."""
    file.unlink(missing_ok=True)
    text = json.dumps(value, indent=2, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


def _card(base: Base, origin: Origin, tokens: _Tokens) -> str:
    """Return the model card of the folder."""
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
        f"- `{tokens.names['begin']}` ({tokens.ids['begin']}) begins a text, "
        f"`{tokens.names['end']}` ({tokens.ids['end']}) ends it.",
        f"- {len(tokens.suppressed):,} other special tokens are never said (`suppress_tokens` in "
        "`generation_config.json`), and what looks like one in a text is plain text.",
        "- There is no chat template: the model goes on with texts, it does not answer.",
    ]
    if base.terms:
        lines += [
            "",
            f"{base.terms.notice}. They lie beside this file as `{base.terms.file}`, "
            "and go with every model made from it.",
        ]
    return "\n".join(lines) + "\n"
