"""Tests of publishing a web page into a folder for GitHub Pages, and of that page in a browser."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from chromium import chromium, needs_chromium
from hub_state import SPACES, HubStandIn
from opened_page import READY, SECONDS, opened, written
from popinjay.cli.main import main
from popinjay.errors import PublishError, StorageError
from popinjay.publishing import destinations
from popinjay.store.run import WEB_PAGE, Run
from popinjay.whose import MAY_BE_PUBLIC, WHOSE
from publications import change, names, put_picture, say_whose, send
from static_host import LOOPBACK, static_host
from web_engine import needs_engine, put_engine, put_stand_ins

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Deprecation warnings of the hub's own client are not ours.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

OWN = {".nojekyll", ".gitattributes", "README.md"}
GIT = shutil.which("git")


@pytest.fixture
def engine_stand_ins(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put stand-ins for the page's engine into the cache."""
    put_stand_ins(monkeypatch)


@pytest.mark.usefixtures("engine_stand_ins")
def test_the_folder_is_ready_for_github_pages(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_picture(run)
    folder = tmp_path / "page"
    assert main(["publish", "ada_l", "--to", f"pages:{folder}", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["to"], document["url"]) == (f"pages:{folder}", None)
    assert document["private"] is None
    assert names(folder) == {file["name"] for file in document["files"]}
    assert names(folder) >= OWN | {"index.html", "sw.js", "card.png", "posts.index"}
    assert (folder / ".nojekyll").read_bytes() == b""
    assert max(path.stat().st_size for path in folder.rglob("*")) < 95_000_000
    listed = json.loads((folder / "files.json").read_text())["sizes"]
    assert not OWN & listed.keys()
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# Ada 🧮 L., imitated by a machine\n")
    assert "git push" in readme
    assert str(tmp_path) not in readme
    assert list(Run(run.path).record.published) == [f"pages:{folder}"]
    assert main(["publish", "ada_l", "--to", f"pages:{folder}"]) == 0
    said = capsys.readouterr().out
    assert f"All of this was in the folder {folder} for GitHub Pages already." in said
    assert "Its README.md says how" in said


@pytest.mark.usefixtures("engine_stand_ins")
def test_publishing_again_replaces_the_page_and_keeps_the_repository(
    run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "page"
    (folder / ".git" / "refs").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "CNAME").write_text("ada.example\n")
    mine = {".git/HEAD", "CNAME"}
    first = send(run, f"pages:{folder}")
    page = {file.name for file in first.files}
    assert names(folder) == page | mine
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert not send(run, f"pages:{folder}").changed
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    (folder / "page.js").unlink()
    change(run)
    assert send(run, f"pages:{folder}").changed
    assert names(folder) == page | mine
    assert (folder / ".git" / "refs").is_dir()
    assert "the lighthouse" in (folder / "persona.json").read_text()
    assert (folder / "CNAME").read_text() == "ada.example\n"
    (folder / "notes.txt").write_text("mine")
    change(run, "the pier")
    with pytest.raises(PublishError, match=r"did not put there: 'notes\.txt'"):
        send(run, f"pages:{folder}")
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


@pytest.mark.usefixtures("engine_stand_ins")
def test_a_folder_is_written_whole_or_not_at_all(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "page"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    real = shutil.copyfile

    def full(source: Any, target: Any, **more: Any) -> Any:
        if Path(target).parts[-2:] == ("model", "model.onnx"):
            raise OSError(errno.ENOSPC, "no space")
        return real(source, target, **more)

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StorageError, match="disk is full"):
        send(run, f"pages:{folder}")
    assert names(folder) == {".git/HEAD"}
    assert [path.name for path in tmp_path.iterdir()] == ["page"]
    assert not run.file(WEB_PAGE).exists()


@pytest.mark.usefixtures("engine_stand_ins")
@pytest.mark.parametrize("whose", [*WHOSE, None])
def test_pages_are_public_so_that_the_words_must_be(
    run: Run, tmp_path: Path, whose: str | None
) -> None:
    say_whose(run, whose)
    folder = tmp_path / "page"
    if whose in MAY_BE_PUBLIC:
        send(run, f"pages:{folder}")
        assert (folder / "index.html").is_file()
    else:
        with pytest.raises(PublishError, match="GitHub Pages are public") as caught:
            send(run, f"pages:{folder}")
        assert "--to space:you/ada_l --private" in caught.value.hint
        assert "--" not in caught.value.page_hint
        assert not folder.exists()


@pytest.mark.usefixtures("engine_stand_ins")
def test_what_does_not_fit_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = f"pages:{tmp_path / 'page'}"
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"private": True}, "--private is for the hub"),
        ({"with_posts": True}, "without the posts"),
    )
    for options, message in refused:
        with pytest.raises(PublishError, match=message):
            send(run, to, **options)
    for place, message in (
        ("", "No folder is named"),
        (str(tmp_path / "no" / "where"), "There is no folder"),
        (str(run.path / "page"), "inside the persona's own"),
    ):
        with pytest.raises(PublishError, match=message):
            send(run, f"pages:{place}")
    monkeypatch.setattr(destinations, "MAX_FILE_BYTES", 10_000)
    with pytest.raises(PublishError, match="GitHub refuses files"):
        send(run, to)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("engine_stand_ins")
