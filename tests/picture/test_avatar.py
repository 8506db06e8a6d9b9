"""Tests of avatars without a picture: an initial, in colours that differ."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import example, given
from hypothesis import strategies as st

from popinjay.picture.avatar import PALETTE, colour_of, colours_of, initial, initial_svg

HANDLES = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=14, unique=True)


def distance(one: int, other: int) -> int:
    gap = (PALETTE.index(one) - PALETTE.index(other)) % len(PALETTE)
    return min(gap, len(PALETTE) - gap)


@given(HANDLES)
@example(["nellmarrow", "brix_deck9"])
def test_authors_of_one_persona_have_different_colours(handles: list[str]) -> None:
    colours = colours_of(handles)
    assert list(colours) == handles
    assert colours[handles[0]] == colour_of(handles[0])
    least = {1: 10, 2: 3, 3: 2}.get(len(handles), 1)
    for place, one in enumerate(handles[:10]):
        for other in handles[:place]:
            assert distance(colours[one], colours[other]) >= least
    assert colours_of(handles) == colours


def test_the_initial_is_a_letter_if_there_is_one() -> None:
    found = [
        initial(name, "handle")
        for name in (
            "ada",
            "🍞 nell",
            "“Quoted”",
            "شاعرة",
            "花子",
            "e\u0301clair",
            "",
            "🎉",
            "\u202eabc",
        )
    ]
    assert found == ["A", "N", "Q", "ش", "花", "É", "H", "H", "A"]
    assert initial("🎉", "__") == "🎉"
    assert initial("ß", "x") == "SS"


@given(st.text(max_size=20), st.text(max_size=8))
@example("</svg><script>alert(1)</script>", "<")
@example("&", '"')
@example("\ud800", "\x00\uffff")
def test_the_drawing_is_xml_whatever_the_name_is(name: str, handle: str) -> None:
    drawing = initial_svg(name, handle, 0x12AB00)
    root = ET.fromstring(drawing.encode("utf-8"))
    assert [child.tag.rpartition("}")[2] for child in root] == ["rect", "text"]
    assert root[0].attrib["fill"] == "#12ab00"
