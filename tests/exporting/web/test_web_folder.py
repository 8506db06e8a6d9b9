"""What the folder holds, what it must not hold, and where the engine comes from."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exported_page import page_model, score
from popinjay.cli.main import main
from popinjay.errors import OptionError, PersonaError
from popinjay.events import ignore
from popinjay.exporting import find
from popinjay.exporting.export import export
from popinjay.exporting.sizes import size_of
from popinjay.exporting.web import engine, model
from popinjay.inference.tokenizer import Tokenizer
from popinjay.options import ExportOptions
from popinjay.store.run import Run
from popinjay.text.verbatim_index import KEY, VerbatimIndex
from speaking_persona import BASE, POST, put_persona
from web_engine import STAND_INS, expect_stand_ins, put_stand_ins

HOSTILE = '<img src=x onerror=alert(1)>"\\ &{{title}}'
POSTS = (
    POST,
    "I keep four umbrellas and lend all of them to people who never come back.",
    "@friend the bakery on the corner sells bread that tastes of smoke",
)


@pytest.fixture
def run(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A persona of the built-in base, whose author has a hostile name."""
    put_stand_ins(monkeypatch)
    return put_author(own_home)


def put_author(home: Path) -> Run:
    folder = put_persona(home, "ada")
    rows = "".join(json.dumps({"text": post}) + "\n" for post in POSTS)
    (folder / "train.jsonl").write_text(rows, encoding="utf-8")
    author = {"handle": "ada", "name": HOSTILE, "bio": POSTS[1]}
    (folder / "authors.json").write_text(json.dumps([author]), encoding="utf-8")
    return Run(folder)


