"""What a picture's file says of itself: that a machine wrote what it shows."""

from __future__ import annotations

import struct
import zlib
from xml.sax.saxutils import escape

from popinjay import __version__
from popinjay.picture.content import Words

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def quoted(words: Words) -> list[str]:
    """Return each prediction in quotation marks, with its prompt and an arrow before it."""
    prompts = [words.prompt] if words.prompt else []
    return [f"“{' → '.join([*prompts, text])}”" for text in words.texts]


def labelled(png: bytes, words: Words) -> bytes:
    """Return the picture's file with metadata which says that a machine wrote what it shows."""
    names = ", ".join(f"{person.name} (@{person.handle})" for person in words.people)
    verb = "is" if len(words.texts) == 1 else "are"
    about = (
        f"Machine-written: {', '.join(quoted(words))} {verb} what a language model made of posts "
        f"by {names}. No person said it."
    )
    chunks = [
        text_chunk("Software", f"Popinjay {__version__}"),
        text_chunk("Description", about),
        text_chunk("Disclaimer", "Written by a machine (AI-generated). No person said it."),
        text_chunk("DigitalSourceType", _SOURCE_TYPE),
        text_chunk("XML:com.adobe.xmp", _xmp(about)),
    ]
    return with_chunks(png, chunks)


def with_chunks(png: bytes, chunks: list[bytes]) -> bytes:
    """Return a PNG with further chunks behind its header, which must stay the first."""
    head = 8 + 12 + 13  # signature, and the header's chunk
    return png[:head] + b"".join(chunks) + png[head:]


def text_chunk(key: str, text: str) -> bytes:
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
