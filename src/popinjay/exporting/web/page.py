"""The page's own files: the program, what it says of the persona, and the index of the posts."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
from html import escape
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from popinjay import project_links
from popinjay.errors import PersonaError
from popinjay.exporting.about import About, about
from popinjay.exporting.exporter import ExportRequest
from popinjay.exporting.web.engine import NAME, PACKED, VERSION, WASM, packed
from popinjay.inference.tokenizer import Tokenizer
from popinjay.model_card.names import title
from popinjay.models.model_files import files_of
from popinjay.options import SayOptions
from popinjay.picture.avatar import colours_of, initial_svg
from popinjay.post import Author, read_authors, read_rows
from popinjay.report.saved import load_report
from popinjay.report.verdict import plain_verdict
from popinjay.sampling.filters import MIN_HOLDERS
from popinjay.stages.picture import usual_prompts
from popinjay.store.forgotten import marks_of
from popinjay.store.run import Run
from popinjay.store.stage_table import IMAGES
from popinjay.text.verbatim_index import KEY, VerbatimIndex
from popinjay.whose import WHOSE

ASSETS = "assets/web"
INDEX, MARKED, PERSONA, WORKER = "posts.index", "marked.index", "persona.json", "sw.js"
TOKENIZER = PACKED.format("model/tokenizer.json")
KEPT_BY_THE_PAGE = ("model/", f"engine/{WASM}", INDEX, MARKED)
PHOTO = (".png", ".jpg", ".jpeg", ".webp")
IMAGE = '<img src="{}" alt="" width="72" height="72">'
MAX_AVATARS = 4  # of a cyborg


def write_page(request: ExportRequest) -> None:
    """Write the page beside the model and the engine, which are in the folder already."""
    run, folder = request.run, request.folder
    with as_file(files("popinjay").joinpath(ASSETS)) as assets:
        shutil.copytree(assets, folder, dirs_exist_ok=True)
    model = files_of(run.folder("model"))
    tokenizer = json.loads((model.folder / "tokenizer.json").read_text(encoding="utf-8"))
    (folder / TOKENIZER).write_bytes(packed(_json(tokenizer).encode()))
    write_indexes(run, folder)
    what = about(run)
    facts = facts_of(run, what, _add_avatars(run, folder))
    facts["special"] = _special_tokens(run)
    _write_json(folder / PERSONA, facts)
    _fill_in(folder / "index.html", facts)
    _fill_in(folder / "manifest.webmanifest", facts)
    _write_service_worker(folder)


def check_posts(run: Run) -> None:
    """Raise PersonaError if the posts are gone, as then nothing would keep copies of them out."""
    if not run.file("train.jsonl").is_file():
        raise PersonaError(
            f"{run.name!r} has no posts any more, so that copies of them could not be kept out.",
            "Make it again from the same posts.",
        )


def write_indexes(run: Run, folder: Path) -> None:
    """Write the hashes that keep copies out: of the training posts, and of what was forgotten.

    Raises PersonaError if the posts are gone.
    """
    check_posts(run)
    texts = (row["text"] for row in read_rows(run.file("train.jsonl")))
    index = VerbatimIndex(texts, MIN_HOLDERS, key=secrets.token_bytes(KEY))
    (folder / INDEX).write_bytes(index.to_bytes())
    (folder / MARKED).write_bytes(marks_of(run).to_bytes())


def facts_of(run: Run, what: About, avatars: list[str]) -> dict[str, Any]:
    """Return what the page says of a persona: texts, which it shows as texts, and settings."""
    asked = run.record.asked
    whose = WHOSE.get(asked.whose or "")
    return {
        "name": run.name,
        "title": " & ".join(what.authors) or run.name,
        "handles": [author.handle for author in _authors(run)],
        "avatar": avatars[0],
        "avatars": avatars,
        "description": what.description,
        "beginnings": usual_prompts(run),
        "base": what.base,
        "base_url": what.base_url,
        "license": what.license,
        "languages": list(what.languages),
        "whose": whose.statement if whose else "",
        "contact": asked.contact or "",
        "verdict": _verdict(run),
        "homepage": project_links.HOMEPAGE,
        "engine": {"name": NAME, "version": VERSION, "license": "MIT"},
        "sampling": {
            "temperature": what.sampling.temperature,
            "topP": what.sampling.top_p,
            "maxTokens": SayOptions.max_tokens,
            "maxChars": SayOptions.max_chars,
        },
    }


def _authors(run: Run) -> list[Author]:
    file = run.file("authors.json")
    return read_authors(file) if file.is_file() else []


def _verdict(run: Run) -> str:
    try:
        return plain_verdict(load_report(run))
    except PersonaError:
        return ""


def _special_tokens(run: Run) -> dict[str, Any]:
    model = files_of(run.folder("model"))
    tokenizer = Tokenizer(model.folder, model.settings)
    return {
        "bos": tokenizer.bos_token,
        "eos": tokenizer.eos_token,
        "suppressed": tokenizer.suppressed_tokens,
    }


def _add_avatars(run: Run, folder: Path) -> list[str]:
    """Copy the authors' avatars, or draw initials; return the names of the files."""
    authors = _authors(run)[:MAX_AVATARS] or [Author(run.name)]
    colours = colours_of([author.handle for author in authors])
    names = []
    for place, author in enumerate(authors, 1):
        stem = "avatar" if place == 1 else f"avatar-{place}"
        photo = _photo(run, author)
        name = f"{stem}{photo.suffix.lower() if photo else '.svg'}"
        if photo:
            shutil.copyfile(photo, folder / name)
        else:
            drawn = initial_svg(title(author), author.handle, colours[author.handle])
            (folder / name).write_text(drawn, encoding="utf-8")
        names.append(name)
    return names


def _photo(run: Run, author: Author) -> Path | None:
    """Return an author's avatar among the images of the persona's card, if it has one."""
    shown = run.file(IMAGES)
    for path in sorted(shown.iterdir()) if shown.is_dir() else ():
        if path.stem == f"avatar-{author.handle}" and path.suffix.lower() in PHOTO:
            return path
    return None


def _fill_in(path: Path, facts: dict[str, Any]) -> None:
    """Fill in a template: in HTML the texts are escaped, in JSON they are JSON.

    A list of file names becomes images.
    """
    text = path.read_text(encoding="utf-8")
    is_html = path.suffix == ".html"

    def value(found: re.Match[str]) -> str:
        said = facts[found[1]]
        if isinstance(said, list):
            return "".join(IMAGE.format(escape(name)) for name in said)
        said = str(said)
        return escape(said) if is_html else json.dumps(said)[1:-1]

    path.write_text(re.sub(r"{{(\w+)}}", value, text), encoding="utf-8")


def _write_service_worker(folder: Path) -> None:
    """Name all files in the service worker, with a version that changes with any of them."""
    digest = hashlib.sha256()
    sizes = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != WORKER:
            digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
            sizes[name] = path.stat().st_size
    version = digest.hexdigest()[:16]
    small = ["./", "files.json", *(name for name in sizes if not name.startswith(KEPT_BY_THE_PAGE))]
    worker = folder / WORKER
    text = worker.read_text(encoding="utf-8").replace("{{version}}", version)
    text = text.replace("SMALL = []", f"SMALL = {json.dumps(small, indent=2)}")
    worker.write_text(text, encoding="utf-8")
    _write_json(folder / "files.json", {"version": version, "sizes": sizes})


def _write_json(path: Path, value: Any) -> None:
    path.write_text(_json(value), encoding="utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
