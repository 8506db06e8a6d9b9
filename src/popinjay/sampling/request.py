"""A request for posts with one prompt: which draft is next, and what becomes of one that ends."""

from __future__ import annotations

import heapq
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from popinjay.errors import OptionError
from popinjay.options import SayOptions
from popinjay.post import one_line
from popinjay.sampling.events import GeneratedPost
from popinjay.sampling.filters import OutputFilters, Reason, Verdict

if TYPE_CHECKING:
    from popinjay.inference.decoder import Decoder, Logits
    from popinjay.sampling.dials import Dials
    from popinjay.sampling.prompt import PrefilledPrompt
    from popinjay.sampling.sampler import Sampler, SamplingParams
    from popinjay.sampling.sequence import TokenSequence

MIN_TOKENS = 10  # of a post, as in HuggingTweets
MAX_ATTEMPTS = 16  # drafts of one post


@dataclass
class Tally:
    """What was rejected."""

    # Drafts that others were generated for, by the reason of their rejection.
    redrawn: Counter[Reason] = field(default_factory=Counter)
    # Posts that are missing because every draft was rejected.
    missing: int = 0


class GenerationRequest:
    """The posts asked for with one prompt. A BatchScheduler generates its drafts.

    Everything random in a draft depends on the seed, the post's place and the attempt, so the
    result does not depend on what else is in the batch.
    """

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
        prefill: Callable[[Decoder, str, int], PrefilledPrompt] | None = None,
    ) -> None:
        """Read the prompt.

        Args:
            decoder: The model.
            options: How to sample.
            prompt: How every post begins.
            filters: What may be shown; None lets everything out as the model writes it.
            tally: Counts what is rejected.
            places: The indices of the posts to generate, in the order in which they begin.
            stops: Texts that a post ends before.
            broken_off: Whether posts may end where their tokens run out.
            prefill: Reads the prompt instead of `prompt.prefill`, such as from a cache.

        Raises:
            OptionError: If the prompt leaves no room for a post.
        """
        from popinjay.sampling import prompt as prompts
        from popinjay.sampling.sampler import SamplingParams

        self.sequences: list[TokenSequence] = []  # being generated
        self.done: dict[int, GeneratedPost | None] = {}  # by place; None if the post is missing
        # By place: why its last draft was rejected, and how many tokens that draft had.
        self.given_up: dict[int, tuple[Reason, int]] = {}
        self.failure: Exception | None = None
        self.tally = tally or Tally()
        self._decoder = decoder
        self._options = options
        self._filters = filters
        self._stops = stops
        self._broken_off = broken_off
        prompt = prompts.tidy(prompt)
        options = options.with_defaults(decoder.sampling)
        if filters is not None and len(prompt) >= options.max_chars:
            raise OptionError(
                f"The prompt is {len(prompt)} characters long;"
                f" posts are {options.max_chars} at most.",
                "Shorten it, or raise --max-chars.",
                page_hint="Shorten it.",
            )
        self.prompt = (prefill or prompts.prefill)(decoder, prompt, MIN_TOKENS)
        self.prefix = self.prompt.prefix
        self._typed = one_line(self.prompt.text)
        self._most = min(options.max_tokens, decoder.context - self.prompt.length)
        self.rows = decoder.max_batch_rows(self.prompt.length + self._most)
        # Ten tokens are some forty characters: if max_chars leaves less, posts may end sooner.
        least = MIN_TOKENS if filters is None else options.max_chars // 8
        self._least = min(MIN_TOKENS, self._most - 1, least)
        self._seed = secrets.randbits(32) if options.seed is None else options.seed
        self._fresh = iter(places)
        self._next = next(self._fresh, None)  # the next place that has no draft yet
        self._again: list[tuple[int, int]] = []  # a heap of places and attempts
        # By place: a draft with a minor fault, used if no attempt gives a better one.
        self._second_best: dict[int, GeneratedPost] = {}
        self._dials = self._dials_of(options)
        self._first_sampler, self._sampler = self._samplers(SamplingParams.of(options))

    def _samplers(self, params: SamplingParams) -> tuple[Sampler, Sampler]:
        """Return what samples the first token of each draft, and what samples the others."""
        from popinjay.sampling.sampler import Sampler

        if self.prompt.continuations:
            first = Sampler(params._replace(repetition_penalty=1))
            first.load_logits(self.prompt.logits)
        else:
            first = Sampler(params, self._decoder.suppressed_tokens)
            too_soon = [self._decoder.eos_token] if self._least > 0 else []
            first.load_logits(self.prompt.logits, self.prompt.tokens, too_soon)
        return first, Sampler(params, self._decoder.suppressed_tokens)

    def _dials_of(self, options: SayOptions) -> Dials | None:
        """Return the dials, None if none is turned. Raises OptionError for one that can't be."""
        from popinjay.sampling.dials import Dials

        if not Dials.are_turned(options):
            return None
        return Dials(self._decoder, options, self._seed)

    @property
    def wants_more(self) -> bool:
        """Whether there are drafts to begin."""
        return bool(self._again) or self._next is not None

    def start_sequence(self) -> TokenSequence:
        """Begin the next draft with its first token; further attempts go before new places."""
        from popinjay.sampling.sequence import SequenceKey, TokenSequence

        if self._again:
            job = heapq.heappop(self._again)
        else:
            assert self._next is not None
            job = (self._next, 0)
            self._next = next(self._fresh, None)
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
            None if self._dials is None else self._dials.steering(job[0], self.prompt.text),
        )
        sequence.start(self._first_sampler)
        self.sequences.append(sequence)
        return sequence

    def advance(self, sequence: TokenSequence, logits: Logits) -> None:
        """Sample the draft's next token from these logits (vocabulary,)."""
        sequence.advance(logits, self._sampler)

    def complete(self, sequence: TokenSequence) -> None:
        """Accept a draft that has ended as the post of its place, or schedule another attempt."""
        self.sequences.remove(sequence)
        verdict = self._judge(sequence)
        place = sequence.key.place
        attempt = sequence.key.attempt + 1
        post = GeneratedPost(verdict.text, sequence.count, verdict.finished)
        if verdict.rejection is None or (
            verdict.rejection is Reason.UNFINISHED and self._broken_off
        ):
            self._second_best.pop(place, None)
            self.done[place] = post
            return
        self.given_up[place] = verdict.rejection, sequence.count
        if verdict.rejection.is_a_blemish or self._filters is None:
            self._second_best.setdefault(place, post)
        if attempt < MAX_ATTEMPTS:
            self.tally.redrawn[verdict.rejection] += 1
            heapq.heappush(self._again, (place, attempt))
            return
        self.done[place] = best = self._second_best.pop(place, None)
        self.tally.missing += best is None

    def give_up(self, place: int) -> None:
        """Schedule no further attempt at this place."""
        self._again = [(other, attempt) for other, attempt in self._again if other != place]
        heapq.heapify(self._again)

    def _masks_handles(self, attempt: int) -> bool:
        """Return whether an attempt masks unknown handles: if asked to, or as the last one."""
        return self._options.handles == "mask" or attempt == MAX_ATTEMPTS - 1

    def _judge(self, sequence: TokenSequence) -> Verdict:
        """Return what the filters and the dials make of a draft."""
        verdict = self._filtered(sequence)
        steering = sequence.steering
        if verdict.rejection is None and steering is not None and steering.misses(verdict.text):
            return verdict._replace(rejection=Reason.AGAINST_DIAL)
        return verdict

    def _filtered(self, sequence: TokenSequence) -> Verdict:
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
                was_watched=not sequence.was_stopped,
                masks=masks,
            )
        is_empty = len(text) <= len(self._typed)
        return Verdict(text, sequence.finished, Reason.EMPTY if is_empty else None)
