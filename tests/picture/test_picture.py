"""Tests of the picture: every script, inside its box, only drawable text, labelled as generated."""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import popinjay
from archives import archive_files, js, posts, spoil, write_zip
from popinjay.cli.main import main
from popinjay.errors import OptionError, PictureError
from popinjay.options import PictureOptions
from popinjay.picture import body, layout, typeset
from popinjay.picture.avatar import colour_of, colours_of
from popinjay.picture.composition import compose
from popinjay.picture.content import Person, Words, locale_of
from popinjay.picture.layout import (
    AVATAR,
    BODY_BOTTOM,
    BODY_TOP,
    FOOT_LINE,
    HEAD_TOP,
    HEIGHT,
    MARGIN,
    PAPER,
    WIDTH,
)
from popinjay.picture.metadata import labelled
from popinjay.picture.portrait import avatar_png
from popinjay.picture.typeset import Style, Typesetter, graphemes, is_right_to_left, typesetter
from popinjay.stages.picture import choose, ranking
from popinjay.store.run import Run

skia = pytest.importorskip("skia", reason="needs the extra 'picture'", exc_type=ImportError)

ADA = Person("ada_l", "Ada L.")
SAMPLES = {
    "accents": "Ångström naïve façade été Ω̂ Việt Nam смешно ἀρχή",
    "Japanese": "東京の小さな本屋で猫と暮らす。コーヒー",
    "Arabic": "حلمي أن أكتب روايات، مع قهوة",
    "Hebrew": "החלום שלי לבנות רובוט",
    "emoji": "😀🇫🇷👨‍👩‍👧‍👦👩🏽‍💻❤️1️⃣🏴󠁧󠁢󠁥󠁮󠁧󠁿",
}
Pixels = np.ndarray[Any, Any]  # (rows, columns, 3), or (rows, columns) of booleans
SLACK = 8  # pixels that a letter may lean out of its box, and anti-aliasing


def can_draw(*names: str) -> bool:
    try:
        setter = typesetter()
    except PictureError:
        return False
    return not any(setter.missing(SAMPLES[name]) for name in names)


def needs(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not can_draw(*names),
        reason=f"needs fonts for {' and '.join(names) or 'anything'} (make fonts)",
    )


pytestmark = [needs("accents"), pytest.mark.draws]


def colours(image: Any) -> Pixels:
    """Return the red, green and blue of Skia's image: (rows, columns, 3)."""
    found: Pixels = image.toarray(colorType=skia.kRGBA_8888_ColorType)[:, :, :3].astype(int)
    return found


def pixels(png: bytes) -> Pixels:
    """Return the picture as rows of columns of red, green and blue."""
    return colours(skia.Image.MakeFromEncoded(skia.Data.MakeWithCopy(png)))


def drawn(text: str, room: float = 2000, *, raw: bool = False) -> Pixels:
    """Return a text as the typesetter draws it.

    If `raw`, by Skia alone, in the order that its own direction marks demand.
    """
    setter = typesetter()
    style = Style(40, 0xFF000000)
    surface = skia.Surface(int(room), 200)
    surface.getCanvas().clear(0xFFFFFFFF)
    if raw:
        layout = skia.textlayout
        whole = layout.ParagraphStyle()
        builder = layout.ParagraphBuilder.make(whole, setter._collection, setter._unicode)
        builder.pushStyle(setter._style(style, text, typeset.FAMILIES))
        builder.addText(text)
        paragraph = builder.Build()
        paragraph.layout(room)
        paragraph.paint(surface.getCanvas(), 0, 10)
    else:
        setter.block(text, style, room).paint(surface.getCanvas(), 0, 10)
    return ink(colours(surface.makeImageSnapshot()))


def ink(image: Pixels) -> Pixels:
    """Return the part of a picture on white that is not white."""
    rows, columns = np.where((image < 250).any(axis=2))
    return (
        image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        if len(rows)
        else image[:0, :0]
    )


def alike(one: Pixels, other: Pixels) -> bool:
    """Whether two pictures are the same, but for a shift by less than a pixel."""
    if abs(one.shape[0] - other.shape[0]) > 1 or abs(one.shape[1] - other.shape[1]) > 2:
        return False
    rows, columns = min(one.shape[0], other.shape[0]), min(one.shape[1], other.shape[1])
    one, other = 255 - one[:rows, :columns], 255 - other[:rows, :columns]
    return float(np.abs(one - other).sum()) < 0.3 * float(one.sum() + other.sum()) / 2


