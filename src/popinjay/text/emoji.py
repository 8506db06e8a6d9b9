"""What an emoji is: flags, keycaps, skin tones and joined families are one each."""

from __future__ import annotations

import functools
from typing import Any

_TONE = r"(?:\p{Emoji_Modifier}|\uFE0F)?"
_TAGS = r"(?:[\U000E0020-\U000E007E]+\U000E007F)?"
_PICTOGRAPH = r"\p{Extended_Pictographic}"
_IN_COLOUR = r"\p{Emoji_Presentation}"  # without being asked to by a variation selector
# Most phones draw older signs such as ❤ in colour too. Some of them, such as ©, ™ and arrows, are
# more often meant as signs.
_MOSTLY_SIGNS = "©®‼⁉™ℹ↔-↙↩↪Ⓜ▪▫▶◀◻◼➡⤴⤵⬅-⬇〰〽㊗㊙"
_MEANT_AS_EMOJI = rf"[\p{{Emoji}}--\p{{ASCII}}--\p{{RI}}--[{_MOSTLY_SIGNS}]]"


def coloured_emoji() -> Any:
    """Return the pattern of what is to be drawn as a colour emoji."""
    return _pattern(_IN_COLOUR)


def count_emoji(text: str) -> int:
    """Return how many emoji a text has, older signs without a variation selector included."""
    return sum(1 for _ in _pattern(_MEANT_AS_EMOJI).finditer(text))


@functools.cache
def _pattern(alone: str) -> Any:
    """Return the pattern of an emoji, given the characters that are one without a selector."""
    import regex

    first = rf"(?:{alone}(?!\uFE0E){_TONE}|{_PICTOGRAPH}(?:\p{{Emoji_Modifier}}|\uFE0F|(?=\u200D)))"
    return regex.compile(
        rf"\p{{RI}}\p{{RI}}|[0-9#*]\uFE0F?\u20E3|{first}{_TAGS}"
        rf"(?:\u200D(?:{_PICTOGRAPH}|[♀♂]){_TONE})*",
        regex.VERSION1,
    )
