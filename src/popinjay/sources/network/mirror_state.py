"""The progress of reading a list of posts into a mirror, saved atomically after each page."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from popinjay.store.files import storage_errors, sync

POSTS = "posts.jsonl"
STATE = "state.json"


@dataclass(frozen=True)
class State:
    """The content of `state.json`. A pass is in progress if `since` is a number."""

    size: int = 0  # valid bytes of `posts.jsonl`
    since: int | None = None  # byte offset of the first post of the pass in progress
    cursor: str | None = None  # where the pass in progress continues
    etag: str = ""  # of the newest page, as the last finished pass saw it
    next_etag: str = ""  # as the pass in progress saw it
    newest: str = ""  # the highest id that finished passes saw
    next_newest: str = ""  # the highest id that the pass in progress saw
    below: str | None = None  # where a list continues that was left before its end
    down: bool = False  # whether the pass in progress continues there
    left_out: dict[str, int] = field(default_factory=dict)


def save_state(folder: Path, state: State, form: int | None) -> None:
    """Write `state.json`. Raises StorageError."""
    with storage_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{STATE}.partial"
        partial.write_text(json.dumps({"form": form, **asdict(state)}), encoding="utf-8")
        sync(partial)
        partial.replace(folder / STATE)


def load_state(folder: Path) -> tuple[State, int | None]:
    """Read `state.json` and the form of the mirror; an empty state if it is missing or damaged."""
    try:
        known = json.loads((folder / STATE).read_text(encoding="utf-8"))
        form = known.pop("form")
        state = State(**known)
        is_complete = not state.size or (folder / POSTS).stat().st_size >= state.size
        return (state if is_complete else State()), form
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return State(), None
