"""Tests of bad input: every error is one clear sentence with a hint, and leaves nothing behind."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from archives import archive_files, js, manifest, note, posts, tweet, write_folder, write_zip
from popinjay import sources
from popinjay.cli.main import main
from popinjay.errors import PopinjayError
from popinjay.options import CollectOptions
from timing import takes_less_than

MB = 2**20
Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], own_home: Path) -> Refused:
    """Run a command that must be refused with status 2 and return its message."""

    def run(*arguments: str | Path, leaves: tuple[str, ...] = ()) -> str:
        assert main([str(argument) for argument in arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert {path.name for path in own_home.iterdir()} - {"hub"} == set(leaves)
        return told(err)

    return run


def told(err: str) -> str:
    """Return the sentence and its hint at the end of the output."""
    *before, sentence, hint = err.splitlines()
    assert sentence.startswith("popinjay: ")
    assert sentence.endswith(".")
    assert hint.startswith(" " * 10)
    assert hint.strip()
    assert not any(line.startswith("popinjay: ") for line in before)
    assert "Traceback" not in err
    assert err.replace("\n", "").isprintable()
    return f"{sentence.removeprefix('popinjay: ')} {hint.strip()}"


@pytest.fixture
def refused_spec(refused: Refused) -> Refused:
    """Check that both inspect and make refuse a spec in the same words."""

    def run(spec: str | Path) -> str:
        said = refused("inspect", spec)
        assert refused("make", spec, "--base", "builtin") == said
        return said

    return run


def written(folder: Path, name: str, content: str | bytes) -> Path:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / name


# other files


def test_missing_file(refused_spec: Refused, tmp_path: Path) -> None:
    said = refused_spec(tmp_path / "gone.zip")
    assert "There is no file, folder or account" in said
    assert "X archive" in said


@pytest.mark.parametrize("name", ["photo.jpg", "archive", "archive.tar.gz", "book.pdf"])
def test_file_of_unknown_kind(refused_spec: Refused, tmp_path: Path, name: str) -> None:
    said = refused_spec(written(tmp_path, name, "x"))
    assert "Popinjay can't read" in said
    assert "It reads: Mastodon export, packed text, X archive" in said


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(1000), b"Rar!\x1a\x07\x01\x00"]
)
def test_zip_without_zip_content(refused_spec: Refused, tmp_path: Path, content: bytes) -> None:
    assert "twitter.zip is not a zip file, despite its name." in refused_spec(
        written(tmp_path, "twitter.zip", content)
    )


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["holiday/1.jpg", "holiday/2.jpg"], "is not an X archive: it has no data/tweets.js"),
        (
            ["Your archive.html", "assets/page.css"],
            "holds only web pages, not the data behind them",
        ),
        (
            ["exports/mastodon/outbox.json", "photos/1.jpg"],
            "holds a Mastodon export among other things",
        ),
        (
            ["your_instagram_activity/threads/threads_and_replies.json"],
            "looks like an Instagram, Threads or Facebook export",
        ),
        (["comments.csv", "comment_headers.csv"], "looks like a Reddit export"),
        (["ChatExport/result.json"], "looks like a Telegram export"),
        (["package/Messages/index.json"], "looks like a Discord package"),
        (["_chat.txt", "photo.jpg"], "looks like a WhatsApp export"),
        (
            ["data/account.js", "data/profile.js", "data/like.js"],
            "is an X archive without posts: it has no tweets.js",
        ),
        (["data/manifest.js"], "is an X archive without posts: it has no tweets.js"),
        ([], "is empty"),
    ],
)
@pytest.mark.parametrize("form", ["zip", "folder"])
def test_archive_of_another_service(
    refused_spec: Refused, tmp_path: Path, form: str, names: list[str], said: str
) -> None:
    files = dict.fromkeys(names, "x")
    (tmp_path / "given").mkdir()
    path = (
        write_zip(tmp_path / "given.zip", files)
        if form == "zip"
        else write_folder(tmp_path / "given", files)
    )
    assert f"{path.name} {said}" in refused_spec(path)


# damage


def test_truncated_zip(refused_spec: Refused, tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "whole.zip", archive_files(posts(100))).read_bytes()
    for size in (10, len(whole) // 2, len(whole) - 30):
        assert (
            "cut.zip is a zip that was cut off: its end is missing. Download it again"
            in refused_spec(written(tmp_path, "cut.zip", whole[:size]))
        )


def test_zip_with_changed_bytes(refused_spec: Refused, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "ada.zip", archive_files(posts(100)))
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("data/tweets.js").header_offset + 300
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\0" * 200)
    assert "data/tweets.js in ada.zip is damaged" in refused_spec(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda text: text[: len(text) // 2],
            "data/tweets.js in ada.zip is damaged after 50 posts: its JSON can't be read.",
        ),
        (lambda text: text.rstrip("]\n "), "is damaged after 100 posts: its JSON can't be read."),
        (
            lambda text: text.replace('"full_text"', "full_text", 1),
            "is damaged after 0 posts: its JSON can't be read.",
        ),
        (
            lambda text: text.replace("window.YTD.tweets.part0", "window.TWEETS"),
            "begins with 'window.TWEETS =', which X does not write. "
            "It was written by some other tool",
        ),
        (
            lambda text: text.replace("full_text", "words"),
            "holds no posts of X: an item has no full_text. It was written by some other tool",
        ),
        (
            lambda text: text.replace('"full_text": "', '"full_text": null, "was": "'),
            "holds no posts of X: an item has no full_text.",
        ),
        (lambda text: "window.YTD.tweets.part0 = [1, 2, 3]", "holds something other than posts."),
        (lambda text: "window.YTD.tweets.part0 = [{}]", "an item has no full_text."),
        (
            lambda text: "window.YTD.tweets.part0 = [" + "9" * 10_000 + "]",
            "is damaged after 0 posts",
        ),
        (lambda text: "window.YTD.tweets.part0 = " + "[" * 200_000, "is damaged after 0 posts"),
        (
            lambda text: "window.YTD.tweets.part0 = " + '[{"a":' * 200_000,
            "is damaged after 0 posts",
        ),
        (lambda text: "window.YTD.tweets.part0 = {}", "holds no list of posts."),
        (lambda text: "", "holds no list of posts."),
        (lambda text: "x" * 5000, "holds no list of posts."),
        (
            lambda text: text.replace('"id_str"', '"no_id"').replace('"id"', '"nor_this"'),
            "has an id that X never assigns ('')",
        ),
        (
            lambda text: text.replace('"id_str": "', '"id_str": "9999999999999'),
            "has an id that X never assigns",
        ),
        (
            lambda text: text.encode("latin-1", "replace").replace(b"oven", b"\xff\xfe"),
            "is not UTF-8 text (byte",
        ),
        (
            lambda text: "window.YTD.tweets.part0 = [ ]",
            "There is not a single post of 'ada_l' in it.",
        ),
    ],
)
@pytest.mark.parametrize("form", ["zip", "folder"])
def test_invalid_posts_file(
    refused_spec: Refused,
    tmp_path: Path,
    form: str,
    change: Callable[[str], str | bytes],
    said: str,
) -> None:
    files = archive_files([])
    files["data/tweets.js"] = change(js("tweets", posts(100)))
    path = (
        write_zip(tmp_path / "ada.zip", files)
        if form == "zip"
        else write_folder(tmp_path / "ada", files)
    )
    assert said.replace("ada.zip", path.name) in refused_spec(path)


def test_one_broken_part_of_several(refused_spec: Refused, tmp_path: Path) -> None:
    files = archive_files(posts(200), tweets_part1=js("tweets", posts(200, start=200))[:-100])
    assert "data/tweets-part1.js in ada.zip is damaged after 199 posts" in refused_spec(
        write_zip(tmp_path / "ada.zip", files)
    )


@pytest.mark.parametrize("name", ["manifest", "account", "profile"])
@pytest.mark.parametrize("content", ["", "x = {", "x = " + "[" * 200_000, "x = " + "9" * 10_000])
def test_broken_file_beside_the_posts(
    refused_spec: Refused, tmp_path: Path, name: str, content: str
) -> None:
    said = refused_spec(
        write_zip(tmp_path / "ada.zip", archive_files(posts(200), **{name: content}))
    )
    assert f"data/{name}.js in ada.zip is damaged: its JSON can't be read." in said


@pytest.mark.parametrize(
    "content",
    [
        "",
        "nothing",
        '"tweet_id","words"\n"1","x"\n',
        '"tweet_id","timestamp","text"\n"x","","y"\n',
        '"tweet_id","text"\n"1","' + "y" * 17 * MB + '"\n',
    ],
)
def test_old_archive_with_an_unrelated_table(
    refused_spec: Refused, tmp_path: Path, content: str
) -> None:
    refused_spec(write_zip(tmp_path / "ada.zip", {"tweets.csv": content}))


def test_zip_with_a_password(refused_spec: Refused, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "ada.zip", archive_files(posts(200)))
    path.write_bytes(patched(path.read_bytes(), "data/tweets.js", 8, "<H", 1))
    said = refused_spec(path)
    assert "data/tweets.js in ada.zip can't be unpacked" in said
    assert "Unpack it with your system's tool and give the folder." in said


@pytest.mark.parametrize(
    "name",
    ["../tweets.js", "data/../../tweets.js", "/etc/tweets.js", "..\\tweets.js", "../\x1b[2Jx"],
)
def test_member_names_outside_the_zip(refused_spec: Refused, tmp_path: Path, name: str) -> None:
    said = refused_spec(write_zip(tmp_path / "ada.zip", archive_files(posts(200)) | {name: "x"}))
    assert "ada.zip holds a file name that leads outside of it" in said
    assert "don't trust this one" in said


def test_control_characters_in_names_are_not_shown(refused: Refused, tmp_path: Path) -> None:
    path = write_zip(
        tmp_path / "ada\x1b[31m.zip",
        {"odd\x1b]0;owned\x07/data/tweets.js": "x", "odd\x1b]0;owned\x07/data/manifest.js": "="},
    )
    assert "\x1b" not in refused("inspect", path)


# zip bombs


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a zip of a quarter of a megabyte whose posts are 256 MB of spaces."""
    path = tmp_path_factory.mktemp("bomb") / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("data/tweets.js", "w") as file:
            file.write(b"window.YTD.tweets.part0 = [")
            for _ in range(256):
                file.write(b" " * MB)
    assert path.stat().st_size < MB / 2
    return path


