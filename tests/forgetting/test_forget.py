"""Forgetting: atomic, final, and honest about what the model still knows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

import popinjay
from parrot import Parrot
from personas import holding, rows, states
from popinjay.cli.main import main
from popinjay.errors import PersonaError, SpecError
from popinjay.events import Event, EventKind
from popinjay.forgetting.forget import forget
from popinjay.inference.decoder import Decoder
from popinjay.persona import Persona
from popinjay.pipeline import relearn
from popinjay.store.forgotten import Forgotten
from popinjay.store.journal import finish
from popinjay.store.kept import keep, repeating_none
from popinjay.store.record import LedgerRow, Publication
from popinjay.store.run import Run
from popinjay.store.stage_table import POSTS
from popinjay.trackers.ledger import sealed

OPTIONS: dict[str, Any] = {"epochs": 0.5, "batch_tokens": 512, "samples": 10, "whose": "fictional"}


@pytest.fixture(scope="module")
def made(ada: Path, tiny_gpt2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a persona of one author, made once."""
    return popinjay.make(
        ada, home=tmp_path_factory.mktemp("made"), base=str(tiny_gpt2), **OPTIONS
    ).path


@pytest.fixture(scope="module")
def two_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Posts of two authors without ids, known by their lines; ada's line 201 repeats line 1."""
    folder = tmp_path_factory.mktemp("two")
    for author, thing in (("ada", "engines"), ("bob", "lamps")):
        lines = [
            f"{author} number {n} counts {n * 37} {thing} and {n * 13} gulls near the old river"
            for n in range(1, 201)
        ]
        (folder / f"{author}.txt").write_text("\n".join([*lines, lines[0]]))
    return [folder / "ada.txt", folder / "bob.txt"]


