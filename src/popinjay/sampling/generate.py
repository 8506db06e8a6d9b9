"""Generate: the only place where weights become text."""

from __future__ import annotations

import heapq
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from popinjay.errors import OptionError
from popinjay.options import SayOptions
from popinjay.post import one_line
from popinjay.sampling.filters import OutputFilters, Reason, Verdict, settled
from popinjay.text.masking import reveals
from popinjay.text.words import continues_word

if TYPE_CHECKING:
    from popinjay.inference.decoder import Decoder, Logits
    from popinjay.sampling.prompt import PrefilledPrompt
    from popinjay.sampling.sampler import Sampler, SamplingParams
    from popinjay.sampling.sequence import TokenSequence

MAX_BATCH_ROWS = 128  # posts written side by side, at most
MIN_TOKENS = 10  # of a post, as HuggingTweets had it
MAX_ATTEMPTS = 16  # for one post
RESTART: Final = "\r"  # among the pieces of a post: what came so far is void, another draft begins


@dataclass(frozen=True, slots=True)
class GeneratedPost:
    """One post that a model wrote: prompt and continuation on one line, and whether it came to an end of its own or ends at a sentence."""

    text: str
    tokens: int  # that were drawn, those of a sentence taken off again included
    finished: bool


@dataclass
class Tally:
    """What did not come out: drafts that others were drawn for, by reason, and posts that are missing because no draft was fit to be seen."""

    redrawn: Counter[Reason] = field(default_factory=Counter)
    missing: int = 0


def generate(
    decoder: Decoder,
    options: SayOptions,
    prompt: str = "",
    filters: OutputFilters | None = None,
    tally: Tally | None = None,
) -> list[GeneratedPost]:
    """`options.n` posts that begin with the prompt, as far as the rules let them out.

    The same seed gives the same posts; the first three of ten are those of three. Posts that come out empty, or that the rules are against,
    are drawn again, and `tally` is told. Without rules, posts are as the model writes them, copies and all.
    Raises OptionError for a prompt that fills the context, or leaves no character to the post.
    """
    return list(stream(decoder, options, prompt, filters, tally))


def stream(
    decoder: Decoder,
    options: SayOptions,
    prompt: str = "",
    filters: OutputFilters | None = None,
    tally: Tally | None = None,
    start: int = 0,
) -> Iterator[GeneratedPost]:
    """As `generate`, each post as soon as it and all before it are done, those before `start` left out.

    A decoder serves one stream at a time; for several see `Desk`.
    """
    places = range(start, options.n)
    request, go_on = _alone(decoder, options, prompt, filters, tally, places)
    for place in places:
        while place not in request.done:
            go_on()
        if (said := request.done.pop(place)) is not None:
            yield said


def pieces(
    decoder: Decoder,
    options: SayOptions,
    prompt: str = "",
    filters: OutputFilters | None = None,
    tally: Tally | None = None,
    place: int = 0,
) -> Iterator[str]:
    """The post that `stream` would give at a place, the first at 0, piece by piece as it is written, prompt included; nothing where it is missing.

    Never half a character; with rules, never a word before it is whole and the rules have nothing against it, and never figures
    or signs that could become personal data. A draft can still be given up, as it grows too long or an eighth word in a row repeats a
    post: then AGAIN comes as a piece of its own, which says that what was shown is void, and another begins. The pieces behind
    the last AGAIN are the post.
    """
    request, go_on = _alone(decoder, options, prompt, filters, tally, [place])
    buffer = StreamBuffer(held=filters is not None)
    while place not in request.done:
        go_on()
        for sequence in request.sequences:
            yield from buffer.pieces(sequence)
    yield from buffer.end(place, request.done[place])


def _alone(
    decoder: Decoder,
    options: SayOptions,
    prompt: str,
    filters: OutputFilters | None,
    tally: Tally | None,
    places: Iterable[int],
) -> tuple[GenerationRequest, Callable[[], None]]:
    """A writing that has the decoder for itself, and what goes on with it, raising what went wrong."""
    from popinjay.sampling.scheduler import BatchScheduler

    request, scheduler = (
        GenerationRequest(decoder, options, prompt, filters, tally, places),
        BatchScheduler(decoder, MAX_BATCH_ROWS),
    )
    scheduler.add(request)

    def go_on() -> None:
        scheduler.step()
        if request.failure is not None:
            raise request.failure

    return request, go_on


