"""Blends: one persona of several, by adding up their weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import popinjay
from personas import holding, rows, states
from popinjay.cli.main import main
from popinjay.errors import OptionError, PersonaError, PersonaTaken, PublishError
from popinjay.events import Event, EventKind
from popinjay.forgetting.forget import forget
from popinjay.mixing import Mix
from popinjay.models.adapter import AdaptedWeights, Adapter
from popinjay.models.model_files import files_of, is_thin
from popinjay.models.weights import AnyWeights, Weights, as_float32
from popinjay.options import EvaluateOptions, PublishOptions
from popinjay.persona import Persona
from popinjay.pipeline import blend, relearn, rename
from popinjay.publishing.publish import publish
from popinjay.store.forgotten import Forgotten
from popinjay.store.run import Run

OPTIONS: dict[str, Any] = {"epochs": 0.5, "batch_tokens": 512, "samples": 10}
MEASURED = EvaluateOptions(samples=10)
BOTH = Mix((("ada", 0.75), ("bob", 0.25)))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Posts of two authors, in a file each."""
    folder = tmp_path_factory.mktemp("files")
    for author, thing in (("ada", "engines"), ("bob", "lamps")):
        lines = [
            f"{author} number {n} counts {n * 37} {thing} and {n * 13} gulls near the old river"
            for n in range(1, 201)
        ]
        (folder / f"{author}.txt").write_text("\n".join(lines))
    return {author: folder / f"{author}.txt" for author in ("ada", "bob")}


def _make(files: dict[str, Path], home: Path, base: Path, **more: Any) -> Path:
    given = OPTIONS | {"base": str(base)} | more
    popinjay.make(files["ada"], home=home, whose="self", contact="ada@example.org", **given)
    popinjay.make(files["bob"], home=home, whose="permission", **given)
    return home