@pytest.mark.skipif(GIT is None, reason="needs git")
def test_the_commands_of_the_readme_push_every_byte(run: Run, tmp_path: Path) -> None:
    folder, there, clone = (tmp_path / name for name in ("page", "there.git", "clone"))
    send(run, f"pages:{folder}")
    commands = (folder / "README.md").read_text(encoding="utf-8").split("```sh\n")[1]
    commands = commands.split("```")[0]
    commands = commands.replace("https://github.com/YOU/REPOSITORY.git", str(there))
    settings = {
        "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH": str(Path(GIT or "").parent) + ":/usr/bin:/bin",
    }
    # As on Windows, where git changes the ends of lines unless it is told not to.
    (tmp_path / "gitconfig").write_text(
        "[core]\nautocrlf = true\n[user]\nname = A\nemail = a@b.example\n"
    )
    run_git = {"env": settings, "check": True, "capture_output": True}
    subprocess.run([GIT or "", "init", "--bare", str(there)], **run_git)  # type: ignore[call-overload]
    subprocess.run(["sh", "-e", "-c", commands], cwd=folder, **run_git)  # type: ignore[call-overload]
    subprocess.run([GIT or "", "clone", "-b", "main", str(there), str(clone)], **run_git)  # type: ignore[call-overload]
    pushed = {name for name in names(clone) if not name.startswith(".git/")}
    assert pushed == {name for name in names(folder) if not name.startswith(".git/")}
    for name in pushed:
        assert (clone / name).read_bytes() == (folder / name).read_bytes(), name
    assert not send(run, f"pages:{folder}").changed  # .git is not counted


# in a browser


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser that reaches this machine only."""
    with chromium(LOOPBACK) as running:
        yield running


def wait_for_worker(page: Page) -> str:
    """Wait until a service worker answers for the page; returns its scope."""
    scope: str = page.evaluate(
        """async () => {
            const { serviceWorker } = navigator;
            const ready = await serviceWorker.ready;
            if (!serviceWorker.controller) await new Promise((resolve) => {
                serviceWorker.addEventListener("controllerchange", resolve);
            });
            return ready.scope;
        }"""
    )
    return scope


@needs_chromium
@needs_engine
def test_it_works_below_a_path_and_then_without_a_network(
    run: Run, tmp_path: Path, browser: Browser
) -> None:
    put_engine()
    site = tmp_path / "site"
    site.mkdir()
    send(run, f"pages:{site / 'repo'}")
    page = browser.new_context().new_page()
    with static_host(site) as host:
        said = opened(page, f"{host.address}repo/")
        assert page.inner_text("#title") == "Ada 🧮 L."
        assert written(page, "My dream").count() > 0
        assert wait_for_worker(page) == f"{host.address}repo/"
        # What lies beside the page, such as another project's page, is not its worker's.
        (site / "index.html").write_text(
            "<!doctype html><title>Other</title><link rel=icon href='data:,'>"
        )
        page.goto(host.address)
        assert page.evaluate("navigator.serviceWorker.controller") is None
    page.goto(f"{host.address}repo/")  # the host is gone
    page.wait_for_selector(READY, timeout=SECONDS)
    assert written(page, "My dream").count() > 0
    assert said == []


@needs_chromium
@needs_engine
def test_it_works_with_the_headers_of_a_space(
    run: Run, hub: HubStandIn, tmp_path: Path, browser: Browser
) -> None:
    """They isolate the page: whatever a worker or the cache brings has to come with them too."""
    put_engine()
    send(run, "space:ada/page")
    files = hub.files(f"{SPACES}ada/page")
    headers = yaml.safe_load(files["README.md"].decode().split("---\n")[1])["custom_headers"]
    for name, content in files.items():
        path = tmp_path / "space" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    page = browser.new_context().new_page()
    with static_host(tmp_path / "space", headers) as host:
        said = opened(page, f"{host.address}index.html")  # as a Space shows its app_file
        assert page.evaluate("crossOriginIsolated") is True
        assert written(page, "My dream").count() > 0
        wait_for_worker(page)
        page.reload()  # answered by the service worker
        page.wait_for_selector(READY, timeout=SECONDS)
        assert page.evaluate("crossOriginIsolated") is True
    page.goto(f"{host.address}index.html")
    page.wait_for_selector(READY, timeout=SECONDS)
    assert written(page, "My dream").count() > 0
    assert said == []
