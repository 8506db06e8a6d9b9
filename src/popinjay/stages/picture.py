"""The picture: `card.png`, one prediction as people share it, said to be machine-written in the picture and in the file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
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
from popinjay.store.run import PICTURE, PICTURE_FILE, Run
from popinjay.text.words import is_unspaced

PREDICTIONS = 10
PROMPTS = {  # how HuggingTweets let its models begin, in the languages of most posts
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
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


@dataclass(frozen=True)
class Prediction:
    """What a model made of a prompt."""

    prompt: str
    text: str

    def __str__(self) -> str:
        return " → ".join(part for part in (self.prompt, self.text) if part)

    @classmethod
    def of(cls, said: GeneratedPost, prompt: str) -> Prediction:
        """What was said, its prompt taken off again."""
        return cls(
            prompt, said.text[len(prompt) :].strip() if said.text.startswith(prompt) else said.text
        )


def predictions(
    run: Run, decoder: Decoder, rules: OutputFilters, options: PictureOptions
) -> list[Prediction]:
    """Ten predictions, the same for the same prompt and seed; fewer where the rules let out fewer. Raises OptionError for a prompt that fills the context."""
    prompt = one_line(
        PROMPTS.get(main_language(run), PROMPTS["en"]) if options.prompt is None else options.prompt
    )
    whole = (
        prompt if is_unspaced(prompt[-1:]) else prompt + " "
    )  # the picture shows an arrow behind it, no place to go on with its last word
    return [
        Prediction.of(said, prompt)
        for said in stream(decoder, SayOptions(n=PREDICTIONS, seed=options.seed), whole, rules)
    ]


def main_language(run: Run) -> str:
    """The language of most posts, as its two or three letters."""
    languages: Mapping[str, float] = run.facts("clean").get("languages", {})
    return max(languages, key=lambda code: languages[code], default="en").split("-")[0]


def people(authors: Path, avatars: Path) -> list[Person]:
    """The authors with their avatars, from the files that collect left."""
    found = {path.stem: path for path in sorted(avatars.iterdir())} if avatars.is_dir() else {}
    return [
        Person(a.handle, a.title, found[a.handle].read_bytes() if a.handle in found else None)
        for a in read_authors(authors)
    ]


def draw(run: Run, prediction: Prediction, listener: Listener = ignore) -> bytes:
    """The picture's file. Warns of ornaments left out.

    Raises PictureError where it cannot be drawn, PersonaError where the persona is not whole.
    """
    for name in PICTURE.needs:
        if not run.file(name).exists():
            raise PersonaError(
                f"{run.name!r} is not whole: it has no {name}.",
                "Making it again goes on from where it stopped.",
            )
    words = Words(
        people(run.file("authors.json"), run.file("avatars")),
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
    with run.writing(PICTURE, asdict(options)) as draft:
        draft.path(PICTURE_FILE).write_bytes(png)
        draft.facts.update(prompt=prediction.prompt, text=prediction.text)


def first_picture(
    run: Run,
    chosen: Sequence[Prediction],
    options: PictureOptions = PictureOptions(),
    listener: Listener = ignore,
) -> Prediction:  # noqa: B008 (frozen)
    """Draw and keep the first prediction that can be drawn. Raises PictureError where none can, with the reason of the first."""
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
    """Raise PictureError where nothing at all can be drawn on this machine."""
    typesetter()


# what the file says of itself


def labelled(png: bytes, words: Words) -> bytes:
    """The picture's file with texts in it that say, to people and machines, that a machine wrote what it shows."""
    names = ", ".join(f"{person.name} (@{person.handle})" for person in words.people)
    said = " → ".join(part for part in (words.prompt, words.text) if part)
    about = f"Machine-written: “{said}” is what a language model made of posts by {names}. No person said it."
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
    """A chunk of international text (iTXt of the PNG specification), not compressed."""
    body = b"iTXt" + key.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def _xmp(about: str) -> str:
    """The same as XMP, where IPTC looks for how a picture came about."""
    said = escape(
        "".join(
            character for character in about if character >= " " and character not in "\ufffe\uffff"
        )
    )
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmp:CreatorTool="Popinjay {__version__}"
 Iptc4xmpExt:DigitalSourceType="{_SOURCE_TYPE}">
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{said}</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""