def test_the_folder_is_small_and_whole(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = export(run, "web", out, ExportOptions(quant="q8"))
    sizes = dict(found.files)
    whole = sum(sizes.values()) + engine.ENGINE_BYTES  # the stand-ins are some bytes
    assert whole < 14_000_000
    estimated = find("web").estimate(size_of(run), "q8")
    assert abs(estimated - whole) < 500_000
    listed = json.loads((out / "files.json").read_text())
    others = {"files.json", "sw.js", "popinjay-export.json"}
    assert listed["sizes"] == {name: size for name, size in sizes.items() if name not in others}
    worker = (out / "sw.js").read_text()
    assert listed["version"] in worker
    assert '"page.js"' in worker
    assert "model/" not in worker
    assert "Microsoft" in (out / "engine/LICENSE").read_text()


def test_no_text_of_a_post_is_in_the_folder(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(run, "web", out)
    for path in out.rglob("*"):
        if path.is_file():
            held = path.read_bytes().lower()
            for post in POSTS:
                parts = post.lower().split()
                for begin in range(len(parts) - 3):
                    four = " ".join(parts[begin : begin + 4]).encode()
                    assert four not in held, (path, four)
    index = VerbatimIndex.from_bytes((out / "posts.index").read_bytes())
    assert all(index.is_copied(post) for post in POSTS)
    assert not index.is_copied("These words are nobody's.")


def test_every_export_has_its_own_salt(run: Run, tmp_path: Path) -> None:
    keys = set()
    for name in ("one", "two"):
        export(run, "web", tmp_path / name)
        keys.add((tmp_path / name / "posts.index").read_bytes()[:KEY])
    assert len(keys) == 2
    assert bytes(KEY) not in keys


def test_a_hostile_name_is_text(run: Run, tmp_path: Path) -> None:
    export(run, "web", tmp_path / "out")
    page = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    manifest = json.loads((tmp_path / "out/manifest.webmanifest").read_text(encoding="utf-8"))
    assert HOSTILE.partition("&")[0] in manifest["name"]
    assert "unsafe-inline" not in page
    assert "'unsafe-eval'" not in page


@pytest.mark.parametrize("quant", ["q5", "q4"])
def test_fewer_bits_are_smaller_and_nearly_as_good(run: Run, tmp_path: Path, quant: str) -> None:
    eight = export(run, "web", tmp_path / "8", ExportOptions(quant="q8"))
    fewer = export(run, "web", tmp_path / "few", ExportOptions(quant=quant))
    assert sum(dict(fewer.files).values()) < sum(dict(eight.files).values()) - 1_500_000
    tokenizer = Tokenizer(BASE)
    wanted, found = (
        score(page_model(tmp_path / name / "model"), POSTS, tokenizer).bits_per_byte
        for name in ("8", "few")
    )
    assert abs(found / wanted - 1) < 0.03


def test_the_held_out_posts_are_not_read(run: Run, tmp_path: Path) -> None:
    weights = []
    for number, posts in enumerate(("", "damaged")):
        run.file("held_out.jsonl").write_text(posts, encoding="utf-8")
        export(run, "web", tmp_path / str(number), ExportOptions(quant="q4"))
        weights.append((tmp_path / str(number) / "model/weights.000.bin").read_bytes())
    assert weights[0] == weights[1]


def test_a_cyborg_has_the_pictures_of_all(run: Run, tmp_path: Path) -> None:
    authors = [{"handle": "ada", "name": HOSTILE}, {"handle": "../eve", "name": "Eve"}]
    run.file("authors.json").write_text(json.dumps(authors), encoding="utf-8")
    images = run.file("images")
    images.mkdir()
    (images / "avatar-ada.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    out = tmp_path / "out"
    export(run, "web", out)
    persona = json.loads((out / "persona.json").read_text(encoding="utf-8"))
    assert persona["avatars"] == ["avatar.png", "avatar-2.svg"]
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 2
    assert (out / "avatar.png").read_bytes() == (images / "avatar-ada.png").read_bytes()
    assert ">E</text>" in (out / "avatar-2.svg").read_text(encoding="utf-8")
    assert '"avatar-2.svg"' in (out / "sw.js").read_text(encoding="utf-8")  # kept for later visits


def test_large_files_are_split(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(run, "web", tmp_path / "whole")
    monkeypatch.setattr(model, "PART_BYTES", 1_000_000)
    export(run, "web", tmp_path / "parts")
    parts = sorted((tmp_path / "parts/model").glob("weights.*.bin"))
    assert len(parts) > 3
    assert max(part.stat().st_size for part in parts) == 1_000_000
    joined = b"".join(part.read_bytes() for part in parts)
    assert joined == (tmp_path / "whole/model/weights.000.bin").read_bytes()


def test_without_posts_nothing_is_exported(run: Run, tmp_path: Path) -> None:
    run.file("train.jsonl").unlink()
    with pytest.raises(PersonaError, match="copies of them could not be kept out"):
        export(run, "web", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_sentence_piece_models_are_refused(
    own_home: Path, tiny_gemma3: Path, tmp_path: Path
) -> None:
    persona = Run(put_persona(own_home, "gem", tiny_gemma3))
    with pytest.raises(PersonaError, match="byte-level BPE only"):
        export(persona, "web", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@contextmanager
def registry(content: bytes, status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """Run a stand-in of the npm registry; yields its address and the paths asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def package() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in STAND_INS.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


@pytest.mark.usefixtures("own_home")
def test_the_engine_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expect_stand_ins(monkeypatch)
    content = package()
    digest = hashlib.new("sha512_256", content).hexdigest()
    monkeypatch.setattr(engine, "PACKAGE_HASH", digest)
    with registry(content) as (address, asked):
        monkeypatch.setenv(engine.REGISTRY_SETTING, address + "/")
        for name in ("one", "two"):
            engine.add_engine(tmp_path / name, ignore, allow_local=True)
    assert asked == [f"/{engine.NAME}/-/{engine.NAME}-{engine.VERSION}.tgz"]
    module, program = engine.FILES
    assert (tmp_path / "two" / module.name).read_bytes() == STAND_INS[module.name]
    packed = (tmp_path / "two" / engine.WASM).read_bytes()
    assert gzip.decompress(packed) == STAND_INS[program.name]
    assert packed == (tmp_path / "one" / engine.WASM).read_bytes()


@pytest.mark.usefixtures("own_home")
def test_another_engine_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expect_stand_ins(monkeypatch)
    with registry(package()) as (address, _):
        monkeypatch.setenv(engine.REGISTRY_SETTING, address)
        with pytest.raises(OptionError, match="SHA-512/256 differs"):
            engine.add_engine(tmp_path / "out", ignore, allow_local=True)
    with registry(b"", 404) as (address, _):
        monkeypatch.setenv(engine.REGISTRY_SETTING, address)
        with pytest.raises(OptionError, match="status 404"):
            engine.add_engine(tmp_path / "out", ignore, allow_local=True)
    assert not (tmp_path / "out").exists()


def test_without_a_network_one_sentence_says_so(
    own_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put_author(own_home)
    monkeypatch.setenv(engine.REGISTRY_SETTING, "http://127.0.0.1:9")
    assert main(["export", "ada", "--to", "web", "--out", str(tmp_path / "out")])
    assert "online" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