# scripts


@needs("Arabic")
@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("قلب", "\ufe90\ufee0\ufed7"),  # joined: final beh, medial lam, initial qaf, from the left
        (
            "قلب 45.6 قلب",
            "\ufe90\ufee0\ufed7 45.6 \ufe90\ufee0\ufed7",
        ),  # a number keeps its own direction
        (
            "قلب abc، قلب",
            "\ufe90\ufee0\ufed7 ،abc \ufe90\ufee0\ufed7",
        ),  # a comma belongs to the sentence
    ],
)
def test_arabic_is_joined_and_runs_to_the_left(written: str, seen: str) -> None:
    # Drawn from left to right as it is, in forms that need no joining.
    forced = f"\u202d{seen}\u202c"
    assert alike(drawn(written), drawn(forced, raw=True))
    assert not alike(drawn(written), drawn(f"\u202d{written}\u202c", raw=True))


@needs("Hebrew")
@pytest.mark.parametrize(
    ("written", "seen"), [("שלום!", "!םולש"), ("שלום (v2.0) עולם.", ".םלוע (v2.0) םולש")]
)
def test_hebrew_runs_to_the_left_with_its_marks(written: str, seen: str) -> None:
    assert alike(drawn(written), drawn(f"\u202d{seen}\u202c", raw=True))
    assert not alike(drawn(written), drawn(written[::-1], raw=True))


@needs("Hebrew")
def test_the_second_line_follows_the_reading_direction() -> None:
    setter = typesetter()
    style = Style(40, 0xFF000000)
    text = "שלום עולם " * 6 + "סוף!"
    block = setter.block(text, style, 600)
    assert block.right
    surface = skia.Surface(600, int(block.height) + 20)
    surface.getCanvas().clear(0xFFFFFFFF)
    block.paint(surface.getCanvas(), 600 - block.width, 10)
    image = colours(surface.makeImageSnapshot())
    last = image[int(10 + block.height * 0.7) :]
    dark = np.where((last < 128).any(axis=(0, 2)))[0]
    assert dark.max() > 590  # lines begin at the right
    assert dark.min() > 50  # and the last one ends before the left


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("hello", False),
        ("שלום hello", True),
        ("hello שלום", False),
        ("123 مرحبا", True),
        ("😀!", False),
        ("", False),
        ("\u2068שלום\u2069 & Bob", False),
    ],
)
def test_the_first_letter_gives_the_direction(text: str, right: bool) -> None:
    assert is_right_to_left(text) is right


def test_combining_accents_are_drawn_with_their_letter() -> None:
    assert alike(drawn("e\u0301te\u0301"), drawn("été"))
    assert not alike(drawn("été"), drawn("ete"))


@pytest.mark.parametrize("name", SAMPLES)
def test_no_character_is_drawn_as_a_box(name: str) -> None:
    if not can_draw(name):
        pytest.skip(f"needs fonts for {name} (make fonts)")
    box = drawn("\u0378", raw=True)  # an unassigned code point
    for one in graphemes(SAMPLES[name]):
        if one.strip():
            assert not alike(drawn(one), box), one