def patched(content: bytes, name: str, at: int, form: str, value: int) -> bytes:
    """Return a copy of the zip with one number of a member's central directory entry changed."""
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(name.encode()))
    return (
        content[: entry + at]
        + struct.pack(form, value)
        + content[entry + at + struct.calcsize(form) :]
    )


def peak_of_reading(spec: Path) -> float:
    """Return the peak memory of reading, in MB."""
    import tracemalloc

    tracemalloc.start()
    read_refused(spec)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / MB


def read_refused(spec: Path) -> None:
    with pytest.raises(PopinjayError):
        list(sources.read(str(spec), CollectOptions()).posts())


def test_a_zip_bomb_is_refused_before_it_expands(refused_spec: Refused, bomb: Path) -> None:
    said = refused_spec(bomb)
    assert (
        "bomb.zip would expand data/tweets.js from 0.2 MB to 256 MB, which no real archive does."
        in said
    )
    assert "zip bomb" in said
    assert peak_of_reading(bomb) < 5
    assert takes_less_than(lambda: read_refused(bomb), 1)


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        (
            20,
            200 * MB,
            "would expand data/tweets.js",
        ),  # the packed size, so that the ratio looks right
        (24, 1000, "is damaged"),  # the expanded size
    ],
)
def test_zip_bomb_with_a_false_size(
    refused_spec: Refused, tmp_path: Path, bomb: Path, at: int, value: int, said: str
) -> None:
    path = written(
        tmp_path, "bomb.zip", patched(bomb.read_bytes(), "data/tweets.js", at, "<I", value)
    )
    assert said in refused_spec(path)
    assert peak_of_reading(path) < 5
    assert takes_less_than(lambda: read_refused(path), 1)


