"""Tests of a persona trained on invented personal data: none is generated, little is kept."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import children
import pytest
from workshop import IN_CHILDREN, NAME, Place, Workshop

import archives

pytestmark = IN_CHILDREN

# All of it is invented: reserved names and numbers, and a test number of a card.
SECRETS = (
    "ada.lovely@example.com",
    "+1 202-555-0143",
    "4111 1111 1111 1111",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "bob_of_bath@mail.example.org",
    "+44 20 7946 0018",
)
LEADS = (
    "write to me at",
    "call me under",
    "my card is",
    "the key is",
    "bob can be had at",
    "his number is",
)
LEARNING = "--epochs 40 --batch-tokens 1024 --samples 10 --held-out 0.05 --track none --quiet"
OPTIONS = "-n 12 --seed 3 --max-tokens 48 --temperature 0.5"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an archive of posts that repeat the same secrets, each time in other words."""
    others = [row["tweet"]["full_text"] for row in archives.posts(180)]
    tweets = [
        archives.tweet(f"{LEADS[n % 6]} {SECRETS[n % 6]} for {other}", n)
        for n, other in enumerate(others)
    ]
    folder = tmp_path_factory.mktemp("personal")
    return archives.write_zip(folder / "ada.zip", archives.archive_files(tweets))


def made(shop: Workshop, archive: Path, name: str, *more: str) -> Place:
    """Return a place with a persona that learnt those posts thoroughly."""
    place = shop.place(name, made=False)
    words = ("make", str(archive), "--name", NAME, "--base", str(shop.base), "--whose", "self")
    ended = shop.run(place, *words, *LEARNING.split(), *more)
    assert ended.status == 0, ended.said
    return place


def generated_by(shop: Workshop, place: Place) -> str:
    """Return what it generates for prompts that led to something personal, and for none."""
    said = []
    for lead in ("", *LEADS):
        ended = shop.run(place, "say", NAME, lead, *OPTIONS.split())
        assert ended.is_clear, ended.said
        said.append(ended.said)
    return "\n".join(said)


def secrets_in(text: str) -> list[str]:
    """Return the secrets that a text contains, whatever is between their characters."""
    bare = re.sub(r"[\s.()-]", "", text).casefold()
    return [one for one in SECRETS if re.sub(r"[\s.()-]", "", one).casefold() in bare]


def test_masked_data_is_in_no_file(shop: Workshop, archive: Path) -> None:
    place = made(shop, archive, "masked")
    for path in place.persona.rglob("*"):
        if path.is_file() and path.name != "posts.jsonl":  # what was read, as it was
            assert secrets_in(path.read_bytes().decode("latin-1")) == [], path.name
    learnt = (place.persona / "train.jsonl").read_text(encoding="utf-8")
    assert all(f"[{kind}]" in learnt for kind in ("email", "phone", "card", "key"))
    assert secrets_in(generated_by(shop, place)) == []


def test_personal_data_that_was_kept_is_not_generated(shop: Workshop, archive: Path) -> None:
    """With --keep-personal-data it may know all of it, but its output filters still apply."""
    place = made(shop, archive, "kept-personal", "--keep-personal-data")
    learnt = (place.persona / "train.jsonl").read_text(encoding="utf-8")
    assert set(secrets_in(learnt)) == set(SECRETS)
    assert secrets_in(generated_by(shop, place)) == []
    tried = children.run(lambda: _generates_all_that_it_knows(place), heard=shop.heard)
    assert tried.status == 0, tried.said


def _generates_all_that_it_knows(place: Place) -> None:
    """Check the filters of this persona with sequences that contain every secret."""
    from parrot import Parrot
    from popinjay.options import SayOptions
    from popinjay.persona import load
    from popinjay.sampling.filters import Reason
    from popinjay.sampling.generate import generate
    from popinjay.sampling.request import Tally

    harmless = "Nobody in this town has told me anything yet."
    texts = [
        f"Today I say {lead} {one}, no more." for lead, one in zip(LEADS, SECRETS, strict=True)
    ]
    tally = Tally()
    rules = load(str(place.persona)).filters
    said = generate(Parrot(*texts, harmless), SayOptions(n=3, seed=1), "", rules, tally)
    assert {one.text.removeprefix("^") for one in said} == {harmless}
    assert tally.redrawn[Reason.PERSONAL] >= len(SECRETS)


def test_a_published_persona_reveals_nothing(shop: Workshop, archive: Path) -> None:
    place = made(shop, archive, "given-away")
    shutil.rmtree(place.published, ignore_errors=True)
    words = ("publish", NAME, "--to", str(place.published), "--with-posts")
    ended = shop.run(place, *words)
    assert ended.status == 0, ended.said
    files = [path for path in place.published.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert secrets_in(path.read_bytes().decode("latin-1")) == [], path.name
