"""Generate: the only place where weights become text."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from popinjay.errors import OptionError
from popinjay.language_model import LanguageModel
from popinjay.options import SayOptions
from popinjay.post import one_line

if TYPE_CHECKING:
    import torch

AT_ONCE = 64  # posts written side by side
LEAST_TOKENS = 10  # of a post, as HuggingTweets had it
MOST_TRIES = 5  # for a post that came out empty


@dataclass(frozen=True, slots=True)
class Said:
    """One post that a model wrote: prompt and continuation on one line, and whether it came to its own end."""

    text: str
    tokens: int
    finished: bool


def generate(model: LanguageModel, options: SayOptions, prompt: str = "") -> list[Said]:
    """`options.n` posts that begin with the prompt.

    The same seed gives the same posts; the first three of ten are those of three. Posts that come out empty are drawn again.
    Raises OptionError for a prompt that fills the context.
    """
    return list(stream(model, options, prompt))


def stream(model: LanguageModel, options: SayOptions, prompt: str = "") -> Iterator[Said]:
    """As `generate`, each batch as it is written."""
    prompt = " ".join(prompt.split())
    ids = [model.end, *model.encode([prompt])[0]]  # a blank at the end would keep the next word from beginning with its own
    room = model.context - len(ids)
    if room < LEAST_TOKENS:
        raise OptionError(f"The prompt is {len(ids) - 1} tokens long; the model reads {model.context} at most, its answer included.", "Shorten it.")
    seed = secrets.randbits(32) if options.seed is None else options.seed
    for start in range(0, options.n, AT_ONCE):
        places = range(start, min(options.n, start + AT_ONCE))
        said = dict(zip(places, _batch(model, ids, options, min(options.max_tokens, room), [(seed, place, 0) for place in places]), strict=True))
        for attempt in range(1, MOST_TRIES):
            again = [place for place in places if not said[place].text]
            if not again:
                break
            keys = [(seed, place, attempt) for place in again]
            said.update(zip(again, _batch(model, ids, options, min(options.max_tokens, room), keys), strict=True))
        yield from said.values()


def _batch(model: LanguageModel, prompt: list[int], options: SayOptions, most: int, keys: Sequence[tuple[int, int, int]]) -> list[Said]:
    """One post for each key. Every post draws from a generator of its own, so that its neighbours do not change it."""
    import torch

    generators = [torch.Generator().manual_seed(_mix(key)) for key in keys]
    written: list[list[int]] = [[] for _ in keys]
    finished = [False] * len(keys)
    alive = list(range(len(keys)))
    ids = torch.tensor([prompt] * len(keys), device=model.device)
    cache: Any = None
    with torch.inference_mode():
        for count in range(most):
            out = model.model(input_ids=ids, past_key_values=cache, use_cache=True)
            cache, logits = out.past_key_values, out.logits[:, -1].float().cpu()
            if count < min(LEAST_TOKENS, most - 1):
                logits[:, model.end] = -torch.inf
            chances = torch.cat([torch.rand(1, generator=generators[place]) for place in alive])
            tokens = draw(logits, chances, options.temperature, options.top_p).tolist()
            for place, token in zip(alive, tokens, strict=True):
                if token == model.end or (token in model.line_breaks and written[place]):
                    finished[place] = True
                else:
                    written[place].append(token)
            staying = [row for row, place in enumerate(alive) if not finished[place]]
            if not staying:
                break
            if len(staying) < len(alive):
                alive = [alive[row] for row in staying]
                tokens = [tokens[row] for row in staying]
                cache.batch_select_indices(torch.tensor(staying, device=model.device))
            ids = torch.tensor(tokens, device=model.device).unsqueeze(1)
    return [Said(_text(model, prompt[1:] + ids_, len(prompt) > 1), len(ids_), done) for ids_, done in zip(written, finished, strict=True)]


def draw(logits: torch.Tensor, chances: torch.Tensor, temperature: float, top_p: float) -> torch.Tensor:
    """One token for each row of logits (rows, vocabulary), given a uniform chance in [0, 1) for each.

    Nucleus sampling (Holtzman et al., arXiv 1904.09751): the smallest set of likeliest tokens whose probabilities reach top_p.
    """
    import torch

    if temperature == 0:
        return logits.argmax(dim=-1)
    probabilities, order = torch.softmax(logits / temperature, dim=-1).sort(dim=-1, descending=True)
    cumulative = probabilities.cumsum(dim=-1)
    probabilities[cumulative - probabilities >= top_p] = 0  # the first token always stays
    cumulative = probabilities.cumsum(dim=-1)
    place = torch.searchsorted(cumulative, chances.unsqueeze(1) * cumulative[:, -1:], right=True)
    last = (probabilities > 0).sum(dim=-1, keepdim=True) - 1
    return order.gather(1, place.minimum(last)).squeeze(1)


def _text(model: LanguageModel, ids: list[int], prompted: bool) -> str:
    """The ids as a post: up to its first line break, on one line, without a character that was cut in its middle."""
    text = model.decode(ids).rstrip("\ufffd")
    return one_line((text if prompted else text.lstrip()).split("\n", 1)[0])


def _mix(key: tuple[int, int, int]) -> int:
    """A seed for one post of one call, as good as independent of its neighbours'."""
    mixed = 0
    for part in key:
        mixed = ((mixed ^ part) * 0x9E3779B97F4A7C15 + 0x7F4A7C159E3779B9) % 2**64
        mixed ^= mixed >> 29
    return mixed % 2**63
