"""Texts that are fitted into the picture: as large as there is room for, word for word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from popinjay.picture.content import locale_of
from popinjay.picture.typeset import (
    ELLIPSIS,
    Block,
    Style,
    Typesetter,
    graphemes,
    no_font,
)
from popinjay.text.unicode import without_direction_marks


@dataclass
class TextFitter:
    """Fits texts into rooms, with warnings about symbols that no font has."""

    fonts: Typesetter
    language: str  # of most posts
    warnings: list[str] = field(default_factory=list)

    def drawable_text(self, text: str, where: str) -> str:
        """Return a text that is shown word for word, less symbols that no font has.

        Raises PictureError if no font has some of its letters. `where` names the text in messages.
        """
        return self._drawable(text, where, strict=True)

    def drawable_name(self, name: str, where: str, fallback: str) -> str:
        """Return a name less characters that no font has; if nothing is left, the fallback."""
        return self._drawable(name, where, strict=False) or fallback

    def _drawable(self, text: str, where: str, *, strict: bool) -> str:
        """Return a text on one line, less characters that no font has, with a warning.

        If `strict`, letters and digits that no font has raise PictureError.
        """
        text = " ".join(without_direction_marks(text).split())
        missing = self.fonts.missing(text, locale_of(text, self.language))
        if not missing:
            return text
        error = no_font(missing, where)
        if strict and any(grapheme[0].isalnum() for grapheme in missing):
            raise error
        self.warnings.append(f"{error.message} (left out). {error.hint}")
        kept = (grapheme for grapheme in graphemes(text) if grapheme not in missing)
        return " ".join("".join(kept).split())

    def style(self, text: str, size: float, colour: int, *, bold: bool = False) -> Style:
        """Return the style of a text, with the language that its characters ask for."""
        return Style(size, colour, bold, locale=locale_of(text, self.language))

    def fit(
        self, text: str, sizes: Sequence[int], colour: int, room: float, max_height: float
    ) -> Block | None:
        """Lay out a text in the largest size in which it fits; None if it fits in none.

        Args:
            text: The text.
            sizes: The sizes to try, in descending order.
            colour: The colour.
            room: The width available.
            max_height: The height available.
        """
        for size in sizes:
            style = self.style(text, size, colour)
            block = self.fonts.block(text, style, room)
            if block.height <= max_height and block.paragraph.LongestLine <= room + 1:
                return self.fonts.balanced(text, style, room)
        return None

    def fit_line(
        self,
        text: Callable[[int], str],
        sizes: Sequence[int],
        colour: int,
        room: tuple[float, float],
        lines: int,
        *,
        bold: bool = False,
    ) -> Block:
        """Lay out a text in few lines, in the largest size in which it fits, truncated if need be.

        Args:
            text: Returns the text with names truncated to a length.
            sizes: The sizes to try, in descending order.
            colour: The colour.
            room: The width and height available.
            lines: The maximum number of lines.
            bold: Whether it is bold.
        """
        width, height = room
        for max_length in (1000, *range(120, 2, -3)):
            shown = text(max_length)
            for size in sizes:
                style = self.style(shown, size, colour, bold=bold)
                block = self.fonts.block(shown, style, width)
                line_height = self.fonts.block(shown, style, 1e6).height
                if block.height <= lines * line_height + 1 and block.height <= height:
                    return self.fonts.balanced(shown, style, width)
        return block  # very tall letters, which are clipped


def truncated(text: str, max_length: int) -> str:
    """Return a text of at most this many graphemes, with an ellipsis if it was truncated."""
    clusters = graphemes(text)
    if len(clusters) <= max_length:
        return text
    return "".join(clusters[: max_length - 1]).rstrip() + ELLIPSIS