def test_endless_blanks_take_little_memory(tmp_path: Path) -> None:
    peak = peak_of_reading(write_zip(tmp_path / "ada.zip", {"data/tweets.js": "[" + " " * 40 * MB}))
    assert peak < 10


def test_a_gzip_bomb_is_refused(refused_spec: Refused, tmp_path: Path) -> None:
    assert "bomb.txt.gz would expand to over 64 MB." in refused_spec(
        written(tmp_path, "bomb.txt.gz", gzip.compress(b" " * 80 * MB))
    )


# plain files


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ada.txt", b"", "There is not a single post of 'ada' in it."),
        ("ada.txt", b" \n\n\t\n", "There is not a single post of 'ada' in it."),
        ("ada.csv", b"", "ada.csv is empty."),
        ("ada.csv", b"id,text\n", "There is not a single post of 'ada' in it."),
        ("ada.json", b"", "There is not a single post of 'ada' in it."),
        ("ada.json", b"[]", "There is not a single post of 'ada' in it."),
        ("ada.json", b"{}", "ada.json has no column that is plainly the text (item 1 has: none)."),
        ("ada.json", b"words", "Line 1 of ada.json is not JSON."),
        ("ada.json", b'[{"text": "on', "ada.json was cut off: its end is missing."),
        (
            "ada.json",
            b'{"likes": [{"text": "one"}]}',
            "ada.json has no column that is plainly the text (item 1 has: likes).",
        ),
        (
            "ada.json",
            b'[{"text": "one", "visibility": "private"}]',
            "Nothing of what 'ada' wrote in it can be used: 1 × followers-only post.",
        ),
        ("ada.json", b"[1, 2]", "Item 1 of ada.json is neither a text nor an object."),
        ("ada.json", b"[" * 200_000, "Line 1 of ada.json is not JSON."),
        ("ada.json", b'{"a":' * 200_000, "Line 1 of ada.json is not JSON."),
        ("ada.jsonl", b"", "There is not a single post of 'ada' in it."),
        (
            "ada.jsonl",
            b'{"text": "one"}\n{"text" "two"}\n{"text" "three"}',
            "Line 2 of ada.jsonl is not JSON, nor is 1 more.",
        ),
        ("ada.jsonl", b"9" * 10_000, "Line 1 of ada.jsonl is not JSON."),
        ("ada.jsonl", b"[1]", "Item 1 of ada.jsonl is neither a text nor an object."),
        (
            "ada.csv",
            b"id,likes\n1,2\n",
            "ada.csv has no column that is plainly the text (item 1 has: id, likes). "
            "Name it with --text-column.",
        ),
        ("ada.txt", b"one\0two", "ada.txt is not text: it contains NUL bytes."),
        ("ada.txt", b"one\n" * 2000 + b"\0", "ada.txt is not text: it contains NUL bytes."),
        ("ada.jsonl", b'{"text":"\0"}', "ada.jsonl is not text: it contains NUL bytes."),
        (
            "ada.txt",
            b"na\x81ve",
            "ada.txt is not UTF-8: byte 0x81 at offset 2 (line 1) is invalid.",
        ),
        (
            "ada.csv",
            b"text\nna\x81ve",
            "ada.csv is not UTF-8: byte 0x81 at offset 7 (line 2) is invalid.",
        ),
        ("ada.txt.gz", b"\x1f\x8b" + bytes(50), "ada.txt.gz is a damaged gzip file"),
        (
            "ada.txt.gz",
            gzip.compress(os.urandom(5000))[:-2000],
            "ada.txt.gz is a damaged gzip file",
        ),
    ],
)
def test_plain_files_without_posts(
    refused_spec: Refused, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    assert said in refused_spec(written(tmp_path, name, content))


@pytest.mark.parametrize(
    "content", [b"", b"one\0two", b"\x1f\x8b" + bytes(50), b'{"text": 1', b"[[[[[["]
)
def test_standard_input_without_posts(
    refused: Refused, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    for command in ("inspect", "make"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        refused(command, "-")


# too little


def test_too_little_text_is_reported_with_the_amount_and_a_remedy(
    refused: Refused, tmp_path: Path
) -> None:
    path = write_zip(
        tmp_path / "ada.zip", archive_files([tweet(f"lamp number {n} hums", n) for n in range(100)])
    )
    said = refused("make", path, "--base", "builtin")
    assert (
        "ada_l: too little text: 1,890 characters in 100 posts. At least 6,000 characters are "
        "needed, and 40,000 are better." in said
    )
    assert (
        "A longer archive, or several files of the same author joined into one, has more." in said
    )


def test_too_little_text_is_reported_with_the_main_reason_for_drops(
    refused: Refused, tmp_path: Path
) -> None:
    reposts = [tweet(f"RT @bob: number {n}", 500 + n) for n in range(150)]
    said = refused(
        "make",
        write_zip(tmp_path / "ada.zip", archive_files(posts(50) + reposts)),
        "--base",
        "builtin",
    )
    assert "150 of 200 posts were reposts, short or otherwise dropped" in said


def test_inspect_warns_if_make_would_refuse(
    tmp_path: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(written(tmp_path, "ada.txt", "one two three\n")), "--json"]) == 0
    (author,) = json.loads(capsys.readouterr().out)["authors"]
    assert author["amount"] == "too little"
    assert author["verdict"].startswith("Too little text: 13 characters in 1 post.")
    assert list(own_home.iterdir()) == []


def test_only_reposts_are_reported_with_their_number(refused_spec: Refused, tmp_path: Path) -> None:
    reposts = [tweet(f"RT @bob: number {n}", n) for n in range(1200)]
    said = refused_spec(write_zip(tmp_path / "ada.zip", archive_files(reposts)))
    assert "All 1,200 posts of 'ada_l' are reposts of other people; none is their own." in said


def test_the_same_author_twice(refused: Refused, tmp_path: Path) -> None:
    one = write_zip(tmp_path / "one.zip", archive_files(posts(200)))
    two = write_zip(tmp_path / "two.zip", archive_files(posts(200)))
    assert "Two of these are by one author, 'ada_l'." in refused("make", one, two)


# arguments


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mkae", "x"], "Did you mean make?"),
        (["fly"], "There is no command 'fly'. All commands: popinjay --help"),
        (["make"], "make needs a SPEC: the posts to read."),
        (
            ["make", "x", "--epocs", "3"],
            "Unrecognized arguments: --epocs 3. Did you mean --epochs? "
            "All options: popinjay make --help",
        ),
        (
            ["inspect", "x", "--drop-reply"],
            "Did you mean --drop-replies? All options: popinjay inspect --help",
        ),
        (["say", "x", "--sed=1"], "Did you mean --seed?"),
        (
            ["say", "x", "--frobnicate"],
            "Unrecognized arguments: --frobnicate. All options: popinjay say --help",
        ),
        (["say", "x", "--s", "1", "--t", "1"], "All options: popinjay say --help"),
        (
            ["make", "x", "--epochs"],
            "Argument --epochs: expected one argument. All options: popinjay make --help",
        ),
        (
            ["make", "x", "--epochs", "many"],
            "Argument --epochs: 'many' is not a number. All options: popinjay make --help",
        ),
        (["make", "x", "--seed", "1.5"], "'1.5' is not a whole number."),
        (["make", "x", "--seed", "9" * 5000], "is not a whole number."),
        (
            ["make", "x", "--epochs", "0"],
            "--epochs can't be 0.0. It takes a number, from 0.01 to 1,000.",
        ),
        (["make", "x", "--epochs", "nan"], "--epochs can't be nan."),
        (
            ["make", "x", "--held-out", "0.9"],
            "--held-out can't be 0.9. It takes a number, from 0.01 to 0.5.",
        ),
        (
            ["make", "x", "--seed", "-1"],
            "--seed can't be -1. It takes a whole number, from 0 to 4,294,967,295.",
        ),
        (["make", "x", "--seed", "4294967296"], "--seed can't be 4294967296."),
        (
            ["make", "x", "--rules", "none"],
            "--rules can't be 'none'. Choose from: popinjay, huggingtweets.",
        ),
        (
            ["make", "x", "--whose", "mine"],
            "--whose can't be 'mine'. Choose from: self, permission,",
        ),
        (["make", "x", "--device", "abacus"], "--device can't be 'abacus'. Choose from: auto, cpu"),
        (["say", "x", "-n", "0"], "--n can't be 0."),
        (["say", "x", "--top-p", "2"], "--top-p can't be 2.0."),
        (
            ["say", "nobody"],
            "There is no persona 'nobody'. Personas here: none yet. "
            "Make one with: popinjay make SPEC",
        ),
        (["say", ""], "There is no persona ''."),
        (["say", ".."], "There is no persona '..'."),
        (["say", "a\0b"], "An argument can't contain a NUL byte."),
        (["say", "x\udc80"], "There is no persona 'x\\udc80'."),
        (["say", "x" * 5000], "There is no persona"),
        (["status", "nobody"], "There is no persona 'nobody'."),
        (["inspect", ""], "There is no file, folder or account ''."),
        (["inspect", "."], "is empty."),
        (["inspect", "a\0b.zip"], "An argument can't contain a NUL byte."),
        (["inspect", "x\udc80.zip"], "There is no file, folder or account 'x\\udc80.zip'."),
        (["inspect", "\ud800.txt"], "There is no file, folder or account '\\ud800.txt'."),
        (["inspect", "x" * 5000], "File name too long."),
        (["make", "x\udc80.zip", "--name", "x\udc80"], "There is no file, folder or account"),
        (["inspect", "--text-column", "x\udc80", "x\udc80"], "There is no file, folder or account"),
        (["fly\udc80"], "There is no command 'fly\\udc80'."),
    ],
)
def test_invalid_arguments(
    refused: Refused,
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refused(*arguments)


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "/etc",
        ".x",
        "-x",
        " ",
        "x ",
        "a:b",
        "x\udc80",
        "a\nb",
        "\x1b[31m",
        "x" * 300,
    ],
)
def test_invalid_persona_names(refused: Refused, ada: Path, own_home: Path, name: str) -> None:
    assert "A persona can't be named " in refused(
        "make", ada, f"--name={name}", "--base", "builtin"
    )
    assert [path.name for path in own_home.parent.iterdir() if path.name == "x"] == []


