"""What a tokenizer is known by, whichever program wrote its file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from popinjay.errors import BaseModelError
from popinjay.store.caches import cache_root, file_hash, keep_entry, read_entry

VOCABULARIES = ".vocabularies"  # in the cache: hashes by that of the file
FILE = "tokenizer.json"


def vocabulary_hash(folder: Path) -> str:
    """Return a hash of a tokenizer's tokens, their ids and the merges that lead to them.

    Models whose hashes are equal give their logits for the same tokens. The file itself may differ:
    each program that writes it orders and indents it in its own way. It is cached by the hash of
    the file. Raises BaseModelError if there is no readable tokenizer.
    """
    path = folder / FILE
    try:
        about = file_hash(path)
        entry = cache_root() / VOCABULARIES / f"{about[:40]}.json"
        known = read_entry(entry, about)
        if isinstance(known, str):
            return known
        found = _hash_of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BaseModelError(
            f"The tokenizer in {folder} can't be read: {error}",
            "It must be a folder as transformers writes it.",
        ) from error
    keep_entry(entry, about, found)
    return found


def _hash_of(content: Any) -> str:
    model = content["model"]
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        vocabulary = sorted(vocabulary.items())
    merges = [one if isinstance(one, str) else " ".join(one) for one in model.get("merges") or ()]
    added = sorted((token["id"], token["content"]) for token in content.get("added_tokens") or ())
    listed = json.dumps([model.get("type"), vocabulary, merges, added], ensure_ascii=False)
    return hashlib.sha256(listed.encode("utf-8", "surrogatepass")).hexdigest()
