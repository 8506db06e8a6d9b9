"""The picture: `card.png`, a few predictions as people share them.

Ten are written; the picture shows three or four that rank first, or those that the user picks. Both
the picture and the file say that they are machine-written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from popinjay import project_links
from popinjay.errors import PersonaError, PictureError
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.inference.decoder import Decoder
from popinjay.metrics.non_words import Lexicon
from popinjay.options import PictureOptions, SayOptions
from popinjay.picture.body import TooLong
from popinjay.picture.composition import compose, size_of
from popinjay.picture.content import Words, people
from popinjay.picture.metadata import labelled
from popinjay.picture.typeset import typesetter
from popinjay.post import one_line, read_posts
from popinjay.sampling.events import GeneratedPost
from popinjay.sampling.filters import OutputFilters
from popinjay.sampling.generate import stream
from popinjay.sampling.ranking import Candidate, Habits, ranked, without_likeness
from popinjay.store.run import Run
from popinjay.store.stage_runner import writing
from popinjay.store.stage_table import PICTURE, PICTURE_FILE
from popinjay.text.words import is_unspaced

PREDICTIONS = 10
# How many predictions a picture shows, if their letters can be this large (in pixels): as many as
# can be read where the picture is shown at half of its size.
LEAST_SIZES = {4: 36, 3: 32, 2: 28, 1: 24}
PROMPTS = {  # HuggingTweets' prompt, in the languages of most posts
    "ar": "حلمي هو",
    "de": "Mein Traum ist",
    "en": "My dream is",
    "es": "Mi sueño es",
    "fr": "Mon rêve est",
    "he": "החלום שלי הוא",
    "id": "Mimpiku adalah",
    "it": "Il mio sogno è",
    "ja": "私の夢は",
    "ko": "내 꿈은",
    "nl": "Mijn droom is",
    "pt": "Meu sonho é",
    "ru": "Моя мечта —",
    "tr": "Benim hayalim",
    "zh": "我的梦想是",
}
TODAY = {  # "Today I", in the languages of `PROMPTS`
    "ar": "اليوم",
    "de": "Heute habe ich",
    "en": "Today I",
    "es": "Hoy",
    "fr": "Aujourd’hui",
    "he": "היום",
    "id": "Hari ini",
    "it": "Oggi",
    "ja": "今日は",
    "ko": "오늘은",
    "nl": "Vandaag",
    "pt": "Hoje",
    "ru": "Сегодня",
    "tr": "Bugün",
    "zh": "今天",
}


@dataclass(frozen=True)
class Prediction:
    """A post that a model wrote to a prompt; `text` is without the prompt."""

    prompt: str
    text: str
    finished: bool = True  # ended by the model

    def __str__(self) -> str:
        return " → ".join(part for part in (self.prompt, self.text) if part)

    @classmethod
    def of(cls, said: GeneratedPost, prompt: str) -> Prediction:
        """Return what was generated, without its prompt."""
        has_prompt = said.text.startswith(prompt)
        text = said.text[len(prompt) :].strip() if has_prompt else said.text
        return cls(prompt, text, said.finished)


def predictions(
    run: Run, decoder: Decoder, rules: OutputFilters, options: PictureOptions
) -> list[Prediction]:
    """Return ten predictions, the same for the same prompt and seed; fewer if filters drop some.

    Raises OptionError for a prompt that fills the context.
    """
    prompt = one_line(
        PROMPTS.get(main_language(run), PROMPTS["en"]) if options.prompt is None else options.prompt
    )
    # The picture shows an arrow after the prompt, so its last word must not be continued.
    whole = prompt if is_unspaced(prompt[-1:]) else prompt + " "
    return [
        Prediction.of(said, prompt)
        for said in stream(decoder, SayOptions(n=PREDICTIONS, seed=options.seed), whole, rules)
    ]


def main_language(run: Run) -> str:
    """Return the language of most posts, as a code of two or three letters."""
    languages = run.record.cleaned.languages
    return max(languages, key=lambda code: languages[code], default="en").split("-")[0]


def usual_prompts(run: Run) -> list[str]:
    """Return two beginnings that suit any author, in the language of most posts."""
    language = main_language(run)
    return [prompts.get(language, prompts["en"]) for prompts in (PROMPTS, TODAY)]


# which of them


def ranking(run: Run, found: Sequence[Prediction]) -> list[int]:
    """Return the numbers of predictions, from 1, the best first."""
    return [place + 1 for place in ranked(_candidates(found), *_known(run))]


def choose(run: Run, found: Sequence[Prediction], options: PictureOptions) -> list[int]:
    """Return the numbers, from 1, of the predictions that a picture shows.

    They are those that the user picked. By default they are the three or four that rank first, as
    far as they can be drawn and are not alike; fewer if they are long. Raises PictureError if one
    that was picked does not exist, or if none can be drawn, with the reason of the first.
    """
    if options.picks:
        return _picked(found, options)
    reason: PictureError | None = None
    drawable = []
    for number in ranking(run, found):
        try:
            size_of(_words(run, [found[number - 1]]))
        except PictureError as error:
            reason = reason or error
        else:
            drawable.append(number - 1)
    best = without_likeness(_candidates(found), drawable)
    for count, least in LEAST_SIZES.items():
        shown = [found[place] for place in best[:count]]
        with suppress(TooLong):
            if len(shown) == count and size_of(_words(run, shown)) >= least:
                return [place + 1 for place in best[:count]]
    raise reason or PictureError("There is no prediction to draw.")


def _picked(found: Sequence[Prediction], options: PictureOptions) -> list[int]:
    """Return the numbers that the user picked. Raises PictureError if there are fewer predictions.

    All numbers are within ten, but filters may have dropped some of the ten.
    """
    if max(options.picks) > len(found):
        raise PictureError(
            f"There are only {len(found)} predictions: filters rejected the others.",
            "Choose another one with --pick, or another --prompt or --seed.",
            page_hint="Draw the picture without choosing the predictions.",
        )
    return list(options.picks)


def _candidates(found: Sequence[Prediction]) -> list[Candidate]:
    return [Candidate(one.prompt, one.text, one.finished) for one in found]


def _known(run: Run) -> tuple[Habits, Any]:
    """Return the author's habits, and what counts the words of a text that do not exist."""
    posts = [post.text for post in read_posts(run.file("train.jsonl"))]
    lexicon = Lexicon.of(posts)
    return Habits.of(posts), lambda text: lexicon.count([text]).made_up


