"""The picture: `card.png`, one prediction as people share it.

Both the picture and the file say that it is machine-written.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape

from popinjay import __version__
from popinjay.errors import PersonaError, PictureError
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.inference.decoder import Decoder
from popinjay.options import PictureOptions, SayOptions
from popinjay.picture.composition import Person, Words, compose
from popinjay.picture.typeset import typesetter
from popinjay.post import one_line, read_authors
from popinjay.sampling.events import GeneratedPost
from popinjay.sampling.filters import OutputFilters
from popinjay.sampling.generate import stream
from popinjay.store.run import Run
from popinjay.store.stage_runner import writing
from popinjay.store.stage_table import PICTURE, PICTURE_FILE
from popinjay.text.words import is_unspaced

PREDICTIONS = 10
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
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


@dataclass(frozen=True)
class Prediction:
    """A post that a model wrote to a prompt; `text` is without the prompt."""

    prompt: str
    text: str

    def __str__(self) -> str:
        return " → ".join(part for part in (self.prompt, self.text) if part)

    @classmethod
    def of(cls, said: GeneratedPost, prompt: str) -> Prediction:
        """Return what was generated, without its prompt."""
        has_prompt = said.text.startswith(prompt)
        return cls(prompt, said.text[len(prompt) :].strip() if has_prompt else said.text)


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


def people(authors: Path, avatars: Path) -> list[Person]:
    """Return the authors with their avatars, from the files that collect wrote."""
    found = {path.stem: path for path in sorted(avatars.iterdir())} if avatars.is_dir() else {}
    return [
        Person(a.handle, a.title, found[a.handle].read_bytes() if a.handle in found else None)
        for a in read_authors(authors)
    ]


def draw(
    run: Run,
    prediction: Prediction,
    listener: Listener = ignore,
    find: Callable[[str], Path] | None = None,
) -> bytes:
    """Return the picture's file, and warn of ornaments that were left out.

    `find` says where the persona's files are, by default in its folder. Raises PictureError if it
    cannot be drawn, PersonaError if the persona is incomplete.
    """
    find = find or run.file
    for name in PICTURE.needs:
        if not find(name).exists():
            raise PersonaError(
                f"{run.name!r} is not whole: it has no {name}.",
                "Making it again goes on from where it stopped.",
            )
    words = Words(
        people(find("authors.json"), find("avatars")),
        prediction.prompt,
        prediction.text,
        main_language(run),
    )
    png, left_out = compose(words)
    for warning in left_out:
        listener(Event(PICTURE.name, EventKind.WARNING, warning))
    return labelled(png, words)


def write(run: Run, prediction: Prediction, options: PictureOptions, png: bytes) -> None:
    """Keep the drawn picture as the persona's, with a record of what it shows."""
    with writing(run, PICTURE, asdict(options)) as context:
        context.path(PICTURE_FILE).write_bytes(png)
        context.facts.update(prompt=prediction.prompt, text=prediction.text)


def first_picture(
    run: Run,
    chosen: Sequence[Prediction],
    options: PictureOptions = PictureOptions(),  # noqa: B008 (frozen)
    listener: Listener = ignore,
) -> Prediction:
    """Draw and keep the first prediction that can be drawn.

    Raises PictureError if none can, with the reason of the first.
    """
    reason = PictureError("There is no prediction to draw.")
    for number, prediction in enumerate(chosen, 1):
        try:
            png = draw(run, prediction, listener)
        except PictureError as error:
            reason = error if number == 1 else reason
        else:
            write(run, prediction, replace(options, pick=number), png)
            return prediction
    raise reason


def check_ready() -> None:
    """Raise PictureError if nothing at all can be drawn on this machine."""
    typesetter()


# what the file says of itself


def labelled(png: bytes, words: Words) -> bytes:
    """Return the picture's file with metadata which says that a machine wrote what it shows."""
    names = ", ".join(f"{person.name} (@{person.handle})" for person in words.people)
    said = " → ".join(part for part in (words.prompt, words.text) if part)
    about = (
        f"Machine-written: “{said}” is what a language model made of posts by {names}. "
        "No person said it."
    )
    chunks = [
        _text("Software", f"Popinjay {__version__}"),
        _text("Description", about),
        _text("Disclaimer", "Written by a machine (AI-generated). No person said it."),
        _text("DigitalSourceType", _SOURCE_TYPE),
        _text("XML:com.adobe.xmp", _xmp(about)),
    ]
    head = 8 + 12 + 13  # signature, and the first chunk, which must stay the first
    return png[:head] + b"".join(chunks) + png[head:]


def _text(key: str, text: str) -> bytes:
    """Return a chunk of international text (iTXt of the PNG specification), not compressed."""
    body = b"iTXt" + key.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def _xmp(about: str) -> str:
    """Return the same as XMP, where IPTC looks for how a picture came about."""
    allowed = (one for one in about if one >= " " and one not in "\ufffe\uffff")
    said = escape("".join(allowed))
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}">
<rdf:Description rdf:about="" xmlns:dc="{_DUBLIN_CORE}" xmlns:xmp="{_XMP}"
 xmlns:Iptc4xmpExt="{_IPTC}" xmp:CreatorTool="Popinjay {__version__}"
 Iptc4xmpExt:DigitalSourceType="{_SOURCE_TYPE}">
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{said}</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""