@pytest.mark.parametrize("base", ["gpt2", "distilgpt2", "somebody/something"])
def test_unavailable_base_model(refused: Refused, ada: Path, base: str) -> None:
    said = refused("make", ada, "--base", base)
    assert f"'{base}' is not on this machine, and the hub can't be reached right now." in said
    assert "--base builtin" in said


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "is not a model: there is no config.json."),
        (["config.json"], "has no weights in safetensors format."),
        (["config.json", "pytorch_model.bin"], "Other formats can hide code and are never loaded"),
    ],
)
def test_folder_without_a_base_model(
    refused: Refused, ada: Path, tmp_path: Path, files: list[str], said: str
) -> None:
    folder = write_folder(tmp_path / "base", dict.fromkeys(files, "{}"))
    folder.mkdir(exist_ok=True)
    assert said in refused("make", ada, "--base", folder)


@pytest.mark.parametrize(
    "base",
    [
        "",
        "no such model!",
        "/nowhere/base",
        "./base",
        "~nobody-here/base",
        "a/b/c",
        "x" * 5000,
        "x\udc80",
    ],
)
def test_invalid_base_model_name(
    refused: Refused, ada: Path, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused("make", ada, f"--base={base}")


# places that can't be read or written

WITHOUT_ROOTS_POWERS = (
    ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if os.name == "posix" and os.geteuid() == 0
    else []
)


@pytest.fixture
def unprivileged(tmp_path: Path) -> list[str]:
    """Return a command that runs popinjay as an ordinary user, even if the tests run as root."""
    locked = written(tmp_path, "locked", "x")
    locked.chmod(0)
    if WITHOUT_ROOTS_POWERS and not shutil.which("setpriv"):
        pytest.skip(
            "runs as root, who may read everything, and there is no setpriv to give that up"
        )
    done = subprocess.run(
        [*WITHOUT_ROOTS_POWERS, sys.executable, "-c", f"open({str(locked)!r})"],
        capture_output=True,
        text=True,
    )
    if "PermissionError" not in done.stderr:
        pytest.skip("permissions have no effect here")
    return [*WITHOUT_ROOTS_POWERS, sys.executable, "-m", "popinjay.cli.main"]


def run_refused(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    return told(done.stderr)


@pytest.mark.parametrize("name", ["ada.zip", "ada.txt", "ada.jsonl.gz", "ada"])
def test_unreadable_file(
    unprivileged: list[str], tmp_path: Path, own_home: Path, name: str
) -> None:
    path = tmp_path / name
    if name == "ada":
        (write_folder(path, archive_files(posts(200))) / "data" / "tweets.js").chmod(0)
    else:
        written(tmp_path, name, "x").chmod(0)
    for command in ("inspect", "make"):
        assert "No permission to read" in run_refused(*unprivileged, command, path)
    assert list(own_home.iterdir()) == []


def test_read_only_home(unprivileged: list[str], tmp_path: Path, ada: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    said = run_refused(*unprivileged, "make", ada, "--base", "builtin", "--home", home)
    assert "No permission to write" in said
    assert "--home" in said
    assert list(home.iterdir()) == []


def test_unreadable_home(unprivileged: list[str], tmp_path: Path, ada: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0)
    run_refused(*unprivileged, "make", ada, "--base", "builtin", "--home", home)
    run_refused(*unprivileged, "say", "ada", "--home", home)


@pytest.mark.parametrize("home", ["file", "file/home", "x" * 300])
def test_home_that_is_not_a_folder(refused: Refused, ada: Path, tmp_path: Path, home: str) -> None:
    written(tmp_path, "file", "x")
    refused("make", ada, "--base", "builtin", "--home", tmp_path / home)


def test_file_in_place_of_a_persona(refused: Refused, ada: Path, own_home: Path) -> None:
    written(own_home, "ada_l", "mine")
    refused("make", ada, "--base", "builtin", leaves=("ada_l",))
    assert (own_home / "ada_l").read_text() == "mine"


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from popinjay.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
LITTLE = ["--epochs", "0.1", "--samples", "10", "--quiet"]


def test_file_size_limit_leaves_nothing_half_written(
    ada: Path, own_home: Path, tiny_gpt2: Path
) -> None:
    pytest.importorskip("resource", reason="needs the resource limits of Unix")
    said = run_refused(sys.executable, "-c", LIMITED, "make", ada, "--base", tiny_gpt2, *LITTLE)
    assert "The disk is full: what 'collect' makes could not be written." in said
    assert "Free some space and run the same again" in said
    persona = own_home / "ada_l"
    assert {path.name for path in persona.iterdir()} <= {"run.toml", ".lock", "logs"}
    (log,) = (persona / "logs").iterdir()
    last = log.read_text(encoding="utf-8").splitlines()[-1]
    assert " failed: The disk is full: what 'collect' makes" in last
    assert main(["make", str(ada), "--base", str(tiny_gpt2), *LITTLE]) == 0


SMALL_DISK = (
    'mount -t tmpfs -o size=$1k tmpfs "$2" || exit 77; shift 2; "$@"; code=$?; '
    'find "$POPINJAY_HOME" -mindepth 2 >&2; exit $code'
)


@pytest.fixture
def small_disk(own_home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs popinjay with its home on a disk of the given size in kilobytes.

    After the run it prints the files that are left.
    """
    if not shutil.which("unshare"):
        pytest.skip("needs unshare to mount a small disk")

    def run(size: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [
            "unshare",
            "-m",
            "sh",
            "-c",
            SMALL_DISK,
            "sh",
            str(size),
            own_home,
            sys.executable,
            "-m",
            "popinjay.cli.main",
            *arguments,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 77 or done.stderr.startswith("unshare"):
            pytest.skip(f"can't mount a small disk here: {done.stderr.strip()}")
        return done

    return run


@pytest.mark.parametrize("size", [4, 32, 64, 300])
def test_full_disk_leaves_nothing_half_written(
    small_disk: Callable[..., subprocess.CompletedProcess[str]],
    ada: Path,
    own_home: Path,
    tiny_gpt2: Path,
    size: int,
) -> None:
    done = small_disk(size, "make", ada, "--base", tiny_gpt2, *LITTLE)
    said = [line for line in done.stderr.splitlines() if not line.startswith(str(own_home))]
    left = {Path(line).name for line in done.stderr.splitlines() if line.startswith(str(own_home))}
    assert (done.returncode, done.stdout) == (2, "")
    assert "The disk is full" in told("\n".join(said))
    assert not any(name.endswith(".partial") for name in left)


def test_persona_locked_by_another_process(
    refused: Refused, ada: Path, own_home: Path, holder: None
) -> None:
    said = refused("make", ada, "--base", "builtin", leaves=("ada_l",))
    assert "'ada_l' is being made by another popinjay right now." in said
    assert [path.name for path in (own_home / "ada_l").iterdir()] == [".lock"]


@pytest.fixture
def holder(own_home: Path) -> Iterator[None]:
    """Start another process that makes `ada_l`."""
    code = (
        "import sys; from pathlib import Path; from popinjay.store.run import Run\n"
        "with Run(Path(sys.argv[1])).locked(): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(own_home / "ada_l")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        assert process.stdin is not None
        process.stdin.close()


# unusual but valid input


def test_file_with_a_non_unicode_name_is_read(
    tmp_path: Path, own_home: Path, tiny_gpt2: Path
) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    try:
        Path(os.fsdecode(path)).write_text(
            "\n".join(item["tweet"]["full_text"] for item in posts(200))
        )
    except OSError:
        pytest.skip("file names are always Unicode here")
    assert main(["make", os.fsdecode(path), "--base", str(tiny_gpt2), *LITTLE]) == 0
    assert (own_home / "caf_" / "README.md").exists()


def test_non_unicode_prompt_is_answered(
    ada: Path, tiny_gpt2: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["make", str(ada), "--base", str(tiny_gpt2), *LITTLE]) == 0
    capsys.readouterr()
    assert main(["say", "ada_l", "lone \udc80", "-n", "1", "--max-tokens", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["posts"]


def test_terminal_without_unicode_works(tmp_path: Path) -> None:
    lines = "\n".join(f"number {n}: the 🧮 naïvely counts {n * 37} sheep" for n in range(200))
    command = [
        sys.executable,
        "-m",
        "popinjay.cli.main",
        "inspect",
        str(written(tmp_path, "añb.txt", lines)),
        "--json",
    ]
    done = subprocess.run(
        command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0
    assert b"a\\xf1b" in done.stdout


# random input

JUNK: list[Any] = [None, True, -1, "", "x", "9" * 40, "²", "\ud800", [None], {"x": "y"}, [[]]]


def spots(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the positions of all values inside a value."""
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield from spots(inner, (*path, key))


def with_junk(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    changed = value.copy()
    changed[path[0]] = with_junk(value[path[0]], path[1:], junk)
    return changed


def assignment(text: str | bytes) -> Any:
    assert isinstance(text, str)
    return json.loads(text.split("=", 1)[1])


def test_junk_anywhere_in_an_archive_is_either_read_or_refused(tmp_path: Path) -> None:
    edit = {"editTweetIds": ["1850380482114486273", "2"]}
    items = [
        tweet(
            "one",
            1,
            edit_info={"initial": edit},
            in_reply_to_status_id_str="5",
            in_reply_to_user_id_str="6",
            user={"id_str": "7"},
        )
    ]
    items[0]["tweet"]["entities"]["urls"] = [{"expanded_url": "https://x.com/a/status/1"}]
    profile = js("profile", [{"profile": {"description": {"bio": "x", "website": "y"}}}])
    whole = archive_files(
        items,
        notes=[note("one and more", 1730000060000)],
        profile=profile,
        twitter_circle_tweet=js("tweet", [tweet("secret", 9)]),
    )
    whole["data/manifest.js"] = manifest(
        {"tweets": [("data/tweets.js", 1), ("data/tweets-part1.js", 2)]}
    )
    folder = write_folder(tmp_path / "x", whole)
    read = refusals = 0
    for name in [name for name in whole if name.endswith(".js")]:
        value = assignment(whole[name])
        for path in spots(value):
            for junk in JUNK:
                written(
                    folder, name, f"window.YTD.x.part0 = {json.dumps(with_junk(value, path, junk))}"
                )
                try:
                    for post in sources.read(str(folder), CollectOptions()).posts():
                        json.dumps(post.to_json(), ensure_ascii=False).encode()
                    read += 1
                except PopinjayError:
                    refusals += 1
        written(folder, name, whole[name])
    assert read > 500
    assert refusals > 50


def test_a_zip_with_any_bytes_changed_is_either_read_or_refused(tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "whole.zip", archive_files(posts(20))).read_bytes()
    table = whole.index(b"PK\x01\x02")
    chance = random.Random(0)
    refusals = 0
    for turn in range(300):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(table if turn % 2 else 0, len(content))] = chance.randrange(
                256
            )
        try:
            reading = sources.read(
                str(written(tmp_path, "changed.zip", bytes(content))), CollectOptions()
            )
            reading.fingerprint()
            list(reading.posts())
        except PopinjayError:
            refusals += 1
    assert 50 < refusals < 300
