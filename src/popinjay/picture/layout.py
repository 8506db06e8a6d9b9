"""Measures and colours of the picture: 1200 by 630 pixels with wide margins.

That is the size that sites show of a link, often at half of it, so no text that matters is smaller
than 24 pixels. Lengths are in pixels, colours are 0xAARRGGBB.
"""

from __future__ import annotations

WIDTH = 1200
HEIGHT = 630
MARGIN = 72
ROOM = WIDTH - 2 * MARGIN  # width of everything

PAPER = 0xFFFBF9F5
INK = 0xFF1D1B20
GREY = 0xFF625E69
HAIRLINE = 0xFFE4DFD6
WHITE = 0xFFFFFFFF

HEAD_TOP = 46
AVATAR = 96  # diameter, of up to three
SMALL_AVATAR = 76  # diameter, of more
MAX_AVATARS = 5
MAX_LARGE_AVATARS = 3
AVATAR_GAP = 12  # between avatars
MAX_NAMES = 8
NAME_SIZES = (40, 37, 34, 31, 28)
HANDLE_SIZES = (25, 22, 20)

BODY_TOP = 164
BODY_BOTTOM = 526
PROMPT_SIZES = (34, 31, 28, 25)
PROMPT_GAP = 10  # between prompt and prediction
ARROW = 46  # length
ARROW_GAP = 22  # between prompt and arrow
TEXT_SIZES = (84, 76, 68, 62, 58, 54, 50, 46, 42, 39, 36, 33, 30, 28, 26, 24)  # of one prediction
ROW_SIZES = (46, 44, 42, 40, 38, 36, 34, 32, 30, 28, 26, 24)  # of several
ROW_INDENT = 34  # of several predictions, behind their bars
BAR = 6  # width
ROW_GAP = 0.55  # between predictions, in sizes of their text
MAX_ROW_GAP = 1.3  # the same, where there is room

FOOT_LINE = 548
FOOT_MIDDLE = 589
FOOT_SIZE = 20
PARROT = 44  # side
