"""What personas said in this run of the server: only that is kept, or drawn on a card, as theirs."""

from __future__ import annotations

import threading
from collections import OrderedDict

MOST = 20_000  # texts of one persona that are remembered


class RecentOutputs:
    """Which text was handed out for which persona and prompt, the newest of them."""

    def __init__(self) -> None:
        self._texts: dict[str, OrderedDict[tuple[str, str], None]] = {}
        self._lock = threading.Lock()

    def remember(self, name: str, prompt: str, text: str) -> None:
        """This persona said that."""
        with self._lock:
            texts = self._texts.setdefault(name, OrderedDict())
            texts[prompt, text] = None
            texts.move_to_end((prompt, text))
            if len(texts) > MOST:
                texts.popitem(last=False)

    def knows(self, name: str, prompt: str, text: str) -> bool:
        """Whether this persona said that."""
        with self._lock:
            return (prompt, text) in self._texts.get(name, ())
