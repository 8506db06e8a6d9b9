"""Tests of personas that speak as one: what a mix is, what it says, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, cast

import pytest

import popinjay
from mixed_personas import put_member, put_thin_member
from parrot import Parrot
from personas import json_lines
from popinjay.cli.main import main
from popinjay.cli.repl import Session
from popinjay.errors import BaseModelError, OptionError, PersonaError, PopinjayError
from popinjay.inference.decoder import Decoder
from popinjay.mixing import BASE, Mix, MixedVoice, open_mix, open_voice, parse_mix
from popinjay.models import bases
from popinjay.options import SayOptions
from popinjay.persona import Persona, load
from popinjay.sampling.events import Finished
from popinjay.sampling.generate import generate, stream
from popinjay.sampling.turns import turn_of
from popinjay.store.forgotten import MARKS
from popinjay.text.verbatim_index import VerbatimIndex

ADAS = "The engine weaves patterns of numbers as the loom weaves @flowers and leaves."
BOBS = "My goat has eaten the second half of the harbour timetable again today @quayside."
SHORT: dict[str, Any] = {"n": 4, "seed": 3, "max_tokens": 24}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("mixed")
    put_member(home, "ada", 0.6, [ADAS])
    put_member(home, "bob", 1.5, [BOBS])
    return home


# what a mix is


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("ada=0.7,bob=0.3", {"ada": 0.7, "bob": 0.3}),
        ("ada=7, bob=3", {"ada": 0.7, "bob": 0.3}),
        ("ada+bob", {"ada": 0.5, "bob": 0.5}),
        ("ada + bob+cyd", {"ada": 0.333333, "bob": 0.333333, "cyd": 0.333333}),
        ("ada=1.3,base=-0.3", {"ada": 1.3, "base": -0.3}),
        ("ada=2,bob=-0.5", {"ada": 2.0, "bob": -0.5}),
        ("ada=1,bob=0", {"ada": 1.0}),
        ("a=b=0.5,bob=0.5", {"a=b": 0.5, "bob": 0.5}),
    ],
)
def test_a_mix_is_read(text: str, members: dict[str, float]) -> None:
    mix = parse_mix(text)
    assert dict(mix.members) == members
    assert parse_mix(str(mix)) == mix  # so that it can be recorded


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ada=0.7,bob", "is not a weight"),
        ("ada=much,bob=1", "'much' is not a weight"),
        ("ada=nan,bob=1", "can't be nan"),
        ("ada=1e9,bob=1", "can't be 1000000000.0"),
        ("ada=1,bob=-1", "positive sum"),
        ("ada=-1,bob=-1", "positive sum"),
        ("ada=0,bob=0", "needs a persona"),
        ("base=1", "needs a persona"),
        ("ada+ada", "twice"),
        ("ada=1,ada=1", "twice"),
        ("ada+", "without a name"),
        ("=1,bob=1", "without a name"),
        ("", "without a name"),
    ],
)
def test_a_mix_that_makes_no_sense_is_refused(text: str, said: str) -> None:
    with pytest.raises(OptionError, match=said) as found:
        parse_mix(text)
    assert found.value.hint


def test_strength_moves_a_mix_along_the_line_from_its_base() -> None:
    mix = parse_mix("ada=0.75,bob=0.25")
    assert dict(mix.with_strength(2).members) == {"ada": 1.5, "bob": 0.5, BASE: -1.0}
    assert dict(mix.with_strength(0).members) == {BASE: 1.0}
    assert mix.with_strength(1) is mix
    with_base = parse_mix("ada=1.5,base=-0.5")
    assert dict(with_base.with_strength(0.5).members) == {"ada": 0.75, BASE: 0.25}


# what it says


def test_the_first_posts_are_the_same_for_any_number(home: Path) -> None:
    voice = open_voice("ada+bob", home)
    assert voice.name == "ada=0.5,bob=0.5"
    ten = voice.say(n=10, seed=5, max_tokens=24)
    assert ten[:3] == voice.say(n=3, seed=5, max_tokens=24)
    assert ten != open_voice("ada=0.9,bob=0.1", home).say(n=10, seed=5, max_tokens=24)


def test_a_member_that_has_all_of_the_weight_speaks_as_if_alone(home: Path) -> None:
    alone = load("ada", home).say("My dream is", **SHORT)
    assert open_mix(parse_mix("ada=1,bob=0"), home).say("My dream is", **SHORT) == alone
    assert open_mix(parse_mix("ada=3"), home).say("My dream is", **SHORT) == alone


def test_at_strength_one_a_persona_is_computed_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    persona = load("ada", home)
    plain = persona.say(**SHORT)
    monkeypatch.setattr(bases, "folder_of", None)  # the base is not even opened
    assert load("ada", home).say(**SHORT, strength=1.0) == plain
    assert persona.decoder(strength=1) is persona.decoder()


def test_at_strength_zero_it_is_the_base_with_the_personas_settings(home: Path) -> None:
    persona = load("ada", home)
    base = persona.base.decoder()
    options = SayOptions(**SHORT).with_defaults(persona.sampling)
    expected = [post.text for post in generate(base, options, "", persona.filters)]
    assert persona.say(**SHORT, strength=0) == expected
    assert expected != persona.say(**SHORT)


def test_more_strength_is_the_weight_of_the_base_below_zero(home: Path) -> None:
    stronger = load("ada", home).say(**SHORT, strength=1.5)
    assert stronger == open_voice("ada=1.5,base=-0.5", home).say(**SHORT)
    assert stronger != load("ada", home).say(**SHORT)


def test_what_is_streamed_is_what_is_said(home: Path) -> None:
    for mix_by in ("token", "turn"):
        voice = open_voice("ada=0.6,bob=0.4", home)
        options = SayOptions(**SHORT, mix_by=mix_by)
        events = list(voice.stream("The sea", options).events())
        said = [event.post for event in events if isinstance(event, Finished)]
        assert said == list(voice.stream("The sea", options))
        assert all(post.text.startswith("The sea") for post in said)


def test_a_persona_kept_as_an_adapter_mixes_with_a_whole_one(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "ada", tmp_path / "ada")
    put_thin_member(tmp_path, "thin")
    mixed = open_voice("ada+thin", tmp_path).say(**SHORT)
    assert mixed not in (load("ada", tmp_path).say(**SHORT), load("thin", tmp_path).say(**SHORT))
    stronger = load("thin", tmp_path).say(**SHORT, strength=2)
    assert stronger == open_voice("thin=2,base=-1", tmp_path).say(**SHORT)
    assert stronger != load("thin", tmp_path).say(**SHORT)


def parrots(home: Path, mix: str, *posts: str) -> MixedVoice:
    """Return a mix whose models generate these texts, one a sequence."""
    voice = open_mix(parse_mix(mix), home)
    for persona in voice.personas.values():
        persona._decoders[False] = cast(Decoder, Parrot(*posts))
    return voice


def test_no_post_of_any_member_is_repeated(home: Path) -> None:
    own = "A sentence of its own about the sea."
    eight = f"so {' '.join(BOBS.split()[:9])} and"
    for mix in ("ada+bob", "bob=0.9,ada=0.1"):
        said = parrots(home, mix, ADAS, BOBS, eight, own).say(n=1, seed=0)
        assert [text.removeprefix("^") for text in said] == [own]
    said = parrots(home, "ada+bob", BOBS, own).say(n=1, seed=0, mix_by="turn")
    assert [text.removeprefix("^") for text in said] == [own]


def test_what_a_member_was_told_to_forget_is_not_repeated(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "home")
    secret = "Nobody shall ever know where the harbour master keeps his spare keys."
    own = "A sentence of its own about the sea."
    assert parrots(tmp_path / "home", "ada+bob", secret).say(n=1, seed=0) == [f"^{secret}"]
    marks = VerbatimIndex([secret], key=b"k" * 16)
    (tmp_path / "home" / "bob" / MARKS).write_bytes(marks.to_bytes())
    assert parrots(tmp_path / "home", "ada+bob", secret, own).say(n=1, seed=0) == [f"^{own}"]


def test_handles_of_all_members_are_known_and_no_others(home: Path) -> None:
    known = "I met @flowers and @quayside at the quay."
    strangers = "I met @nobody_here at the quay."
    assert parrots(home, "ada+bob", strangers, known).say(n=1, seed=0) == [f"^{known}"]


# turns


def test_who_speaks_is_drawn_by_weight_and_does_not_change(home: Path) -> None:
    drawn = [turn_of(7, place, (0.7, 0.3)) for place in range(2_000)]
    assert 0.66 < drawn.count(0) / len(drawn) < 0.74
    assert drawn[:5] == [turn_of(7, place, (7, 3)) for place in range(5)]
    voice = open_voice("ada+bob", home)
    ten = list(voice.stream("", SayOptions(n=10, seed=5, max_tokens=24, mix_by="turn")))
    three = list(voice.stream("", SayOptions(n=3, seed=5, max_tokens=24, mix_by="turn")))
    assert ten[:3] == three
    assert {post.by for post in ten} == {"ada", "bob"}
    for place, post in enumerate(ten):
        alone = load(post.by, home)
        options = SayOptions(n=10, seed=5, max_tokens=24)
        assert post.text == next(
            one.text for one in stream(alone.decoder(), options, "", alone.filters, start=place)
        )


def test_turns_need_positive_weights(home: Path) -> None:
    with pytest.raises(OptionError, match="can't take turns"):
        open_voice("ada=1.5,bob=-0.5", home).say(mix_by="turn")


# what can't be mixed


def test_personas_of_different_bases_are_refused_with_both_names(
    home: Path, tmp_path: Path
) -> None:
    put_member(tmp_path, "cyd", 1.1, base="smollm2", record={"sha256": "5" * 64})
    shutil.copytree(home / "ada", tmp_path / "ada")
    with pytest.raises(OptionError, match=r"builtin.*smollm2") as found:
        open_voice("ada+cyd", tmp_path)
    assert "--base builtin" in found.value.hint
    with pytest.raises(BaseModelError, match="'smollm2' of 'cyd' is not on this machine"):
        load("cyd", tmp_path).say(strength=1.5, **SHORT)
    put_member(tmp_path, "dan", 1.1, record={"sha256": "5" * 64})
    with pytest.raises(OptionError, match=r"builtin \(.*builtin \(55555555\)"):
        open_voice("ada+dan", tmp_path)
    with pytest.raises(BaseModelError, match="has changed since 'dan'"):
        load("dan", tmp_path).say(strength=0.5, **SHORT)


def test_personas_of_different_tokenizers_are_refused(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "home")
    file = tmp_path / "home" / "bob" / "model" / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(content, indent=1), encoding="utf-8")  # the same, written otherwise
    assert open_voice("ada+bob", tmp_path / "home").say(**SHORT)
    content["model"]["merges"] = content["model"]["merges"][:-1]
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(OptionError, match="their tokenizers differ"):
        open_voice("ada+bob", tmp_path / "home")


def test_a_persona_without_a_record_of_its_base_is_refused(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "home")
    (tmp_path / "home" / "bob" / "run.toml").write_text("", encoding="utf-8")
    with pytest.raises(BaseModelError, match="not on record which base model 'bob'"):
        open_voice("ada+bob", tmp_path / "home")
    assert load("bob", tmp_path / "home").say(**SHORT)  # by itself it speaks as before


def test_missing_members_are_named(home: Path) -> None:
    with pytest.raises(PersonaError, match="There is no persona 'cyd'"):
        open_voice("ada+cyd", home)
    with pytest.raises(PersonaError, match="There is no persona 'cyd'"):
        open_voice("cyd", home)


def test_a_persona_whose_name_looks_like_a_mix_is_found(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "ada", tmp_path / "ada+bob")
    assert isinstance(open_voice("ada+bob", tmp_path), Persona)


# the command line, the session and Python


def test_the_command_line_says_what_a_voice_is_made_of(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["-n", "2", "--seed", "3", "--max-tokens", "24", "--home", str(home)]
    assert main(["say", "--mix", "ada=7,bob=3", "My dream is", *short]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == open_voice("ada=0.7,bob=0.3", home).say(
        "My dream is", n=2, seed=3, max_tokens=24
    )
    assert err.splitlines()[0] == "ada 0.7, bob 0.3, mixed."
    assert main(["say", "ada+bob", "--mix-by", "turn", "--json", *short]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["persona"] == "ada=0.5,bob=0.5"
    assert document["members"] == {"ada": 0.5, "bob": 0.5}
    assert document["mix_by"] == "turn"
    assert {post["by"] for post in document["posts"]} <= {"ada", "bob"}
    assert err.splitlines()[0] == "ada 0.5, bob 0.5, taking turns."
    assert main(["say", "ada", "--strength", "1.5", "--json", *short]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["strength"] == 1.5
    assert json.loads(out)["members"] == {"ada": 1.0}
    assert err.splitlines()[0] == "ada, at strength 1.5."


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "say needs the name of a persona"),
        (["ada", "My dream", "--mix", "ada=1,bob=1"], "--mix names who speaks"),
        (["--mix", "ada=1,bob"], "is not a weight"),
        (["ada", "--strength", "-1"], "--strength can't be -1.0"),
        (["ada=1,bob=-0.5", "--mix-by", "turn"], "Leave --mix-by turn out"),
    ],
)
def test_bad_input_gets_a_sentence(
    home: Path, given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["say", *given, "--home", str(home)]) == 2
    assert said in capsys.readouterr().err


def test_a_kept_post_is_recorded_with_its_mix(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(home, tmp_path / "home")
    typed = iter(["The sea", "s 2", "q"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    monkeypatch.setattr("popinjay.cli.repl._enable_line_editing", lambda: False)
    monkeypatch.setattr("popinjay.cli.repl._echo_off", pytest.MonkeyPatch.context)
    voice = open_voice("bob=0.6,ada=0.4", tmp_path / "home")
    Session(voice, SayOptions(max_tokens=24, strength=1.2)).run()
    (row,) = json_lines(tmp_path / "home" / "bob" / "kept.jsonl")
    assert (row["mix"], row["strength"], row["number"]) == ("bob=0.6,ada=0.4", 1.2, 2)
    again = open_voice(row["mix"], tmp_path / "home")
    options = {
        name: row[name] for name in ("temperature", "top_p", "seed", "max_tokens", "strength")
    }
    assert again.say(row["prompt"], n=2, **options)[1] == row["text"]


def test_python_mixes_too(home: Path) -> None:
    mixed = popinjay.mix({"ada": 0.7, "bob": 0.3}, home=home)
    assert repr(mixed) == "MixedVoice('ada=0.7,bob=0.3')"
    assert mixed.say(**SHORT) == open_voice("ada=0.7,bob=0.3", home).say(**SHORT)
    assert popinjay.mix("ada+bob", home=home).members == {"ada": 0.5, "bob": 0.5}
    assert popinjay.load("ada", home).say(**SHORT, strength=1.5)
    with pytest.raises(PopinjayError, match="is not a weight"):
        popinjay.mix("ada=x,bob=1", home=home)


def test_the_base_is_opened_once_for_all(home: Path) -> None:
    ada, mixed = load("ada", home), open_voice("ada=0.5,base=0.5", home)
    assert ada.base is mixed.base
    first, second = ada.base.decoder(), mixed.base.decoder()
    assert first is not second
    assert first._session is second._session  # type: ignore[attr-defined]
    assert Mix.of({"ada": 1.0}).names == ("ada",)
