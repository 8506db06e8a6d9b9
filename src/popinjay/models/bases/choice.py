"""The choice of a base model, and the line that explains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from popinjay.errors import BaseModelError, StorageError
from popinjay.events import Listener, ignore
from popinjay.models.bases.base import Ask, Base
from popinjay.models.bases.finding import folder_of, is_here, is_ready
from popinjay.models.bases.rows import BUILT_IN, ENGLISH, MULTILINGUAL, row
from popinjay.store.caches import cache_root
from popinjay.text.quantities import size

ENGLISH_SHARE = 0.5  # of the posts, from which on they are mostly English


@dataclass(frozen=True, slots=True)
class Consent:
    """What the user consents to: downloads, and terms of use."""

    ask: Ask | None = None  # asks the user; None if that is not possible
    yes: bool = False  # download without asking
    accept: str | None = None  # the name of the terms of use that the user accepts


NO_CONSENT = Consent()


def get(base: Base, consent: Consent = NO_CONSENT, listener: Listener = ignore) -> None:
    """Accept a base model's terms, if the user does, and fetch it unless it is on this machine.

    Raises BaseModelError if it is not available or its terms are not accepted, StorageError if the
    disk is full.
    """
    if base.terms and consent.accept is not None:
        base.terms.accept(cache_root(), consent.accept)
    folder_of(base, listener)


def choose(
    name: str | None,
    languages: Mapping[str, float] | None = None,
    consent: Consent = NO_CONSENT,
    listener: Listener = ignore,
) -> tuple[Base, str]:
    """Return the base model to train, and one line that says which it is and why.

    Without a name it is smollm2 for posts mostly in English, if it is on this machine or may be
    fetched; gemma3 for others, if it is on this machine and its terms are accepted; otherwise the
    built-in one. Raises BaseModelError if a model chosen by name is not available.

    Args:
        name: The name of a base model, a hub id or a folder.
        languages: The share of each language among the posts, by code.
        consent: What the user consents to.
        listener: Receives the progress of a download.
    """
    if name is not None:
        get(row(name), consent, listener)
        return row(name), f"The base model is {row(name).name}."
    shares = languages or {}
    if _is_english(shares):
        return _for_english(consent, listener)
    return _for_others(max(shares, key=lambda code: shares[code]))


def preferred(name: str | None, languages: Mapping[str, float] | None = None) -> Base:
    """Return the base model that `choose` takes if a download that it asks for is agreed to.

    Args:
        name: The name of a base model, a hub id or a folder; None to have one chosen.
        languages: The share of each language among the posts, by code.
    """
    if name is not None:
        return row(name)
    if _is_english(languages or {}):
        return row(ENGLISH)
    return row(MULTILINGUAL if is_ready(row(MULTILINGUAL)) else BUILT_IN)


def _is_english(shares: Mapping[str, float]) -> bool:
    return not shares or shares.get("en", 0.0) >= ENGLISH_SHARE


def _for_english(consent: Consent, listener: Listener) -> tuple[Base, str]:
    base = row(ENGLISH)
    if is_ready(base):
        return base, f"The base model is {base.name}: {base.summary}."
    download = size(base.download_bytes or 0)
    how = f"{base.name} ({download}) writes much better English: popinjay bases get {base.name}"
    question = (
        f"{base.name} knows real English; the built-in base model is far smaller.\n"
        f"Download {base.name} once, {download}?"
    )
    if not (consent.yes or (consent.ask is not None and consent.ask(question))):
        return row(BUILT_IN), f"The base model is the built-in one. {how}"
    try:
        folder_of(base, listener)
    except (BaseModelError, StorageError) as error:
        return row(BUILT_IN), f"The base model is the built-in one. {error.message}"
    return base, f"The base model is {base.name}: {base.summary}."


def _for_others(language: str) -> tuple[Base, str]:
    base = row(MULTILINGUAL)
    if is_ready(base):
        return base, f"The base model is {base.name}: {base.summary}."
    download = size(base.download_bytes or 0)
    accept = f" --accept {base.terms.name}" if base.terms else ""
    get_it = "" if is_here(base) else f" ({download})"
    return row(BUILT_IN), (
        f"The base model is the built-in one. These posts are mostly in another language than "
        f"English ({language}), and {base.name}{get_it} knows 140: "
        f"popinjay bases get {base.name}{accept}"
    )
