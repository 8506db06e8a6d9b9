"""The layouts of X archives over the years, and what a zip without posts may be instead."""

from __future__ import annotations

import re
from collections.abc import Callable

from popinjay.errors import SpecError
from popinjay.sources.files.container import Container

POSTS = re.compile(r"(?:tweets?|community-tweets?)(?:-part\d+)?\.js")
MONTH_FILE = re.compile(r"js/tweets/\d{4}_\d{2}\.js")
_ROOT = r"(?P<root>(?:[^/]+/){0,4}?(?:data/)?)"
_MARK = re.compile(rf"{_ROOT}(?:manifest|tweets?|js/tweet_index)\.js")
_HOLDS_POSTS = re.compile(rf"{_ROOT}(?:{POSTS.pattern}|{MONTH_FILE.pattern})")
DOWNLOAD = "Get yours at x.com under Settings, Your account, Download an archive of your data."
_OF_X = re.compile(
    r"(?:^|/)(?:data/)?(?:manifest|tweets?|js/tweet_index|account|profile)\.js$|"
    r"(?:^|/)js/tweets/\d{4}_\d{2}\.js$"
)
FOREIGN: dict[str, Callable[[str], bool]] = {
    "an Instagram, Threads or Facebook export": lambda name: name.startswith(
        ("your_instagram_activity/", "your_facebook_activity/")
    ),
    "a Reddit export": lambda name: name.endswith("comment_headers.csv") or name == "comments.csv",
    "a Telegram export": lambda name: name.endswith("result.json"),
    "a Discord package": lambda name: name.lower().endswith("messages/index.json"),
    "a WhatsApp export": lambda name: name.endswith("_chat.txt"),
    "an Excel workbook": lambda name: name.startswith("xl/"),
    "a Word document": lambda name: name.startswith("word/"),
}


def root_of(container: Container) -> str:
    """Return the folder with the data files, with a slash. Raises SpecError if there is none."""
    candidates = sorted(
        (m["root"] for name in container.names if (m := _MARK.fullmatch(name))),
        key=lambda root: (not root.endswith("data/"), len(root)),
    )
    with_posts = {m["root"] for name in container.names if (m := _HOLDS_POSTS.fullmatch(name))}
    for root in candidates:
        if root in with_posts:
            return root
    for name in container.names:
        if re.fullmatch(r"(?:[^/]+/){0,4}tweets\.csv", name):
            return name.removesuffix("tweets.csv") + "data/"
    raise _no_archive(container, bool(candidates))


def is_of_x(container: Container) -> bool:
    """Return whether a container has the layout of an X archive, with or without posts."""
    return any(_OF_X.search(name) for name in container.names) or _has_table(container)


def _has_table(container: Container) -> bool:
    """Return whether there is a `tweets.csv` as X wrote it until 2018."""
    for name in container.names:
        if name.rpartition("/")[2] == "tweets.csv":
            with container.reading(name), container.open(name) as stream:
                start = stream.read(400)
            return b"tweet_id" in start and b"timestamp" in start
    return False


def _no_archive(container: Container, has_manifest: bool) -> SpecError:
    """Return an error that says why this is not an archive with posts."""
    label = container.path.name
    names = container.names
    if not names:
        return SpecError(f"{label} is empty.", DOWNLOAD)
    if has_manifest or any(
        re.search(r"(?:^|/)data/(?:account|profile)\.js$", name) for name in names
    ):
        return SpecError(
            f"{label} is an X archive without posts: it has no tweets.js.",
            "Ask X for a new archive; a partial one may hold the posts in another part.",
        )
    if any(re.search(r"(?:^|/)outbox\.json$", name) for name in names):
        return SpecError(
            f"{label} holds a Mastodon export among other things.",
            "Give only the export: the zip, or the folder with outbox.json.",
        )
    for kind, belongs in FOREIGN.items():
        if any(belongs(name) for name in names):
            return SpecError(
                f"{label} looks like {kind}, which popinjay can't read yet.",
                "Save its posts as .txt (one per line), .csv or .jsonl, and give that.",
            )
    has_pages = any(name.lower().endswith((".html", ".htm")) for name in names)
    if has_pages and not any(name.endswith(".js") for name in names):
        return SpecError(
            f"{label} holds only web pages, not the data behind them.",
            "Ask X for a new archive, and give the zip as you received it.",
        )
    return SpecError(f"{label} is not an X archive: it has no data/tweets.js.", DOWNLOAD)
