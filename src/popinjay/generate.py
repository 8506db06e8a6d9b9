"""Generate: the only place where weights become text."""

from __future__ import annotations

import heapq
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from popinjay.errors import OptionError
from popinjay.options import SayOptions
from popinjay.post import one_line
from popinjay.privacy import reveals
from popinjay.rules import Reason, Rules, Verdict, settled

if TYPE_CHECKING:
    from popinjay.decoding.decoder import Decoder
    from popinjay.decoding.draft import Draft

AT_ONCE = 64  # posts written side by side, at most
LEAST_TOKENS = 10  # of a post, as HuggingTweets had it
MOST_TRIES = 16  # for one post
AGAIN: Final = "\r"  # among the pieces of a post: what came so far is void, another draft begins


@dataclass(frozen=True, slots=True)
class Said:
    """One post that a model wrote: prompt and continuation on one line, and whether it came to an end of its own or ends at a sentence."""

    text: str
    tokens: int  # that were drawn, those of a sentence taken off again included
    finished: bool


@dataclass
class Tally:
    """What did not come out: drafts that others were drawn for, by reason, and posts that are missing because no draft was fit to be seen."""

    redrawn: Counter[Reason] = field(default_factory=Counter)
    missing: int = 0


def generate(decoder: Decoder, options: SayOptions, prompt: str = "", rules: Rules | None = None, tally: Tally | None = None) -> list[Said]:
    """`options.n` posts that begin with the prompt, as far as the rules let them out.

    The same seed gives the same posts; the first three of ten are those of three. Posts that come out empty, or that the rules are against,
    are drawn again, and `tally` is told. Without rules, posts are as the model writes them, copies and all.
    Raises OptionError for a prompt that fills the context, or leaves no character to the post.
    """
    return list(stream(decoder, options, prompt, rules, tally))


def stream(decoder: Decoder, options: SayOptions, prompt: str = "", rules: Rules | None = None, tally: Tally | None = None) -> Iterator[Said]:
    """As `generate`, each post as soon as it and all before it are done. A decoder serves one stream at a time."""
    writing = _Writing(decoder, options, prompt, rules, tally or Tally(), range(options.n))
    done: dict[int, Said | None] = {}
    place = 0
    while place < options.n:
        while place not in done:
            done.update(writing.go_on())
        if (said := done.pop(place)) is not None:
            yield said
        place += 1


def pieces(decoder: Decoder, options: SayOptions, prompt: str = "", rules: Rules | None = None, tally: Tally | None = None, place: int = 0) -> Iterator[str]:
    """The post that `stream` would give at a place, the first at 0, piece by piece as it is written, prompt included; nothing where it is missing.

    Never half a character; with rules, never a word before it is whole and the rules have nothing against it, and never figures
    or signs that could become personal data. A draft can still be given up, as it grows too long or an eighth word in a row repeats a
    post: then AGAIN comes as a piece of its own, which says that what was shown is void, and another begins. The pieces behind
    the last AGAIN are the post.
    """
    writing = _Writing(decoder, options, prompt, rules, tally or Tally(), [place])
    shown, attempt = "", 0
    done: dict[int, Said | None] = {}
    while not done:
        done = writing.go_on()
        if done:
            said = done[place]
            sure, over = said.text if said else "", True
        elif writing.drafts:
            draft = writing.drafts[0]
            over, attempt = draft.key.attempt != attempt, draft.key.attempt
            sure = _sure(draft, held=rules is not None)
        else:  # it was given up, and the next one has not begun
            continue
        if shown and not sure.startswith(shown) and over:
            yield AGAIN
            shown = ""
        if sure.startswith(shown) and len(sure) > len(shown):
            yield sure[len(shown) :]
            shown = sure


def _sure(draft: Draft, *, held: bool) -> str:
    """What of a draft can be shown already."""
    text, typed = draft.so_far(), draft.beginning.text
    if held:
        text = typed + settled(text)[len(typed) :]
        if reveals(text, len(typed)):
            return ""
    return one_line(text)