# the picture


def _words(
    run: Run, shown: Sequence[Prediction], find: Callable[[str], Path] | None = None
) -> Words:
    find = find or run.file
    return Words(
        people(find("authors.json"), find("avatars")),
        shown[0].prompt,
        [prediction.text for prediction in shown],
        main_language(run),
    )


def draw(
    run: Run,
    shown: Sequence[Prediction],
    listener: Listener = ignore,
    find: Callable[[str], Path] | None = None,
) -> bytes:
    """Return the picture's file, and warn of ornaments that were left out.

    `find` says where the persona's files are, by default in its folder. Raises PictureError if it
    cannot be drawn, PersonaError if the persona is incomplete.
    """
    check_whole(find or run.file, run.name)
    words = _words(run, shown, find)
    png, left_out = compose(words, project_links.short_homepage())
    for warning in left_out:
        listener(Event(PICTURE.name, EventKind.WARNING, warning))
    return labelled(png, words)


def check_whole(find: Callable[[str], Path], persona: str) -> None:
    """Raise PersonaError if the persona lacks what a picture is made from."""
    for name in PICTURE.needs:
        if not find(name).exists():
            raise PersonaError(
                f"{persona!r} is not whole: it has no {name}.",
                "Making it again goes on from where it stopped.",
            )


def write(run: Run, shown: Sequence[Prediction], options: PictureOptions, png: bytes) -> None:
    """Keep the drawn picture as the persona's, with a record of what it shows."""
    with writing(run, PICTURE, asdict(options)) as context:
        context.path(PICTURE_FILE).write_bytes(png)
        context.facts.update(prompt=shown[0].prompt, texts=[one.text for one in shown])


def first_picture(
    run: Run,
    found: Sequence[Prediction],
    options: PictureOptions = PictureOptions(),  # noqa: B008 (frozen)
    listener: Listener = ignore,
) -> list[Prediction]:
    """Draw and keep the predictions that rank first; return them.

    Raises PictureError if none can be drawn, with the reason of the first.
    """
    shown = [found[number - 1] for number in choose(run, found, options)]
    write(run, shown, options, draw(run, shown, listener))
    return shown


def shown_by(facts: Mapping[str, Any]) -> list[Prediction]:
    """Return the predictions that a picture shows, from its record."""
    return [Prediction(str(facts["prompt"]), str(text)) for text in facts.get("texts", ())]


def check_ready() -> None:
    """Raise PictureError if nothing at all can be drawn on this machine."""
    typesetter()