class StreamBuffer:
    """What of the posts on their way was shown, and what can be shown next."""

    def __init__(self, *, held: bool) -> None:
        """With `held`, no word before it is whole."""
        self._held = held
        self._shown: dict[
            int, tuple[int, str]
        ] = {}  # the attempt that was looked at last, and what is shown, by place
        self._seen: dict[int, tuple[int, int]] = {}  # the same attempt, and how long its draft was

    def pieces(self, sequence: TokenSequence) -> Iterator[str]:
        """What to show, now that the draft is so far: a piece, or AGAIN first."""
        place, attempt, text = sequence.key.place, sequence.key.attempt, sequence.partial_text()
        before, length = self._seen.get(place, (-1, 0))
        self._seen[place] = attempt, len(text)
        if self._held and before == attempt and continues_word(text, length):
            return iter(
                ()
            )  # the word that is not shown yet goes on: a look at all of it would find nothing new, and costs as much as drawing a token
        is_another = attempt != self._shown.get(place, (0, ""))[0]
        return self._change(place, attempt, self._sure(sequence, text), is_another)

    def _sure(self, sequence: TokenSequence, text: str) -> str:
        """Return what of a draft's text can be shown already."""
        if self._held:
            typed = sequence.prompt.text
            text = typed + settled(text)[len(typed) :]
            if reveals(text, len(typed)):
                return ""
            text = sequence.masked(text)
        return one_line(text)

    def has_shown(self, place: int) -> bool:
        """Whether anything of this post stands there."""
        return bool(self._shown.get(place, (0, ""))[1])

    def end(self, place: int, said: GeneratedPost | None) -> Iterator[str]:
        """What is still to be shown of the post that was written there; None where it is missing."""
        return self._change(place, 0, said.text if said else "", True)

    def _change(self, place: int, attempt: int, sure: str, for_good: bool) -> Iterator[str]:
        shown = self._shown.get(place, (0, ""))[1]
        if shown and not sure.startswith(shown) and for_good:
            yield RESTART
            shown = ""
        if sure.startswith(shown) and len(sure) > len(shown):
            yield sure[len(shown) :]
            shown = sure
        self._shown[place] = (attempt, shown)