@needs("emoji")
def test_emoji_have_colours_and_sequences_are_joined() -> None:
    for emoji in ("😀", "❤️", "🇫🇷", "👨‍👩‍👧‍👦", "👩🏽‍💻", "1️⃣"):
        image = drawn(emoji)
        vivid = (image.max(axis=2) - image.min(axis=2) > 60).mean()
        if emoji != "👨‍👩‍👧‍👦":  # grey in some fonts
            assert vivid > 0.15, emoji
        assert image.shape[1] < 1.5 * drawn("😀").shape[1], f"{emoji} fell apart"
    flag = drawn("🇫🇷")
    middle = flag[flag.shape[0] // 2]
    left, right = middle[len(middle) // 6], middle[-len(middle) // 6]
    assert left[2] > left[0] + 50  # blue at the left
    assert right[0] > right[2] + 50  # red at the right


@needs("emoji")
def test_a_heart_without_its_colour_mark_is_text() -> None:
    assert [run for run, _ in Typesetter._runs("a ❤ b ❤️ ™ 12")] == ["a ❤ b ", "❤️", " ™ 12"]


@needs("Japanese")
def test_han_characters_follow_the_language() -> None:
    shapes = []
    for locale in ("ja", "zh"):
        surface = skia.Surface(300, 200)
        surface.getCanvas().clear(0xFFFFFFFF)
        typesetter().block("骨直", Style(90, 0xFF000000, locale=locale), 300).paint(
            surface.getCanvas(), 0, 10
        )
        shapes.append(ink(colours(surface.makeImageSnapshot())))
    if alike(*shapes) and not alike(drawn("東"), drawn("东")):
        pytest.skip("the fonts here have one form for both")
    assert locale_of("骨の地図", "en") == "ja"


# the whole picture


def body_of(image: Pixels) -> Pixels:
    paper = np.array([(PAPER >> 16) & 255, (PAPER >> 8) & 255, PAPER & 255])
    used: Pixels = np.abs(image - paper).max(axis=2) > 12
    return used


def stays_inside(png: bytes) -> None:
    """Check that the margins are empty, and the space between the parts."""
    image = pixels(png)
    assert image.shape == (HEIGHT, WIDTH, 3)
    used = body_of(image)
    assert not used[:, : MARGIN - SLACK - 5].any()  # an avatar has a ring
    assert not used[:, WIDTH - MARGIN + SLACK :].any()
    assert not used[: HEAD_TOP - 2 * SLACK].any()
    assert not used[BODY_BOTTOM + SLACK : FOOT_LINE - 4].any()
    assert not used[FOOT_LINE + 68 :].any()


@pytest.mark.parametrize(
    "words",
    [
        Words([ADA], "My dream is", ["bread."]),
        Words([ADA], "My dream is", ["the oven sings near the gull while 37 people wait; " * 12]),
        Words([ADA], "My dream is", ["Supercalifragilistic" * 25]),
        Words([ADA], "W" * 100, ["no blank in what was asked"]),
        Words(
            [Person("x" * 60, "The Extraordinarily Long-Winded Lady Augusta Ada King " * 9)],
            "",
            ["a shorter name"],
        ),
        Words(
            [Person(f"a{n}", f"Somebody with the number {n}") for n in range(9)],
            "I",
            ["am nine people"],
        ),
        Words(
            [Person("zal", "Z" + "\u0335\u0301\u0323" * 50 + "algo")],
            "Z" + "\u0301" * 50,
            ["Z" + "\u0301\u0323" * 200 + "algo"],
        ),
        Words([ADA], "My dream is", ["bread.", "the sea, and nothing else", "W" * 40]),
        Words([ADA], "", ["the oven sings near the gull; " * 4] * 4),
        Words([ADA, Person("bob", "Bob")], "حلمي", ["أن أكتب روايات", "to write", "कहानी", "🍞"]),
    ],
)
def test_everything_stays_in_its_place(words: Words) -> None:
    stays_inside(compose(words)[0])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.text(max_size=80),
    other=st.text(max_size=20),
    prompt=st.text(max_size=60),
    rows=st.lists(st.text(min_size=1, max_size=300), min_size=1, max_size=4),
)
def test_any_text_is_drawn_inside_or_refused(
    name: str, other: str, prompt: str, rows: list[str]
) -> None:
    words = Words([Person("ada_l", name), Person("bob", other)], prompt, rows)
    try:
        png, _ = compose(words)
    except PictureError:
        pass
    else:
        stays_inside(png)
        assert dict(texts(labelled(png, words)))["Software"].startswith("Popinjay ")


def test_shorter_rowsare_larger() -> None:
    def tallest(text: str) -> int:
        used = body_of(pixels(compose(Words([ADA], "", [text]))[0]))[BODY_TOP:BODY_BOTTOM]
        lines = "".join("x" if row.any() else " " for row in used).split()
        return max(len(line) for line in lines)

    assert tallest("hum") > tallest("hum and hum and " * 12) > tallest("hum and hum and " * 30)


def test_two_lines_of_names_leave_no_single_word() -> None:
    people = [
        Person("uofofn", "University of OnFoeNem"),
        Person("karlousm", "Karlous"),
        Person("barackobama", "Barack Obama"),
    ]
    image = pixels(compose(Words(people, "", ["text"]))[0])[HEAD_TOP : BODY_TOP - 8]
    right = np.where((image < 90).all(axis=2))[
        1
    ].max()  # of the names: handles are grey, avatars have colours
    assert right < 0.75 * (WIDTH - MARGIN)


@pytest.mark.parametrize(
    ("prompt", "text", "part"),
    [("a", "words " * 400, "prediction"), ("word " * 100, "b", "prompt")],
)
def test_too_long_rowsare_refused_with_their_length(prompt: str, text: str, part: str) -> None:
    with pytest.raises(
        PictureError, match=rf"The {part} is too long for the picture: [\d,]+ characters"
    ):
        compose(Words([ADA], prompt, [text]))


def test_an_empty_prediction_is_refused() -> None:
    with pytest.raises(PictureError, match="nothing in this prediction"):
        compose(Words([ADA], "My dream is", [" \u202e "]))


@needs("Hebrew")
def test_direction_marks_in_a_name_do_not_affect_others() -> None:
    plain = compose(Words([ADA, Person("bob", "Bob")], "", ["text"]))[0]
    turned = compose(
        Words([Person("ada_l", "\u202eAda L.\u2069\u202c"), Person("bob", "Bob")], "", ["text"])
    )[0]
    assert plain == turned


def test_the_same_words_give_the_same_bytes_in_another_process_too() -> None:
    code = (
        "import hashlib\nfrom popinjay.picture.composition import *\n"
        "from popinjay.picture.content import *\n"
        "print(hashlib.sha256(compose(Words([Person('ada_l', 'Ada L.')], 'My dream is', ['été "
        "東京 😀 !']))[0]).hexdigest())"
    )
    if not can_draw("Japanese", "emoji"):
        code = code.replace("東京 😀", "tea")
    done = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert done[0].stdout == done[1].stdout
    # The font library's own messages are not for users.
    assert [one.stderr for one in done] == [
        "",
        "",
    ]


# avatars


def picture_file(colour: int, side: int = 64, kind: Any = None) -> bytes:
    surface = skia.Surface(side, side)
    surface.getCanvas().clear(colour)
    return bytes(surface.makeImageSnapshot().encodeToData(kind or skia.kJPEG, 95))


def avatar_colour(avatar: bytes | None) -> tuple[int, ...]:
    image = pixels(compose(Words([Person("ada_l", "Ada", avatar)], "", ["text"]))[0])
    return tuple(image[HEAD_TOP + 20, MARGIN + AVATAR // 2])


def test_an_avatar_is_round() -> None:
    assert avatar_colour(picture_file(0xFF2040E0)) == pytest.approx((0x20, 0x40, 0xE0), abs=6)
    image = pixels(
        compose(Words([Person("ada_l", "Ada", picture_file(0xFF2040E0))], "", ["text"]))[0]
    )
    assert tuple(image[HEAD_TOP + 3, MARGIN + 3]) == (
        (PAPER >> 16) & 255,
        (PAPER >> 8) & 255,
        PAPER & 255,
    )


def test_avatars_of_a_cyborg_are_side_by_side_in_different_colours() -> None:
    people = [Person(handle, handle) for handle in ("nellmarrow", "brix_deck9", "ada_l")]
    image = pixels(compose(Words(people, "", ["text"]))[0])
    for place, colour in enumerate(colours_of([one.handle for one in people]).values()):
        left = MARGIN + place * (AVATAR + layout.AVATAR_GAP)
        for x in (left + 6, left + AVATAR - 6):  # both edges are seen
            shown = tuple(image[HEAD_TOP + AVATAR // 2, x])
            assert shown == ((colour >> 16) & 255, (colour >> 8) & 255, colour & 255)


def test_an_avatar_alone_is_a_circle_on_nothing() -> None:
    for avatar in (None, picture_file(0xFF2040E0)):
        png = avatar_png(Person("ada_l", "Ada", avatar), 0x2040E0, 80)
        image = skia.Image.MakeFromEncoded(skia.Data.MakeWithCopy(png)).toarray(
            colorType=skia.kRGBA_8888_ColorType
        )
        assert image.shape == (80, 80, 4)
        assert image[2, 2, 3] == 0
        assert tuple(image[10, 40]) == pytest.approx((0x20, 0x40, 0xE0, 255), abs=6)


# where to make one


def test_the_address_is_shown_if_there_is_one_with_room() -> None:
    words = Words([ADA], "", ["text"])
    none, short, long = (
        pixels(compose(words, home)[0]) for home in ("", "code.test.org/popinjay", "x" * 90)
    )
    assert (none == long).all()
    changed = np.where((none != short).any(axis=2))
    assert changed[0].min() > FOOT_LINE
    assert changed[1].min() > WIDTH / 2


def test_the_parrot_is_in_the_corner() -> None:
    image = pixels(compose(Words([ADA], "", ["text"]))[0])[FOOT_LINE + 4 :]
    blue = np.abs(image - np.array([0x0B, 0x72, 0x85])).max(axis=2) < 20
    assert blue.sum() > 100


# several predictions


def test_several_predictions_have_one_size_and_a_bar_each() -> None:
    rows = ["bread.", "a small house by the sea with a very large kitchen in it.", "tea"]
    image = pixels(compose(Words([ADA], "My dream is", rows))[0])[BODY_TOP:BODY_BOTTOM]
    colour = colour_of("ada_l")
    accent = np.array([(colour >> 16) & 255, (colour >> 8) & 255, colour & 255])
    bars = (np.abs(image[:, MARGIN + 2] - accent).max(axis=1) < 30).astype(int)
    assert (np.diff(bars) == 1).sum() == 3


def test_too_many_long_predictions_are_refused_together() -> None:
    with pytest.raises(PictureError, match=r"The 4 predictions are too long .*: 1,196 characters"):
        compose(Words([ADA], "", ["words " * 50] * 4))


def bomb() -> bytes:
    """Return a small file that claims to be a picture of 900 million pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
        for c in (head, data, b"IEND")
    )


BROKEN = {
    "none": None,
    "empty": b"",
    "no picture": b"<script>",
    "bomb": bomb(),
    "half a JPEG": picture_file(0xFF2040E0)[:200],
    "half a PNG": picture_file(0xFF2040E0, kind=skia.kPNG)[:60],
}


@pytest.mark.parametrize("avatar", BROKEN.values(), ids=BROKEN)
def test_an_invalid_avatar_becomes_an_initial(avatar: bytes | None) -> None:
    colour = colour_of("ada_l")
    assert avatar_colour(avatar) == ((colour >> 16) & 255, (colour >> 8) & 255, colour & 255)


def archive(path: Path, avatar: bytes, name: str = "Abc_9.jpg") -> Path:
    urls = {
        "avatarMediaUrl": f"https://pbs.twimg.com/profile_images/1/{name}",
        "headerMediaUrl": "https://pbs.twimg.com/profile_banners/1/2",
    }
    files = archive_files(
        posts(200), profile=js("profile", [{"profile": {"description": {"bio": ""}, **urls}}])
    )
    files |= {
        f"data/profile_media/1000000001-{name}": avatar,
        "data/profile_media/1000000001-2.jpg": picture_file(0xFFE02020),
    }
    return write_zip(path, files)


def kept(spec: Path, home: Path) -> dict[str, bytes]:
    """Return what collect keeps of an archive's pictures."""
    from popinjay.options import CollectOptions
    from popinjay.stages.collect import collect, open_specs
    from popinjay.store.run import Run
    from popinjay.store.stage_runner import writing
    from popinjay.store.stage_table import stage_named

    run = Run(home / spec.stem)
    opened = open_specs([str(spec)], CollectOptions())
    with run.locked(), writing(run, stage_named("collect"), {}) as draft:
        collect(opened, CollectOptions(), draft, lambda event: None)
    return {path.name: path.read_bytes() for path in run.file("avatars").iterdir()}


def test_collect_keeps_the_avatar_and_not_the_banner(tmp_path: Path) -> None:
    avatar = picture_file(0xFF2040E0)
    assert kept(archive(tmp_path / "ada.zip", avatar), tmp_path) == {"ada_l.jpg": avatar}


@pytest.mark.parametrize("avatar", [b"#!/bin/sh\nrm -rf /", b"\xff\xd8\xff" + bytes(9 << 20), b""])
def test_collect_rejects_invalid_and_large_pictures(tmp_path: Path, avatar: bytes) -> None:
    assert kept(archive(tmp_path / "ada.zip", avatar), tmp_path) == {}


def test_a_damaged_avatar_does_not_fail(tmp_path: Path) -> None:
    spec = archive(tmp_path / "ada.zip", picture_file(0xFF2040E0))
    spoil(spec, "data/profile_media/1000000001-Abc_9.jpg")
    assert kept(spec, tmp_path) == {}


def test_another_avatar_is_another_source(tmp_path: Path) -> None:
    from popinjay.options import CollectOptions
    from popinjay.stages.collect import open_specs

    marks = {
        open_specs(
            [str(archive(tmp_path / f"{n}.zip", picture_file(colour)))], CollectOptions()
        ).fingerprint()
        for n, colour in enumerate((0xFF2040E0, 0xFF204000))
    }
    assert len(marks) == 2


# metadata


def texts(png: bytes) -> Iterator[tuple[str, str]]:
    """Return keys and texts of a PNG, after checking the sum of every chunk."""
    place = 8
    kinds = []
    while place < len(png):
        (size,) = struct.unpack(">I", png[place : place + 4])
        body = png[place + 4 : place + 8 + size]
        assert struct.unpack(">I", png[place + 8 + size : place + 12 + size]) == (zlib.crc32(body),)
        kinds.append(body[:4])
        if body[:4] == b"iTXt":
            key, rest = body[4:].split(b"\0", 1)
            assert rest[:4] == b"\0\0\0\0"
            yield key.decode(), rest[4:].decode()
        place += 12 + size
    assert kinds[0] == b"IHDR"
    assert kinds[-1] == b"IEND"


def test_the_file_is_labelled_as_generated() -> None:
    words = Words([Person("ada_l", 'Ada <b> & "co"\x01\ufffe')], "My dream is", ["1 < 2 & 東京"])
    said = dict(texts(labelled(compose(Words([ADA], "", ["text"]))[0], words)))
    assert said["Software"] == f"Popinjay {popinjay.__version__}"
    assert "Machine-written: “My dream is → 1 < 2 & 東京”" in said["Description"]
    assert "@ada_l" in said["Description"]
    tree = ET.fromstring(re.sub(r"<\?xpacket.*?\?>", "", said["XML:com.adobe.xmp"]))
    (about,) = tree.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    kind = about.attrib["{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"]
    assert (
        kind
        == said["DigitalSourceType"]
        == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    )
    (described,) = tree.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li")
    assert "1 < 2 & 東京" in (described.text or "")


# machines with few fonts, or none


def with_fonts(folder: Path, code: str, *fonts: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a process in which only these fonts exist."""
    for font in fonts:
        (folder / font.name).symlink_to(font)
    (folder / "fonts.conf").write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM '
        f'"fonts.dtd"><fontconfig><dir>{folder}</dir></fontconfig>'
    )
    code = (
        "from popinjay.picture.composition import *\nfrom popinjay.picture.content import *\n"
        "from popinjay.errors import PictureError\n"
        f"try:\n    {code}\nexcept PictureError as error:\n    print(error.message, '|', "
        "error.hint)"
    )
    where = {
        **os.environ,
        "FONTCONFIG_FILE": str(folder / "fonts.conf"),
        "XDG_CACHE_HOME": str(folder),
    }
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=where, check=True
    )


def latin_font() -> Path:
    for name in ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf"):
        if found := next(Path("/usr/share/fonts").rglob(name), None):
            return found
    pytest.skip("needs a font file in /usr/share/fonts")


only_fontconfig = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="chooses fonts by fontconfig"
)


@only_fontconfig
@pytest.mark.parametrize(
    ("prompt", "text", "said"),
    [
        (
            "My dream is",
            "東京 it is",
            r"No font on this machine can draw the Chinese in the prediction: 東 京 \| "
            r".*fonts-noto-cjk",
        ),
        (
            "のは",
            "it is",
            r"No font on this machine can draw the Japanese in the prompt: の は \| "
            r".*fonts-noto-cjk",
        ),
        ("", "नमस्ते", r"can draw the Devanagari in the prediction: .* \| .*fonts-noto-core"),
    ],
)
def test_letters_without_a_font_are_refused_with_what_to_install(
    tmp_path: Path, prompt: str, text: str, said: str
) -> None:
    done = with_fonts(
        tmp_path, f"compose(Words([Person('a', 'A')], {prompt!r}, [{text!r}]))", latin_font()
    )
    assert re.search(said, done.stdout)


@only_fontconfig
def test_ornaments_and_names_without_a_font_are_left_out_with_a_warning(tmp_path: Path) -> None:
    same = (
        "png, warnings = compose(Words([Person('a', {!r})], '', [{!r}])); print(warnings); "
        "import hashlib; print(hashlib.sha256(png).hexdigest())"
    )
    with_ = with_fonts(
        tmp_path, same.format("Ada 東", "it is 🦩 so"), latin_font()
    ).stdout.splitlines()
    (tmp_path / "b").mkdir()
    without = with_fonts(
        tmp_path / "b", same.format("Ada", "it is so"), latin_font()
    ).stdout.splitlines()
    assert re.search(
        r"the Chinese in the name: 東 \(left out\).*fonts-noto-cjk.*the emoji in the "
        r"prediction: 🦩 \(left out\).*fonts-noto-color-emoji",
        with_[0],
    )
    assert without[0] == "[]"
    assert with_[1] == without[1]


@only_fontconfig
def test_a_machine_without_fonts_is_reported(tmp_path: Path) -> None:
    assert with_fonts(tmp_path, "compose(Words([Person('a', 'A')], '', ['b']))").stdout.startswith(
        "There is no font on this machine to draw with."
    )


# make, and the command


@pytest.fixture(scope="module")
def plain_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that writes small letters only, so that any font will do."""
    from models import gpt2

    return gpt2(tmp_path_factory.mktemp("plain-gpt2"), every_byte=False)


@pytest.fixture
def made(ada: Path, plain_base: Path) -> popinjay.Persona:
    return popinjay.make(ada, base=str(plain_base), epochs=0.1, samples=10, whose="fictional")


def description(persona: popinjay.Persona) -> str:
    return dict(texts((persona.path / "card.png").read_bytes()))["Description"]


def shown_in(persona: popinjay.Persona) -> list[int]:
    """Return the numbers of the predictions that the picture shows, in order."""
    found = persona.predictions()
    places = {description(persona).find(f"“{one}”"): place for place, one in enumerate(found, 1)}
    return [place for at, place in sorted(places.items()) if at >= 0]


def test_make_draws_the_best_predictions_and_keeps_the_users_choice(
    made: popinjay.Persona, ada: Path, plain_base: Path
) -> None:
    found = made.predictions()
    best = choose(made.run, found, PictureOptions())
    assert 1 <= len(best) <= 4
    assert sorted(shown_in(made)) == sorted(best)
    assert ranking(made.run, found)[0] in range(1, 11)
    assert found[0].prompt == "My dream is"
    before = (made.path / "card.png").read_bytes()
    main(["card", made.name, "--pick", "3,5"])
    chosen = (made.path / "card.png").read_bytes()
    assert shown_in(made) == [3, 5]
    popinjay.make(ada, base=str(plain_base), epochs=0.1, samples=10)
    assert (made.path / "card.png").read_bytes() == chosen != before
    popinjay.make(ada, base=str(plain_base), epochs=0.1, samples=11)  # what it says changed
    assert (made.path / "card.png").read_bytes() == before


def test_the_card_describes_the_picture_that_is_there(made: popinjay.Persona) -> None:
    for pick in ("2", "4,6"):
        assert main(["card", made.name, "--pick", pick]) == 0
        card = (made.path / "README.md").read_text(encoding="utf-8")
        (alt,) = re.findall(r"^!\[(A picture of .*)\]\(card\.png\)$", card, re.MULTILINE)
        assert alt.count(" / ") == pick.count(",")
        assert {state.value for state in Run(made.path).states().values()} == {"fresh"}


def test_the_command_prints_ten_and_draws_the_picked_one(
    made: popinjay.Persona, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["card", made.name, "--prompt", "the lamp", "--pick", "10"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    numbered = [line for line in lines if re.match(r"[→ ] [ \d]\d  the lamp → ", line)]
    assert [int(line[2:4]) for line in numbered] == list(range(1, 11))
    assert [line for line in numbered if line.startswith("→")] == [numbered[9]]
    assert f"“{numbered[9][6:]}”" in description(made)
    assert str(made.path / "card.png") in lines[-1]
    assert "chosen" not in out
    assert made.predictions(PictureOptions(prompt="the lamp", seed=1)) != made.predictions(
        PictureOptions(prompt="the lamp")
    )


def test_the_command_says_that_the_best_were_chosen(
    made: popinjay.Persona, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["card", made.name]) == 0
    out = capsys.readouterr().out
    marked = [int(line[2:4]) for line in out.splitlines() if line.startswith("→")]
    assert marked == sorted(shown_in(made))
    assert "chosen from these ten" in " ".join(out.split())


def test_json_output_matches_its_documentation(
    made: popinjay.Persona, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["card", made.name, "--json", "--pick", "2"]) == 0
    came = json.loads(capsys.readouterr().out)
    promised = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    section = re.search(r"## popinjay card.*?```json\n(.*?)```", promised, re.DOTALL)
    assert section is not None
    shown = json.loads(section[1])
    assert came.keys() == shown.keys()
    assert len(came["predictions"]) == 10
    assert f"“My dream is → {came['predictions'][1]}”" in description(made)
    assert (came["pick"], came["picks"]) == (2, [2])
    assert sorted(came["ranking"]) == list(range(1, 11))


@pytest.mark.parametrize("pick", ["11", "0", "1,1", "1,2,3,4,5", "a", "", "1,", "-1"])
def test_what_cannot_be_picked(pick: str) -> None:
    with pytest.raises(OptionError, match="--pick can't be") as refused:
        PictureOptions(pick=pick)
    assert "from 1 to 10" in refused.value.hint


def test_numbers_keep_the_order_in_which_they_were_picked() -> None:
    assert PictureOptions(pick="7, 1,10").picks == (7, 1, 10)
    assert PictureOptions().picks == ()


def test_a_failure_leaves_the_old_picture(
    made: popinjay.Persona, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in made.path.iterdir()
        if path.is_file()
    }
    assert main(["card", made.name, "--pick", "11"]) == 2
    assert main(["card", made.name, "--prompt", "W " * 50 + "\U000e0378"]) in (0, 2)
    assert main(["card", made.name, "--prompt", "mm " * 35]) in (0, 2)
    assert main(["card", "nobody"]) == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(body, "TEXT_SIZES", (600,))  # as if nothing could fit
        capsys.readouterr()
        assert main(["card", made.name]) == 2
    assert "too long for the picture" in capsys.readouterr().err
    assert before.keys() == {path.name for path in made.path.iterdir() if path.is_file()}


def test_without_the_extra_make_says_so_once_and_succeeds(
    ada: Path,
    plain_base: Path,
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # The import then raises ModuleNotFoundError, as without the package.
    monkeypatch.setitem(sys.modules, "skia", None)
    typeset.skia.cache_clear()
    typeset.typesetter.cache_clear()
    try:
        assert (
            main(
                [
                    "make",
                    str(ada),
                    "--base",
                    str(plain_base),
                    "--epochs",
                    "0.1",
                    "--samples",
                    "10",
                    "--quiet",
                ]
            )
            == 0
        )
        said = capsys.readouterr().err
        assert main(["card", "ada_l"]) == 2
        assert 'pip install "popinjay[picture]"' in capsys.readouterr().err
    finally:
        typeset.skia.cache_clear()
        typeset.typesetter.cache_clear()
    assert said.count("No picture:") == 1
    assert (own_home / "ada_l" / "README.md").exists()
    assert not (own_home / "ada_l" / "card.png").exists()
    monkeypatch.undo()
    assert main(["card", "ada_l", "--home", str(own_home)]) == 0  # once it is there
    assert (own_home / "ada_l" / "card.png").exists()


@needs("Japanese")
def test_the_prompt_is_in_the_personas_language(plain_base: Path, tmp_path: Path) -> None:
    rows = [
        {
            "text": (
                f"私は毎日{n}回、駅前の喫茶店で{n * 7}人の友達と話す。"
                "とても楽しい一日だった neko wa nete iru"
            ),
            "lang": "ja",
        }
        for n in range(200)
    ]
    (tmp_path / "hana.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    persona = popinjay.make(tmp_path / "hana.jsonl", base=str(plain_base), epochs=0.1, samples=10)
    assert persona.predictions()[0].prompt == "私の夢は"
