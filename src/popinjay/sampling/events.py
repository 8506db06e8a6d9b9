"""What happens to the posts of one prompt while they are being generated, as typed events.

For each post there come any number of `Piece` and `Restart` events, and at last `Finished` or
`Missing`. The text of the pieces behind the last `Restart` is the text of the finished post.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GeneratedPost:
    """One generated post: prompt and continuation on one line."""

    text: str
    tokens: int  # sampled for it, those of a sentence that was taken off again included
    finished: bool  # ended by the model, or at the end of a sentence
    by: str = ""  # which of several personas wrote it, if they take turns


@dataclass(frozen=True, slots=True)
class Piece:
    """More text of a post. The first piece of a draft begins with the prompt."""

    index: int  # of the post among those asked for, from 0
    text: str


@dataclass(frozen=True, slots=True)
class Restart:
    """The draft was rejected: the pieces of this post so far are void, another draft begins."""

    index: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The post is complete."""

    index: int
    post: GeneratedPost


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such post: every draft of it was rejected."""

    index: int


PostEvent = Piece | Restart | Finished | Missing