class GenerationRequest:
    """The posts that are asked for with one prompt: which draft is begun next, and what becomes of those that are over. A Desk writes them."""

    def __init__(
        self,
        decoder: Decoder,
        options: SayOptions,
        prompt: str,
        filters: OutputFilters | None,
        tally: Tally | None,
        places: Iterable[int],
        *,
        stops: Sequence[str] = (),
        broken_off: bool = False,
        begin: Callable[[Decoder, str, int], PrefilledPrompt] | None = None,
    ) -> None:
        """A post ends before the first of `stops` that it comes to. `broken_off` lets out what its tokens run out for, where the rules let out all else.

        `begin` has the prompt read, as `prompt.begin` does, which does so where none is given.
        """
        from popinjay.sampling import prompt as prompts
        from popinjay.sampling.sampler import SamplingParams

        self.sequences: list[TokenSequence] = []  # on their way
        self.done: dict[int, GeneratedPost | None] = {}  # by place; None where it stays empty
        self.given_up: dict[
            int, tuple[Reason, int]
        ] = {}  # why the place's last draft was, if it was, and how many tokens it had
        self.failure: Exception | None = None
        self.tally = tally or Tally()
        self._decoder, self._options, self._filters, self._stops, self._broken_off = (
            decoder,
            options,
            filters,
            stops,
            broken_off,
        )
        prompt = prompts.tidy(prompt)
        options = options.with_defaults(decoder.sampling)
        if filters is not None and len(prompt) >= options.max_chars:
            raise OptionError(
                f"The prompt is {len(prompt)} characters long; posts are {options.max_chars} at most.",
                "Shorten it, or raise --max-chars.",
            )
        self.prompt = (begin or prompts.prefill)(decoder, prompt, MIN_TOKENS)
        self.prefix = self.prompt.prefix
        self._typed = one_line(self.prompt.text)
        self._most = min(options.max_tokens, decoder.context - self.prompt.length)
        self.rows = decoder.max_batch_rows(self.prompt.length + self._most)
        # Ten tokens are some forty characters: where these would be too many, posts may end sooner.
        self._least = min(
            MIN_TOKENS, self._most - 1, MIN_TOKENS if filters is None else options.max_chars // 8
        )
        self._seed = secrets.randbits(32) if options.seed is None else options.seed
        self._fresh = iter(places)
        self._next = next(self._fresh, None)  # place that was not begun yet
        self._again: list[tuple[int, int]] = []  # places and attempts, the first place first
        self._second_best: dict[
            int, GeneratedPost
        ] = {}  # that will do if nothing better comes, by place
        self._first_sampler, self._sampler = self._samplers(SamplingParams.of(options))

    def _samplers(self, shape: SamplingParams) -> tuple[Sampler, Sampler]:
        """What draws how posts begin, and what draws all that comes behind it."""
        from popinjay.sampling.sampler import Sampler

        if self.prompt.continuations:
            first = Sampler(shape._replace(repetition_penalty=1))
            first.load_logits(self.prompt.logits)
        else:
            first = Sampler(shape, self._decoder.suppressed_tokens)
            too_soon = [self._decoder.eos_token] if self._least > 0 else []
            first.load_logits(self.prompt.logits, self.prompt.tokens, too_soon)
        return first, Sampler(shape, self._decoder.suppressed_tokens)

    @property
    def wants_more(self) -> bool:
        """Whether there are drafts to begin."""
        return bool(self._again) or self._next is not None

    def start_sequence(self) -> TokenSequence:
        """The next draft with its first token: of earlier places that are to be written again, before new places."""
        from popinjay.sampling.sequence import SequenceKey, TokenSequence

        if self._again:
            job = heapq.heappop(self._again)
        else:
            assert self._next is not None
            job, self._next = (self._next, 0), next(self._fresh, None)
        watch = None
        if self._filters is not None:
            masks = self._masks_handles(job[1])
            watch = self._filters.watch(self.prompt.text, self._options, masks=masks)
        sequence = TokenSequence(
            SequenceKey(self._seed, *job),
            self._decoder,
            self.prompt,
            self._least,
            self._most,
            watch,
            self._stops,
        )
        sequence.start(self._first_sampler)
        self.sequences.append(sequence)
        return sequence

    def advance(self, sequence: TokenSequence, logits: Logits) -> None:
        """Draw the draft's next token, given the logits behind what was fed."""
        sequence.advance(logits, self._sampler)

    def complete(self, sequence: TokenSequence) -> None:
        """Fill the place of a draft that is over, or see that another one is drawn for it."""
        self.sequences.remove(sequence)
        verdict = self._judge(sequence)
        place, attempt = sequence.key.place, sequence.key.attempt + 1
        said = GeneratedPost(verdict.text, sequence.count, verdict.finished)
        if verdict.rejection is None or (
            verdict.rejection is Reason.UNFINISHED and self._broken_off
        ):
            self._second_best.pop(place, None)
            self.done[place] = said
            return
        self.given_up[place] = verdict.rejection, sequence.count
        if verdict.rejection.is_a_blemish or self._filters is None:
            self._second_best.setdefault(place, said)
        if attempt < MAX_ATTEMPTS:
            self.tally.redrawn[verdict.rejection] += 1
            heapq.heappush(self._again, (place, attempt))
            return
        self.done[place] = best = self._second_best.pop(place, None)
        self.tally.missing += best is None

    def give_up(self, place: int) -> None:
        """Have no other draft written where one was given up."""
        self._again = [(other, attempt) for other, attempt in self._again if other != place]
        heapq.heapify(self._again)

    def _masks_handles(self, attempt: int) -> bool:
        """Return whether an attempt masks unknown handles: as asked, or as it is the last one."""
        return self._options.handles == "mask" or attempt == MAX_ATTEMPTS - 1

    def _judge(self, sequence: TokenSequence) -> Verdict:
        if sequence.rejection in (Reason.COPIED, Reason.HANDLE):
            return Verdict("", finished=False, rejection=sequence.rejection)
        text = sequence.text()
        if self._filters is not None:
            masks = self._masks_handles(sequence.key.attempt)
            return self._filters.judge(
                text,
                sequence.finished,
                self._typed,
                self._options,
                watched=not sequence.was_stopped,
                masks=masks,
            )
        is_empty = len(text) <= len(self._typed)
        return Verdict(text, sequence.finished, Reason.EMPTY if is_empty else None)