@pytest.fixture(scope="module")
def made_cyborg(
    two_files: list[Path], tiny_gpt2: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a cyborg of both authors, made once."""
    return popinjay.make(
        *two_files, home=tmp_path_factory.mktemp("cyborg"), base=str(tiny_gpt2), **OPTIONS
    ).path


@pytest.fixture
def cyborg(made_cyborg: Path, own_home: Path) -> Run:
    """Return a copy of it."""
    shutil.copytree(made_cyborg, own_home / "ada-bob")
    return Run(own_home / "ada-bob")


def test_a_post_is_removed_from_every_file(run: Run) -> None:
    post = rows(run, "train.jsonl")[0]
    (run.path / ".train").mkdir()
    (run.path / ".train" / "checkpoint.safetensors").write_text(post["text"])
    (run.path / ".clean.jsonl.partial").write_text(post["text"])
    run.file("samples.jsonl").write_text(json.dumps({"text": post["text"]}))
    before = {name: run.file(name).read_text(encoding="utf-8").splitlines() for name in POSTS}
    done = forget(run, [post["id"]])
    assert (
        done.removed["posts.jsonl"]
        == done.removed["clean.jsonl"]
        == done.removed["train.jsonl"]
        == 1
    )
    assert holding(run, post["text"]) == []
    assert holding(run, post["id"]) == ["forgotten.toml"]
    for name, lines in before.items():
        assert run.file(name).read_text(encoding="utf-8").splitlines() == [
            line for line in lines if post["id"] not in line
        ]
    assert states(run) == {
        "collect": "fresh",
        **dict.fromkeys(("clean", "dataset", "train", "evaluate", "card"), "stale"),
    }
    assert {path.name for path in run.path.iterdir()} == {
        *POSTS,
        "authors.json",
        "avatars",
        "model",
        "engine",
        "metrics.jsonl",
        "run.toml",
        ".lock",
        "forgotten.toml",
        "still_known.marks",
    }


def test_a_new_make_does_not_bring_it_back(
    run: Run, ada: Path, tiny_gpt2: Path, tmp_path: Path
) -> None:
    from archives import archive_files, posts, write_zip

    post = rows(run, "train.jsonl")[0]
    forget(run, [post["id"]])
    after = {name: run.file(name).read_bytes() for name in ("posts.jsonl", "authors.json")}
    events: list[Event] = []
    popinjay.make(ada, base=str(tiny_gpt2), listener=events.append, **OPTIONS)
    assert [event.stage for event in events if event.what is EventKind.FRESH] == ["collect"]
    assert set(states(Run(run.path)).values()) == {"fresh"}
    left = Run(run.path)
    stages = {name: known for name, known in left.record.stages.items() if name != "collect"}
    left.save(
        left.record.updated(stages=stages)
    )  # reading the archive anew gives, to the byte, what forgetting left
    popinjay.make(ada, base=str(tiny_gpt2), **OPTIONS)
    assert {name: run.file(name).read_bytes() for name in after} == after
    later = write_zip(tmp_path / "later.zip", archive_files(posts(210)))
    popinjay.make(later, base=str(tiny_gpt2), **OPTIONS)
    assert len(rows(run, "posts.jsonl")) == 209
    assert holding(run, post["text"]) == []
    assert json.loads(run.file("authors.json").read_text())[0]["left_out"] == {"forgotten": 1}


def test_a_model_trained_on_forgotten_posts_is_reported_until_retrained(
    run: Run, ada: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learnt = [rows(run, name)[0]["id"] for name in ("train.jsonl", "validation.jsonl")]
    assert main(["forget", "ada_l", "--post", learnt[0], "--post", learnt[1], "--yes"]) == 0
    assert "popinjay forget ada_l --retrain" in capsys.readouterr().err
    assert main(["say", "ada_l", "-n", "1", "--max-tokens", "10"]) == 0
    assert "told to forget 2 posts, but its model learnt from it" in capsys.readouterr().err
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["personas"][0]["still_known"] == {
        "posts": 2,
        "authors": [],
    }
    assert main(["status"]) == 0
    assert "told to forget 2 posts" in capsys.readouterr().err
    assert main(["forget", "ada_l", "--retrain", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["retrained"], document["still_known"]) == (True, None)
    assert set(states(Run(run.path)).values()) == {"fresh"}
    assert Run(run.path).record.stages["evaluate"].options["samples"] == 10
    assert "the author is fictional" in run.file("README.md").read_text()
    assert main(["say", "ada_l", "-n", "1", "--max-tokens", "10"]) == 0
    assert "forget" not in capsys.readouterr().err


def parroted(run: Run, *posts: str, **options: Any) -> list[str]:
    """Return the posts of a persona whose model generates these texts, one a sequence."""
    persona = Persona(run)
    persona._decoders[False] = cast(Decoder, Parrot(*posts))
    return [text.removeprefix("^") for text in persona.say(n=1, seed=0, **options)]


def test_forgotten_posts_are_not_generated(run: Run) -> None:
    post, other = rows(run, "train.jsonl")[:2]
    own = "A sentence of its own about the sea."
    eight = f"so {' '.join(post['text'].split()[:8])} and"
    assert parroted(run, post["text"], eight, own) == [own]
    forget(run, [post["id"]])
    assert parroted(run, post["text"], eight, own) == [own]
    assert parroted(run, post["text"], own, allow_copies=True) == [post["text"]]
    forget(run, [other["id"]])  # the second time is known as well as the first
    assert parroted(run, post["text"], eight, other["text"], own) == [own]
    relearn(run)
    assert not run.file("still_known.marks").exists()
    # The model was retrained: generating it would be chance.
    assert parroted(run, post["text"], own) == [post["text"]]


def test_posts_of_a_forgotten_author_are_not_generated(cyborg: Run) -> None:
    mine, theirs = (
        next(row["text"] for row in rows(cyborg, "train.jsonl") if row["author"] == author)
        for author in ("ada", "bob")
    )
    own = "A sentence of its own about the sea."
    forget(cyborg, authors=["bob"])
    assert parroted(cyborg, theirs, mine, own) == [own]
    shutil.rmtree(cyborg.file("model"))
    forget(cyborg, [rows(cyborg, "train.jsonl")[0]["id"]])
    assert not cyborg.file("still_known.marks").exists()  # the model that learnt it is gone


def test_damaged_hashes_are_reported(run: Run) -> None:
    run.file("still_known.marks").write_bytes(b"half")
    with pytest.raises(PersonaError, match="is damaged: 4 bytes") as caught:
        parroted(run, "A sentence of its own.")
    assert "--retrain" in caught.value.hint


def test_forgetting_an_unseen_post_needs_no_training(run: Run) -> None:
    dropped = next(row["id"] for row in rows(run, "dropped.jsonl") if row["reason"] == "repost")
    done = forget(run, [rows(run, "held_out.jsonl")[0]["id"], dropped])
    assert done.removed == {
        "posts.jsonl": 2,
        "clean.jsonl": 1,
        "dropped.jsonl": 1,
        "train.jsonl": 0,
        "validation.jsonl": 0,
        "held_out.jsonl": 1,
    }
    assert not done.still_known
    assert not run.file("still_known.marks").exists()
    assert states(run)["train"] == "fresh"
    assert not run.file("samples.jsonl").exists()


def test_forgetting_an_author_of_a_cyborg(
    cyborg: Run, two_files: list[Path], tiny_gpt2: Path, pictures: None
) -> None:
    mine = [row for row in rows(cyborg, "posts.jsonl") if row["author"] == "ada"]
    done = forget(cyborg, authors=["@Bob"])
    assert done.removed["posts.jsonl"] == 201
    assert done.still_known.in_words() == "all of @bob"
    assert rows(cyborg, "posts.jsonl") == mine
    assert holding(cyborg, "bob number") == []
    assert cyborg.record.asked.authors == ("ada",)
    relearn(cyborg)
    card = cyborg.file("README.md").read_text(encoding="utf-8")
    assert "AI BOT" in card
    assert "bob" not in card.replace("ada-bob", "")
    assert not Forgotten.of(cyborg).still_known(cyborg)
    events: list[Event] = []
    popinjay.make(*two_files, base=str(tiny_gpt2), listener=events.append, **OPTIONS)
    assert {event.what for event in events} == {EventKind.FRESH}
    with pytest.raises(SpecError, match="forgotten"):
        popinjay.make(two_files[1], name="ada-bob", base=str(tiny_gpt2), **OPTIONS)
    assert holding(cyborg, "bob number") == []


def test_kept_posts_that_repeat_a_forgotten_post_are_removed(run: Run) -> None:
    post, other = rows(run, "train.jsonl")[:2]
    first_eight = " ".join(post["text"].split()[:8])
    repeating = [post["text"], f"so: {post['text'].upper()}!", f"{first_eight} and then nothing"]
    staying = ["a sentence of its own about the sea and nothing else at all", other["text"]]
    for text in [*repeating, *staying]:
        keep(run, {"text": text, "prompt": ""})
    with run.file("kept.jsonl").open("a", encoding="utf-8") as file:
        file.write(post["text"])  # by hand, and no JSON
    events: list[Event] = []
    done = forget(run, [post["id"]], listener=events.append)
    assert done.removed["kept.jsonl"] == 4
    assert [row["text"] for row in rows(run, "kept.jsonl")] == staying
    assert any(
        "4 kept posts went too" in event.message for event in events if event.what is EventKind.NOTE
    )
    assert holding(run, post["text"]) == []


def test_which_kept_posts_repeat_a_short_post() -> None:
    texts = ["Good morning, dear town!", "Ha ha", "🔥"]
    gone = ["GOOD MORNING dear town", "I say good morning, dear town, and mean it", "ha, ha!", "🔥"]
    staying = ["ha ha ha", "good morning, town", "🌊", ""]
    lines = [json.dumps({"text": text}) + "\n" for text in [*gone, *staying]]
    assert repeating_none(lines, texts) == lines[len(gone) :]
    assert repeating_none(lines, []) == lines


def test_kept_posts_are_removed_with_an_author_or_their_last_source(cyborg: Run) -> None:
    for text in ("neither of them said so", "number 3 counts"):
        keep(cyborg, {"text": text, "prompt": ""})
    assert forget(cyborg, ["3"], ["bob"]).removed["kept.jsonl"] == 0
    assert len(rows(cyborg, "kept.jsonl")) == 2
    assert forget(cyborg, authors=["bob"]).removed["kept.jsonl"] == 2
    assert not cyborg.file("kept.jsonl").exists()
    assert "kept.jsonl" not in forget(cyborg, ["4"], ["ada"]).removed


def test_ambiguous_ids_need_their_author(cyborg: Run) -> None:
    with pytest.raises(
        PersonaError, match="ada and bob each have a post with the id '7'"
    ) as caught:
        forget(cyborg, ["7"])
    assert "--post 7 --author ada" in caught.value.hint
    assert not cyborg.file("forgotten.toml").exists()
    done = forget(cyborg, ["7"], ["bob"])
    assert done.forgotten.posts.keys() == {("bob", "7")}
    assert {row["author"] for row in rows(cyborg, "posts.jsonl") if row["id"] == "7"} == {"ada"}
    assert len(rows(cyborg, "posts.jsonl")) == 401


def test_further_consequences_are_reported(cyborg: Run) -> None:
    published = {"hub:ada/bird": Publication(version="v1")}
    cyborg.save(cyborg.record.updated(published=published))
    events: list[Event] = []
    forget(cyborg, ["1"], ["ada"], events.append)
    said = " ".join(event.message for event in events if event.what is EventKind.NOTE)
    assert "same words stand in other posts too, which stay: 201." in said
    assert "only places in their file" in said
    assert "What was published to hub:ada/bird still knows it" in said


def told_to(tracker: str, **place: Any) -> LedgerRow:
    return sealed(LedgerRow(tracker, "ada_l", **place))


def test_a_record_from_another_machine_removes_nothing(
    run: Run, own_home: Path, tmp_path: Path
) -> None:
    """A record from another machine could name any folder."""
    precious = tmp_path / "popinjay-wandb" / "ada_l"
    precious.mkdir(parents=True)
    row = told_to("wandb", folder=str(precious))
    forged = replace(row, seal=None)
    moved = replace(told_to("wandb", folder="elsewhere"), folder=str(precious))
    rows_told = [forged, replace(forged, seal="00" * 32), moved]
    run.save(run.record.updated(told=rows_told))
    events: list[Event] = []
    forget(run, [rows(run, "train.jsonl")[0]["id"]], listener=events.append)
    assert precious.is_dir()
    assert sum("was not made on this machine" in event.message for event in events) == 3
    run.save(run.record.updated(told=[row]))
    forget(run, [rows(run, "train.jsonl")[0]["id"]], listener=events.append)
    assert not precious.exists()


def test_unreachable_tracker_data_is_reported_and_failures_are_retried(
    run: Run, own_home: Path
) -> None:
    post = rows(run, "train.jsonl")[0]
    (own_home / ".trackers" / "popinjay-wandb" / "ada_l").mkdir(parents=True)
    (own_home / ".trackers" / "popinjay-wandb" / "ada_l" / "any.wandb").write_text(post["text"])
    (own_home / ".trackers" / "popinjay-wandb" / "ada_l-bob").mkdir()
    far = told_to("mlflow", address="https://mlflow.example.org")
    synced = told_to(
        "wandb",
        folder=".trackers/popinjay-wandb/ada_l",
        address="the project birds on https://wandb.ai",
    )
    run.save(run.record.updated(told=[far, synced, told_to("gone")]))
    with pytest.raises(PersonaError) as caught:
        forget(run, authors=["ada_l"])
    assert "what trackers were told: https://mlflow.example.org, " in caught.value.hint
    events: list[Event] = []
    forget(run, [post["id"]], listener=events.append)
    assert [path.name for path in (own_home / ".trackers" / "popinjay-wandb").iterdir()] == [
        "ada_l-bob"
    ]
    warnings = [event.message for event in events if event.what is EventKind.WARNING]
    assert len(warnings) == 3
    assert "https://mlflow.example.org: delete the experiment 'ada_l' there" in warnings[0]
    assert (
        f"{own_home / '.trackers' / 'popinjay-wandb' / 'ada_l'} is deleted. If any of it was synced"
        in warnings[1]
    )
    assert "the group 'ada_l' in the project birds on https://wandb.ai" in warnings[1]
    assert "The data of gone is still in its own storage" in warnings[2]
    assert Run(run.path).record.told == (far, synced, replace(told_to("gone"), owed=True))

    events.clear()
    forget(run, [post["id"]], listener=events.append)
    assert [event.message for event in events if event.what is EventKind.WARNING] == warnings[2:]
    forget(run, [rows(run, "train.jsonl")[0]["id"]], listener=events.append)
    assert [event.message for event in events if event.what is EventKind.WARNING][
        1:
    ] == warnings  # they hold that one too


def test_forgetting_twice_changes_nothing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    post = rows(run, "train.jsonl")[0]
    forget(run, [post["id"]])
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    assert main(["forget", "ada_l", "--post", post["id"], "--json"]) == 0
    said = capsys.readouterr()
    assert "forgotten before" in said.err
    assert json.loads(said.out) == {
        "persona": "ada_l",
        "posts": [{"author": "ada_l", "id": post["id"]}],
        "authors": [],
        "removed": {},
        "files": [],
        "still_known": {"posts": 1, "authors": []},
        "also": [],
        "posted": [],
        "retrained": False,
    }
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--post", "404"], "holds no post with the id '404'", "posts.jsonl"),
        (["--author", "bob"], "has no author 'bob'", "It has: ada_l."),
        (["--author", "ada_l"], "Nothing would be left", "delete"),
        ([], "There is nothing to forget.", "--containing TEXT or --author HANDLE"),
        (["--post", "404", "--track", "none"], "only apply to a training", "Add --retrain"),
        (
            ["--post", "404", "--retrain", "--track", "wandbb"],
            "no tracker 'wandbb'",
            "Did you mean 'wandb'?",
        ),
    ],
)
def test_what_cannot_be_forgotten_is_reported(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str, hint: str
) -> None:
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    assert main(["forget", "ada_l", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert hint in said
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_retraining_needs_a_finished_persona(tmp_path: Path) -> None:
    run = Run(tmp_path / "ada")
    run.path.mkdir()
    with pytest.raises(PersonaError, match="never finished"):
        relearn(run)
    with pytest.raises(PersonaError, match="has no posts yet"):
        forget(run, ["1"])


def test_a_damaged_list_is_reported(run: Run) -> None:
    run.file("forgotten.toml").write_text("posts = [1]")
    with pytest.raises(PersonaError, match=r"forgotten\.toml is damaged"):
        forget(run, ["1"])


KILLED = """
import os, pathlib, shutil, sys
from popinjay.forgetting.forget import forget
from popinjay.store.record import LedgerRow, Publication
from popinjay.store.run import Run
source, out, post = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]