@pytest.fixture(scope="module")
def made(files: dict[str, Path], tiny_gpt2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with two personas, their cyborg and their blend, made once."""
    home = _make(files, tmp_path_factory.mktemp("made"), tiny_gpt2)
    popinjay.make(*files.values(), home=home, base=str(tiny_gpt2), whose="self", **OPTIONS)
    blend(BOTH, "both", home, options=MEASURED)
    return home


@pytest.fixture
def home(made: Path, own_home: Path) -> Path:
    """Return a copy of it."""
    shutil.rmtree(own_home)
    shutil.copytree(made, own_home)
    return own_home


def tensors(model: Path) -> dict[str, Any]:
    """Return the tensors of a model in float32."""
    weights = files_of(model).weights()
    return {name: as_float32(weights[name]) for name in weights}


def ran(events: list[Event]) -> list[str]:
    """Return the stages that were run."""
    return [event.stage for event in events if event.what is EventKind.START]


def test_weights_are_added_up(home: Path) -> None:
    ada, bob, both = (tensors(home / name / "model") for name in ("ada", "bob", "both"))
    assert list(both) == list(ada)
    for name, tensor in both.items():
        expected = np.float32(0.75) * ada[name] + np.float32(0.25) * bob[name]
        np.testing.assert_array_equal(tensor, expected, name)
    assert any((both[name] != ada[name]).any() for name in both)


def test_a_blend_is_a_persona_as_any_other(
    home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    both = popinjay.load("both")
    assert set(states(both.run).values()) == {"fresh"}
    assert len(both.say(n=3, seed=1)) == 3
    assert {post.author for post in both.posts()} == {"ada", "bob"}
    for command in (
        ["list"],
        ["status", "both"],
        ["report", "both", "--all"],
        ["lineage", "both"],
        ["say", "both", "-n", "2", "--seed", "1"],
        ["export", "both", "--to", "transformers", "--out", str(tmp_path / "out")],
    ):
        assert main(command) == 0, command
    shown = capsys.readouterr().out
    assert "ada=0.75, bob=0.25" in shown
    assert "taken for ada" in shown.lower()
    renamed = rename(both.run, "duet")
    assert set(states(renamed.run).values()) == {"fresh"}
    assert "duet:v0" in {row.label for row in renamed.run.record.artifacts}
    popinjay.load("duet").remove()
    assert not (home / "duet").exists()


def test_its_record_names_its_members(home: Path) -> None:
    record = Run(home / "both").record
    first, second = record.blend
    assert (first.name, first.weight, first.whose) == ("ada", 0.75, "self")
    assert first.model == Run(home / "ada").record.hashes()["model"]
    assert (second.name, second.weight, second.artifact) == ("bob", 0.25, "bob:v0")
    assert record.asked.authors == ("ada", "bob")
    assert record.asked.specs == ("ada=0.75", "bob=0.25")
    assert record.asked.whose == "permission"  # the stricter of the two
    assert record.asked.contact == "ada@example.org"


def test_its_lineage_names_both_and_theirs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lineage", "both", "--json"]) == 0
    artifacts = {one["artifact"]: one for one in json.loads(capsys.readouterr().out)["artifacts"]}
    model = artifacts["both:v0"]
    assert {"ada:v0", "bob:v0", "dataset-both:v0"} < set(model["uses"])
    assert artifacts["ada:v0"]["state"] == "member"
    assert artifacts["ada:v0"]["job"] == "@ada-train"
    assert "tweets-bob:v0" in artifacts["dataset-bob:v0"]["uses"]
    assert main(["lineage", "both"]) == 0
    tree = capsys.readouterr().out
    assert "with ada:v0" in tree
    assert "@bob-train" in tree


def test_its_card_names_both(home: Path) -> None:
    card = (home / "both" / "README.md").read_text(encoding="utf-8")
    assert "AI BLEND" in card
    assert "This model is a blend" in card
    assert "| ada | 0.75 | the author made this model of their own posts |" in card
    assert "| bob | 0.25 | the author gave permission |" in card
    assert "taken for bob" in card.lower()


def test_its_report_compares_with_each_author(home: Path) -> None:
    report = Persona(Run(home / "both")).report
    assert set(report["taken_for_each"]["persona"]) == {"ada", "bob"}
    assert set(report["told_from_each"]["author"]) == {"ada", "bob"}
    assert report["posts"]["train"] == sum(
        Persona(Run(home / name)).report["posts"]["train"] for name in ("ada", "bob")
    )
    assert "training" not in report


def test_only_what_changed_is_done_again(home: Path) -> None:
    events: list[Event] = []
    blend(BOTH, "both", home, events.append, MEASURED)
    assert ran(events) == []
    blend(Mix((("ada", 0.5), ("bob", 0.5))), "both", home, events.append, MEASURED)
    assert ran(events) == ["train", "evaluate", "card"]
    record = Run(home / "both").record
    assert [member.weight for member in record.blend] == [0.5, 0.5]
    assert "both:v1" in {row.label for row in record.artifacts}


def test_a_blend_that_was_stopped_goes_on(home: Path) -> None:
    def stop(event: Event) -> None:
        if event.stage == "train" and event.what is EventKind.START:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        blend(BOTH, "duo", home, stop, MEASURED)
    assert Run(home / "duo").record.blend
    events: list[Event] = []
    blend(BOTH, "duo", home, events.append, MEASURED)
    assert ran(events) == ["train", "evaluate", "card"]
    assert set(states(Run(home / "duo")).values()) == {"fresh"}


def test_what_is_missing_to_one_is_the_base(home: Path, tiny_gpt2: Path) -> None:
    more = blend(Mix((("ada", 1.5), ("base", -0.5))), "more", home, options=MEASURED)
    assert [(one.name, one.weight) for one in more.run.record.blend][1][1] == -0.5
    assert more.run.record.blend[1].is_base
    ada, summed, base = (
        tensors(home / "ada" / "model"),
        tensors(more.path / "model"),
        Weights(tiny_gpt2),
    )
    for name, tensor in summed.items():
        expected = ada[name] + 0.5 * (ada[name] - as_float32(base[name]))
        np.testing.assert_allclose(tensor, expected, atol=1e-6)
    assert "the base model, without training | -0.5" in (more.path / "README.md").read_text()


def test_a_blend_of_a_blend_has_the_posts_of_all_once(home: Path) -> None:
    deeper = blend(Mix((("both", 0.5), ("ada", 0.5))), "deeper", home, options=MEASURED)
    posts = rows(deeper.run, "posts.jsonl")
    assert len(posts) == len({(row["author"], row["id"]) for row in posts}) == 400
    labels = [row.label for row in deeper.run.record.artifacts]
    assert len(labels) == len(set(labels))
    assert {"both:v0", "ada:v0", "bob:v0"} < set(labels)


def test_another_base_is_refused_with_both_names(
    home: Path, files: dict[str, Path], tiny_llama: Path
) -> None:
    popinjay.make(files["bob"], name="other", base=str(tiny_llama), whose="self", **OPTIONS)
    before = sorted(path.name for path in home.iterdir())
    with pytest.raises(OptionError) as caught:
        blend(Mix((("ada", 0.5), ("other", 0.5))), "x", home)
    assert "tiny-gpt2" in caught.value.message
    assert "tiny-llama" in caught.value.message
    assert sorted(path.name for path in home.iterdir()) == before


@pytest.mark.parametrize(
    ("mix", "name", "kind", "words"),
    [
        (Mix((("ada", 1.0),)), "x", OptionError, "copy of it"),
        (Mix((("base", 1.0),)), "x", OptionError, "needs a persona"),
        (Mix((("ada", 0.5), ("nobody", 0.5))), "x", PersonaError, "no persona 'nobody'"),
        (BOTH, "ada", PersonaTaken, "There is a persona 'ada' already"),
        (Mix((("both", 0.5), ("ada", 0.5))), "both", PersonaTaken, "already"),
        (Mix((("ada", 1.5), ("base", -0.5))), "both", PersonaTaken, "of other authors"),
    ],
)
def test_what_can_not_be_blended_is_said(
    home: Path, mix: Mix, name: str, kind: type[popinjay.PopinjayError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        blend(mix, name, home)
    assert words in caught.value.message
    assert caught.value.hint
    assert set(states(Run(home / "both")).values()) == {"fresh"}


def test_what_is_done_with_posts_is_done_with_its_members(
    home: Path, files: dict[str, Path], tiny_gpt2: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(home / "both")
    with pytest.raises(PersonaError, match="a blend of ada and bob") as caught:
        relearn(run)
    assert "popinjay blend ada=0.75 bob=0.25 --name both" in caught.value.hint
    with pytest.raises(PersonaError, match="ada and bob, whose posts these are"):
        forget(run, ["1"])
    with pytest.raises(PersonaTaken, match=r"It is a blend: 0\.75 ada and 0\.25 bob"):
        popinjay.make(files["ada"], name="both")
    assert main(["forget", "both", "--retrain"]) == 2
    assert "a blend of ada and bob" in capsys.readouterr().err
    assert set(states(Run(home / "both")).values()) == {"fresh"}
    given = OPTIONS | {"base": str(tiny_gpt2), "whose": "self", "replace": True}
    assert popinjay.make(files["ada"], name="both", **given).run.record.blend == ()


def test_it_is_published_by_the_stricter_consent(
    home: Path, files: dict[str, Path], tiny_gpt2: Path
) -> None:
    options = PublishOptions(dry_run=True)
    assert publish(Run(home / "both"), "hub:you/both", options).files
    popinjay.make(files["bob"], whose="public-figure", base=str(tiny_gpt2), **OPTIONS)
    blend(BOTH, "both", home, options=MEASURED)
    with pytest.raises(PublishError, match="in private only"):
        publish(Run(home / "both"), "hub:you/both", options)


def test_adapters_are_added_exactly(
    files: dict[str, Path], tiny_gpt2: Path, own_home: Path
) -> None:
    _make(files, own_home, tiny_gpt2, tune="lora", keep="adapter")
    both = blend(BOTH, "both", own_home, options=MEASURED)
    assert is_thin(both.path / "model")
    base = Weights(tiny_gpt2)
    adapters = {name: Adapter(own_home / name / "model") for name in ("ada", "bob", "both")}
    assert adapters["both"].rank == adapters["ada"].rank + adapters["bob"].rank
    summed: AnyWeights = AdaptedWeights(base, adapters["both"])
    for name in base:
        layer = name.removesuffix(".weight")
        expected = as_float32(base[name]).copy()
        if layer in adapters["ada"].layers:
            expected += 0.75 * adapters["ada"].delta(layer) + 0.25 * adapters["bob"].delta(layer)
        np.testing.assert_allclose(as_float32(summed[name]), expected, atol=1e-6)
    assert len(both.say(n=2, seed=1)) == 2
    thin_and_whole = Mix((("ada", 0.5), ("whole", 0.5)))
    popinjay.make(
        files["bob"], name="whole", base=str(tiny_gpt2), tune="lora", whose="self", **OPTIONS
    )
    mixed = blend(thin_and_whole, "mixed", own_home, options=MEASURED)
    assert not is_thin(mixed.path / "model")
    assert (mixed.path / "model" / "adapter" / "adapter_model.safetensors").is_file()
    ada, whole = tensors(own_home / "ada" / "model"), tensors(own_home / "whole" / "model")
    for name, tensor in tensors(mixed.path / "model").items():
        np.testing.assert_allclose(tensor, 0.5 * ada[name] + 0.5 * whole[name], atol=1e-6)


def test_what_a_member_forgets_is_forgotten_at_once(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ada, both, cyborg = (Run(home / name) for name in ("ada", "both", "ada-bob"))
    learnt_by_all = {row["id"] for row in rows(cyborg, "train.jsonl") if row["author"] == "ada"}
    post = next(row for row in rows(ada, "train.jsonl") if row["id"] in learnt_by_all)
    events: list[Event] = []
    done = forget(ada, [post["id"]], listener=events.append)
    assert {(one.persona, one.kind) for one in done.also} == {
        ("both", "blend"),
        ("ada-bob", "cyborg"),
    }
    notes = " ".join(event.message for event in events)
    assert "popinjay blend ada=0.75 bob=0.25 --name both" in notes
    assert "popinjay forget ada-bob --retrain" in notes
    for run in (Run(both.path), Run(cyborg.path)):
        assert holding(run, post["text"]) == []
        assert Forgotten.of(run).still_known(run).posts
        assert states(run)["train"] == "stale"
        assert Persona(run).filters.index.is_copied(post["text"])
    assert not (both.path / "README.md").exists()
    assert main(["status", "both"]) == 0
    shown = capsys.readouterr()
    assert "stale" in shown.out
    assert "until it is blended again" in shown.err
    with pytest.raises(PersonaError, match="'ada' still knows what it was told to forget"):
        blend(BOTH, "both", home)
    with pytest.raises(PublishError, match="not finished"):
        publish(Run(both.path), "hub:you/both", PublishOptions(dry_run=True))
    relearn(Run(ada.path))
    blended = blend(BOTH, "both", home, options=MEASURED).run
    assert set(states(blended).values()) == {"fresh"}
    assert not Forgotten.of(blended).still_known(blended)
    assert not blended.file("still_known.marks").exists()
    assert holding(blended, post["text"]) == []
    relearn(Run(cyborg.path))
    assert not Forgotten.of(Run(cyborg.path)).still_known(Run(cyborg.path))


def test_the_card_of_a_stale_blend_says_so(home: Path) -> None:
    ada, both = Run(home / "ada"), Run(home / "both")
    forget(ada, [rows(ada, "train.jsonl")[0]["id"]])
    assert main(["report", "both"]) == 0
    card = both.file("README.md").read_text(encoding="utf-8")
    assert "Forgotten since, but still known to this model: 1 post." in card


def test_nothing_is_forgotten_while_a_blend_is_made(home: Path) -> None:
    ada = Run(home / "ada")
    post = rows(ada, "train.jsonl")[0]
    with Run(home / "both").locked(), pytest.raises(PersonaError, match="being made"):
        forget(ada, [post["id"]])
    assert holding(ada, post["id"])
    assert not ada.file("forgotten.toml").exists()


def test_a_dry_run_names_what_has_the_same_posts(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    post = rows(Run(home / "ada"), "train.jsonl")[0]
    assert main(["forget", "ada", "--post", post["id"], "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["also"] == ["ada-bob", "both"]
    assert main(["forget", "ada", "--post", post["id"], "--dry-run"]) == 0
    assert "ada-bob, both" in capsys.readouterr().out


def test_posts_that_a_blend_was_told_to_forget_do_not_come_back(
    home: Path, files: dict[str, Path], tiny_gpt2: Path
) -> None:
    ada = Run(home / "ada")
    forget(ada, [rows(ada, "train.jsonl")[0]["id"]])
    shutil.rmtree(ada.path)
    popinjay.make(files["ada"], base=str(tiny_gpt2), whose="self", **OPTIONS)
    with pytest.raises(PersonaError, match="1 of the posts that 'both' was told to forget"):
        blend(BOTH, "both", home)


def test_python_and_the_command_line_blend_alike(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = popinjay.blend({"ada": 3, "bob": 1}, "one", samples=10)
    command = ["blend", "ada=0.75", "bob=0.25", "--name", "two", "--samples", "10", "--quiet"]
    assert main(command) == 0
    assert "two is ready" in capsys.readouterr().out
    two = popinjay.load("two")
    assert two.run.record.hashes()["model"] == one.run.record.hashes()["model"]
    assert main(["blend", "ada", "bob", "--name", "half", "--samples", "10"]) == 0
    assert "half is ready" in capsys.readouterr().out
    weights = [member.weight for member in popinjay.load("half").run.record.blend]
    assert weights == [0.5, 0.5]
    assert main(["blend", "ada", "bob"]) == 2
    assert "needs a name" in capsys.readouterr().err
    assert main(["blend", "ada=many", "bob=1", "--name", "x"]) == 2
    assert "'many' is not a weight" in capsys.readouterr().err


def test_the_api_says_that_it_is_a_blend(home: Path) -> None:
    from popinjay.server import catalog

    detail = catalog.detail(catalog.find(home, "both"))
    assert detail.blend == ["ada=0.75", "bob=0.25"]
    assert catalog.detail(catalog.find(home, "ada")).blend == []
