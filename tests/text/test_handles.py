"""Tests of handles: what is one, which ones are generated, and what replaces the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from parrot import Parrot
from popinjay.options import SayOptions
from popinjay.sampling.events import Finished, Piece, Restart
from popinjay.sampling.filters import OutputFilters, Reason
from popinjay.sampling.generate import generate, stream_events
from popinjay.sampling.request import MAX_ATTEMPTS, Tally
from popinjay.store.index_file import index_of_file
from popinjay.text.handles import MASK, HandleWatch, find_handles, mask_handles, names_in
from popinjay.text.verbatim_index import VerbatimIndex
from timing import takes_less_than

POSTS = [
    "Thanks @Ada_L for the long walk along the river.",
    "Read @ben@social.example on this, and @carla.bsky.social too.",
    "As u/dave-d says, nothing is ever finished.",
]
RULES = OutputFilters.of(POSTS)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@Ada hello", ["ada"]),
        (".@ada, @Ben! (@carla) “@dan”", ["ada", "ben", "carla", "dan"]),
        ("ask @ben@social.example.", ["ben@social.example"]),
        ("ask @carla.bsky.social. Or @dan.Then rest", ["carla.bsky.social", "dan"]),
        ("@my-site.example.org's", ["my-site.example.org"]),
        ("＠ada さん、@benさんと", ["ada", "ben"]),
        ("as u/dave-d and /u/eve_1 say", ["dave-d", "eve_1"]),
        ("@ada@ben", ["ada@ben"]),
        ("@_ @__x", ["_", "__x"]),
        ("RT @ada: yes", ["ada"]),
        ("мы с @ada_l", ["ada_l"]),
    ],
)
def test_what_is_a_handle(text: str, names: list[str]) -> None:
    assert [handle.name for handle in find_handles(text)] == names


@pytest.mark.parametrize(
    "text",
    [
        "mail ada@example.org",
        "at 7 @ 5 a piece",
        "dinner @7pm, lunch @ 12, train @1830 or @18h",
        "menu/ada, a b/u/cde, you/me, u/ab",
        "nobody at all",
        "@ @",
        "@…",
        "",
    ],
)
def test_what_is_not_a_handle(text: str) -> None:
    assert not list(find_handles(text))


@pytest.mark.parametrize("part", ["@", "@a", "@a.", "@a-", "-a", "a@", "@a@", "u/", "@a.b-", "/u/"])
def test_every_text_takes_linear_time(part: str) -> None:
    text = "@a" + part * 50_000
    assert takes_less_than(lambda: list(find_handles(text)), 1)


def test_a_masked_text_is_not_longer_and_has_no_handle() -> None:
    for text in ("@a b @ccc", "u/eve and @x.y.z", "＠ada"):
        masked = mask_handles(text, find_handles(text))
        assert len(masked) <= len(text)
        assert not list(find_handles(masked))
    assert mask_handles("Hi @bo, hi @cy!", find_handles("Hi @bo, hi @cy!")) == "Hi @…, hi @…!"


def test_the_index_recognizes_handles_and_stores_no_name(tmp_path: Path) -> None:
    copies = VerbatimIndex(POSTS)
    known = ("ada_l", "ben@social.example", "ben", "carla.bsky.social", "dave-d")
    assert all(map(copies.has_handle, known))
    unknown = ("ada", "ada_", "carla", "ben@other.example", "river", "dave")
    assert not any(map(copies.has_handle, unknown))
    assert b"ada" not in copies.to_bytes()
    assert VerbatimIndex.from_bytes(copies.to_bytes()).has_handle("ada_l")
    assert sorted(names_in(POSTS[1])) == ["ben", "ben@social.example", "carla.bsky.social"]


def test_forgotten_handles_are_not_in_the_index() -> None:
    marked = VerbatimIndex(["Lunch with @eve again, and again no soup."])
    assert not VerbatimIndex(POSTS, 3, marked=marked).has_handle("eve")
    assert VerbatimIndex(POSTS, 3, marked=marked).has_handle("ada_l")


def test_an_older_index_is_rebuilt(tmp_path: Path) -> None:
    posts, kept = tmp_path / "train.jsonl", tmp_path / "posts.index"
    posts.write_text('{"text": "Thanks @ada"}\n', encoding="utf-8")
    index_of_file(posts, kept, 3)
    assert index_of_file(posts, kept, 3).has_handle("ada")
    posts.write_text('{"text": "Thanks to nobody"}\n', encoding="utf-8")
    assert not index_of_file(posts, kept, 3).has_handle("ada")


def verdict(text: str, typed: str = "", handles: str = "author", masks: bool = False) -> object:
    found = RULES.judge(text, True, typed, SayOptions(handles=handles), masks=masks)
    return found.rejection or found.text


@pytest.mark.parametrize(
    "text",
    ["Hey @ada_l!", "hey @ADA_L", "@ben there", "@ben@social.example", "u/Dave-D", "at @7pm"],
)
def test_handles_of_the_author_are_generated(text: str) -> None:
    assert verdict(text) == text


@pytest.mark.parametrize(
    "text",
    ["Hey @ada!", "hey @ada_lo", "@ben@evil.example", "@carla", "so says u/mallory", "＠xyz"],
)
def test_other_handles_are_not_generated(text: str) -> None:
    assert verdict(text) is Reason.HANDLE
    assert verdict(text, handles="any") == text
    assert MASK in str(verdict(text, handles="mask", masks=True))


def test_handles_of_the_prompt_are_allowed() -> None:
    assert verdict("ask @zoe now", typed="ask @zoe") == "ask @zoe now"
    assert verdict("ask @zoe, yes @Zoe", typed="ask @zoe") == "ask @zoe, yes @Zoe"
    assert verdict("ask @zoes now", typed="ask @zoe") is Reason.HANDLE
    masked = verdict("ask @zoe of @yan now", typed="ask @zoe", handles="mask", masks=True)
    assert masked == "ask @zoe of @… now"
    # The prompt can't be changed, so a handle that continues it can't be masked.
    assert verdict("@zoes", typed="@zoe", handles="mask", masks=True) is Reason.HANDLE


@pytest.mark.parametrize(
    ("parts", "places"),
    [
        (["hello @zo", "e", " and"], [2]),
        (["hello @zoe", ",", " and"], [2]),
        (["hello @ada", "_l", " and", " @ada", " too"], [4]),
        (["@zoe", "さ", "ん"], [1]),
        (["7@zoe", " is a price"], []),
        (["@typed", " again @typed", " and"], []),
        (["@typed", "not", " and"], [2]),
    ],
)
def test_a_growing_text_is_unknown_once_the_word_is_complete(
    parts: list[str],
    places: list[int],
) -> None:
    typed = "@typed" if parts[0] == "@typed" else ""
    watch = HandleWatch({"ada_l"}.__contains__, typed)
    found = [watch.add(part) for part in (parts[1:] if typed else parts)]
    assert [place + bool(typed) for place, unknown in enumerate(found) if unknown] == places


def said(*posts: str, n: int = 1, prompt: str = "", **options: Any) -> tuple[list[str], Tally]:
    tally = Tally()
    chosen = SayOptions(n=n, seed=0, **options)
    found = generate(Parrot(*posts), chosen, prompt, RULES, tally)
    return [one.text.replace("^", "", 1) for one in found], tally


STRANGE = "Tell @mallory that the soup is long cold."
GOOD = "Tell @ada_l that the soup is long cold."


def test_a_post_with_an_unknown_handle_is_rejected() -> None:
    texts, tally = said(STRANGE, GOOD)
    assert (texts, tally.redrawn) == ([GOOD], {Reason.HANDLE: 1})
    assert said(STRANGE, GOOD, handles="any")[0] == [STRANGE]
    assert said(STRANGE, GOOD, handles="mask")[0] == ["Tell @… that the soup is long cold."]
    ends, tally = said("The soup is long cold, says @mallory", GOOD)
    assert (ends, tally.redrawn) == ([GOOD], {Reason.HANDLE: 1})


def test_a_sequence_is_dropped_as_soon_as_the_handle_is_complete() -> None:
    parrot = Parrot(STRANGE, GOOD)
    generate(parrot, SayOptions(n=1, seed=0), "", RULES)
    assert parrot.first_rows.count(STRANGE) == len("Tell @mallory ")


def test_the_last_attempt_masks_handles() -> None:
    texts, tally = said(STRANGE)
    assert texts == ["Tell @… that the soup is long cold."]
    assert (tally.redrawn, tally.missing) == ({Reason.HANDLE: MAX_ATTEMPTS - 1}, 0)


@pytest.mark.parametrize("handles", ["author", "mask"])
def test_no_stranger_is_shown_while_a_post_is_written(handles: str) -> None:
    posts = (STRANGE, "So, @mallory, and @eve@evil.example too.", GOOD)
    options = SayOptions(n=1, seed=0, handles=handles)
    shown = list(stream_events(Parrot(*posts), options, "", RULES))
    assert "mallory" not in "".join(one.text for one in shown if isinstance(one, Piece))
    assert (Restart(0) in shown) is (handles == "author")
    end = {"author": GOOD, "mask": "Tell @… that the soup is long cold."}[handles]
    assert isinstance(shown[-1], Finished)
    assert shown[-1].post.text == "^" + end


def test_a_persona_without_its_posts_names_nobody() -> None:
    assert OutputFilters().judge("Hey @ada_l!", True, "", SayOptions()).rejection is Reason.HANDLE
