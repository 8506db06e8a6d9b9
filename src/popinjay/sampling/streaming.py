"""Which text of a post can be shown while the post is still being generated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from popinjay.post import one_line
from popinjay.sampling.events import Finished, GeneratedPost, Missing, Piece, PostEvent, Restart
from popinjay.sampling.filters import settled
from popinjay.text.masking import reveals
from popinjay.text.words import continues_word

if TYPE_CHECKING:
    from popinjay.sampling.sequence import TokenSequence


class StreamBuffer:
    """Holds text back until it is certain, and remembers what has been shown of each post."""

    def __init__(self, *, held: bool) -> None:
        """If `held`, no word is shown before it is complete and the filters have passed it."""
        self._held = held
        # By place: the attempt whose text was shown last, and that text.
        self._shown: dict[int, tuple[int, str]] = {}
        # By place: the attempt looked at last, and how many characters it had.
        self._seen: dict[int, tuple[int, int]] = {}

    def push(self, sequence: TokenSequence) -> Iterator[PostEvent]:
        """Yield what can be shown of a sequence as it is now: a piece, with a restart before it."""
        place = sequence.key.place
        attempt = sequence.key.attempt
        text = sequence.partial_text()
        before, length = self._seen.get(place, (-1, 0))
        self._seen[place] = attempt, len(text)
        if self._held and before == attempt and continues_word(text, length):
            # The word that is held back goes on. Checking the whole text again would find nothing
            # new and costs as much as sampling a token.
            return iter(())
        is_another = attempt != self._shown.get(place, (0, ""))[0]
        return self._show(place, attempt, self._certain(sequence, text), is_another)

    def finish(self, place: int, post: GeneratedPost | None) -> Iterator[PostEvent]:
        """Yield the rest of a post and its last event; `post` is None if the post is missing."""
        yield from self._show(place, 0, post.text if post else "", True)
        yield Missing(place) if post is None else Finished(place, post)

    def has_shown(self, place: int) -> bool:
        """Return whether any text of this post is shown."""
        return bool(self._shown.get(place, (0, ""))[1])

    def _certain(self, sequence: TokenSequence, text: str) -> str:
        """Return the part of a draft's text that no further token can change."""
        if self._held:
            prompt = sequence.prompt.text
            text = prompt + settled(text)[len(prompt) :]
            if reveals(text, len(prompt)):
                return ""
            text = sequence.masked(text)
        return one_line(text)

    def _show(
        self, place: int, attempt: int, certain: str, can_restart: bool
    ) -> Iterator[Piece | Restart]:
        """Yield what turns the text shown so far into `certain`."""
        shown = self._shown.get(place, (0, ""))[1]
        if shown and not certain.startswith(shown) and can_restart:
            yield Restart(place)
            shown = ""
        if certain.startswith(shown) and len(certain) > len(shown):
            yield Piece(place, certain[len(shown) :])
            shown = certain
        self._shown[place] = (attempt, shown)