class _Writing:
    """Drafts on their way: as many as there is room for, and the next as soon as one is over."""

    def __init__(self, decoder: Decoder, options: SayOptions, prompt: str, rules: Rules | None, tally: Tally, places: Iterable[int]) -> None:
        from popinjay.decoding.drawing import Drawer, Shape
        from popinjay.decoding.prompt import begin, tidy

        self.drafts: list[Draft] = []
        self._decoder, self._options, self._rules, self._tally = decoder, options, rules, tally
        prompt = tidy(prompt)
        if rules is not None and len(prompt) >= options.max_chars:
            raise OptionError(f"The prompt is {len(prompt)} characters long; posts are {options.max_chars} at most.", "Shorten it, or raise --max-chars.")
        self._beginning = begin(decoder, prompt, LEAST_TOKENS)
        self._typed = one_line(self._beginning.text)
        self._most = min(options.max_tokens, decoder.context - self._beginning.length)
        self._at_once = min(AT_ONCE, decoder.rows_that_fit(self._beginning.length + self._most))
        # Ten tokens are some forty characters: where these would be too many, posts may end sooner.
        self._least = min(LEAST_TOKENS, self._most - 1, LEAST_TOKENS if rules is None else options.max_chars // 8)
        self._seed = secrets.randbits(32) if options.seed is None else options.seed
        self._fresh = iter(places)
        self._again: list[tuple[int, int]] = []  # places and attempts, the first place first
        self._second_best: dict[int, Said] = {}  # that will do if nothing better comes, by place
        shape = Shape.of(options)
        self._drawer = Drawer(shape)  # of what comes next, row by row
        if self._beginning.covers:
            self._first = Drawer(shape._replace(repetition_penalty=1))
            self._first.weigh(self._beginning.logits)
        else:
            self._first = Drawer(shape)
            too_soon = [decoder.end] if self._least > 0 else []
            self._first.weigh(self._beginning.logits, self._beginning.read, too_soon)

    def go_on(self) -> dict[int, Said | None]:
        """A token more for every draft. Gives the places that are done with now, None for those that stay empty."""
        self._fill()
        done = self._settle()  # some were over with their first token
        if self.drafts:
            logits = self._decoder.step([draft.feed() for draft in self.drafts])
            for draft, row in zip(self.drafts, logits, strict=True):
                draft.go_on(row, self._drawer)
            done |= self._settle()
        return done

    def _fill(self) -> None:
        """Begin drafts where there is room: new ones of earlier places before new places."""
        from popinjay.decoding.draft import Draft, Key

        if self.drafts and not self._decoder.joins:
            return
        keys = [Key(self._seed, *job) for job in islice(self._jobs(), self._at_once - len(self.drafts))]
        if not keys:
            return
        if not self._decoder.joins:
            self._decoder.read(self._beginning.read)
        self._decoder.add(len(keys))
        for key in keys:
            watch = self._rules.watch(self._beginning.text, self._options) if self._rules else None
            draft = Draft(key, self._decoder, self._beginning, self._least, self._most, watch)
            draft.begin(self._first)
            self.drafts.append(draft)

    def _jobs(self) -> Iterator[tuple[int, int]]:
        while self._again:
            yield heapq.heappop(self._again)
        yield from ((place, 0) for place in self._fresh)

    def _settle(self) -> dict[int, Said | None]:
        """Free the places of drafts that are over, and see what becomes of them."""
        staying = [row for row, draft in enumerate(self.drafts) if not draft.over]
        if len(staying) == len(self.drafts):
            return {}
        self._decoder.keep(staying)
        over = [draft for draft in self.drafts if draft.over]
        self.drafts = [self.drafts[row] for row in staying]
        return {draft.key.place: said for draft in over for said in self._outcome(draft)}

    def _outcome(self, draft: Draft) -> Iterator[Said | None]:
        """What the place of a draft is filled with; nothing where another draft is drawn for it."""
        verdict = self._judge(draft)
        place, attempt = draft.key.place, draft.key.attempt + 1
        said = Said(verdict.text, draft.count, verdict.finished)
        if verdict.against is None:
            self._second_best.pop(place, None)
            yield said
            return
        if verdict.against.is_a_blemish or self._rules is None:
            self._second_best.setdefault(place, said)
        if attempt < MOST_TRIES:
            self._tally.redrawn[verdict.against] += 1
            heapq.heappush(self._again, (place, attempt))
            return
        best = self._second_best.pop(place, None)
        self._tally.missing += best is None
        yield best

    def _judge(self, draft: Draft) -> Verdict:
        if draft.against is Reason.COPIED:
            return Verdict("", finished=False, against=draft.against)
        text = draft.text()
        if self._rules is not None:
            return self._rules.judge(text, draft.finished, self._typed, self._options, watched=True)
        is_empty = len(text) <= len(self._typed)
        return Verdict(text, draft.finished, Reason.EMPTY if is_empty else None)