def deadly(real, left):
    def call(*given, **named):
        left[0] -= 1
        if left[0] < 0:
            os._exit(9)
        return real(*given, **named)
    return call

for count in range(1000):
    run = Run(shutil.copytree(source, out / str(count)))
    if not (child := os.fork()):
        left = [count]
        for name in ("rename", "replace", "unlink", "rmdir", "fsync", "mkdir"):
            setattr(os, name, deadly(getattr(os, name), left))
        forget(run, [post])
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
print(count)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_killed_forget_is_all_or_nothing(run: Run, tmp_path: Path) -> None:
    post = rows(run, "train.jsonl")[0]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(run.path), str(tmp_path), post["id"]],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    original = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    outcomes = []
    for count in range(int(done.stdout)):
        killed = Run(tmp_path / str(count))
        with killed.locked():  # make, forget and publish start with it
            finish(killed)
        gone = holding(killed, post["text"]) == []
        if gone:
            assert states(killed)["collect"] == "fresh"
            assert Forgotten.of(killed).posts.keys() == {("ada_l", post["id"])}
        else:
            assert {
                path.name: path.read_bytes() for path in killed.path.iterdir() if path.is_file()
            } == original
        outcomes.append(gone)
    assert len(outcomes) > 20
    assert outcomes == sorted(outcomes)  # one moment decides
    assert {True, False} == set(outcomes)
