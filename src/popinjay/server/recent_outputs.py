"""The posts that personas wrote since the server started.

Only these may be kept, or put on a card, as a persona's own: a client can't attribute other text
to it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

MAX_TEXTS = 20_000  # remembered for one persona


class RecentOutputs:
    """The newest posts of each persona, with their prompts. Safe to use from several threads."""

    def __init__(self) -> None:
        self._texts: dict[str, OrderedDict[tuple[str, str], None]] = {}
        self._lock = threading.Lock()

    def remember(self, name: str, prompt: str, text: str) -> None:
        """Record that the persona `name` wrote `text` for `prompt`."""
        with self._lock:
            texts = self._texts.setdefault(name, OrderedDict())
            texts[prompt, text] = None
            texts.move_to_end((prompt, text))
            if len(texts) > MAX_TEXTS:
                texts.popitem(last=False)

    def knows(self, name: str, prompt: str, text: str) -> bool:
        """Return whether the persona `name` wrote `text` for `prompt`."""
        with self._lock:
            return (prompt, text) in self._texts.get(name, ())

    def rename(self, name: str, new_name: str) -> None:
        """Remember the posts of a persona under its new name."""
        with self._lock:
            if name in self._texts:
                self._texts[new_name] = self._texts.pop(name)

    def forget(self, name: str) -> None:
        """Forget the posts of a persona that was removed: another may get its name."""
        with self._lock:
            self._texts.pop(name, None)
