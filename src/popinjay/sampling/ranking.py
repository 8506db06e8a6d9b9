"""Rank generated posts by how well they show a persona, for pictures that show a few of many.

A post's score is the sum of:

- whole words: 2, less 1 for each word that does not exist, down to -2
- an end of its own: 1 if the model ended it, with a mark of punctuation, an emoji or a hashtag
- the author's habits: 0.5 each for a hashtag and for an emoji, if at least a tenth of the author's
  posts have one; 0.5 for a length that four fifths of their posts lie within
- something to say: up to 1.5 for six or more different words beyond the author's 100 most frequent
- less 1 for fewer than four words after the prompt, less twice the share of its words that repeat
  earlier ones, and less 1 for every 140 characters after the first 140

Handles that the author never used, copies and personal data need no term: output filters reject
them. The numbers are a judgement, not a measurement; whoever shows the result has to say that it
was chosen, and among how many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import chain

from popinjay.metrics.stylometry import hashtags
from popinjay.text.emoji import count_emoji
from popinjay.text.words import words

FREQUENT = 100  # words of an author that say little by themselves
HABIT = 0.1  # share of the posts from which on something is a habit
MANY = 6  # different words that make a post worth reading
FEW = 4  # words; shorter posts say nothing
MAX_LENGTH = 140  # characters that are read at a glance
ALIKE = 0.5  # share of common words from which on two posts are not shown together


@dataclass(frozen=True)
class Candidate:
    """A generated post."""

    prompt: str
    text: str  # without the prompt
    finished: bool = True  # ended by the model

    @property
    def whole(self) -> str:
        """The post with its prompt."""
        return f"{self.prompt} {self.text}".strip()


@dataclass(frozen=True)
class Habits:
    """What is usual for an author."""

    frequent: Collection[str]
    has_hashtags: bool
    has_emoji: bool
    shortest: int  # characters; a tenth of the posts are shorter
    longest: int  # characters; a tenth are longer

    @classmethod
    def of(cls, posts: Sequence[str]) -> Habits:
        """Return the habits of an author with these posts."""
        if not posts:
            return cls((), False, False, 0, MAX_LENGTH)
        counted = Counter(chain.from_iterable(map(words, posts)))
        lengths = sorted(map(len, posts))
        return cls(
            frozenset(word for word, _ in counted.most_common(FREQUENT)),
            sum(hashtags(post) > 0 for post in posts) >= HABIT * len(posts),
            sum(count_emoji(post) > 0 for post in posts) >= HABIT * len(posts),
            lengths[len(lengths) // 10],
            lengths[-1 - len(lengths) // 10],
        )


def score(post: Candidate, habits: Habits, made_up: Callable[[str], int]) -> float:
    """Return a post's score, as the module describes it.

    Args:
        post: The post.
        habits: What is usual for its author.
        made_up: Returns how many words of a text do not exist.
    """
    found = words(post.text)
    distinct = set(found)
    whole_words = 2 - min(4, made_up(post.text))
    last_word = post.text.split()[-1] if post.text.split() else ""
    is_hashtag = last_word.startswith(("#", "＃"))
    is_open = last_word[-1:] in ",;:-–—" or (last_word[-1:].isalnum() and not is_hashtag)
    own_end = post.finished and not is_open
    usual = [
        habits.has_hashtags and hashtags(post.text) > 0,
        habits.has_emoji and count_emoji(post.text) > 0,
        habits.shortest <= len(post.whole) <= habits.longest,
    ]
    content = len(distinct.difference(habits.frequent))
    repeated = 1 - len(distinct) / len(found) if found else 0
    return (
        whole_words
        + own_end
        + 0.5 * sum(usual)
        + 1.5 * min(content, MANY) / MANY
        - (len(found) < FEW)
        - 2 * repeated
        - max(0, len(post.text) - MAX_LENGTH) / MAX_LENGTH
    )


def ranked(posts: Sequence[Candidate], habits: Habits, made_up: Callable[[str], int]) -> list[int]:
    """Return the places of posts, the best first; equal ones keep their order."""
    scores = [score(post, habits, made_up) for post in posts]
    return sorted(range(len(posts)), key=lambda place: -scores[place])


def without_likeness(posts: Sequence[Candidate], order: Sequence[int]) -> list[int]:
    """Return a ranking without posts that share half of their words with a better one."""
    kept: list[int] = []
    for place in order:
        found = set(words(posts[place].text))
        others = (set(words(posts[other].text)) for other in kept)
        if all(len(found & other) <= ALIKE * len(found | other) for other in others):
            kept.append(place)
    return kept
