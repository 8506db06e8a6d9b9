"""The README of a published page: the settings of a Space, or how to put a folder on the web."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from popinjay import __version__, project_links
from popinjay.exporting.about import ORIGIN, About, about
from popinjay.model_card.names import isolate
from popinjay.picture.avatar import PALETTE, colours_of
from popinjay.post import read_authors
from popinjay.publishing.hub import ADDRESS
from popinjay.store.run import Run
from popinjay.store.stage_table import PICTURE_FILE
from popinjay.text.markdown_escape import in_link_text, in_markdown
from popinjay.whose import WHOSE

SHORT = 60  # the most characters of a Space's short description
_ISOLATES = str.maketrans("", "", "\u2066\u2067\u2068\u2069")
# The colours of Spaces that come next to those of avatars, in the palette's order.
COLOURS = (
    "red",
    "yellow",
    "yellow",
    "green",
    "green",
    "blue",
    "blue",
    "indigo",
    "purple",
    "pink",
)
NEXT = 3  # places from a colour to one that clearly differs
# They let WebAssembly use threads; static Spaces take no others.
HEADERS = {
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "cross-origin",
}
ON_GITHUB = """
## Put it on GitHub Pages

This folder is complete: any host of static files can serve it, below any path. For GitHub Pages,
make an empty repository on GitHub and, in this folder, run:

```sh
git init --initial-branch main
git add --all
git commit --message "A page that writes"
git remote add origin https://github.com/YOU/REPOSITORY.git
git push --set-upstream origin main
```

Then choose, in the repository's Settings under Pages, to deploy from the branch `main` and the
folder `/ (root)`. Some minutes later the page is at `https://YOU.github.io/REPOSITORY/`.

No file is larger than 95 MB, as GitHub refuses those of 100 MB. `.nojekyll` has GitHub serve the
files as they are, and `.gitattributes` has git keep their line ends. Publishing into this folder
again replaces its files, but for `.git` and `CNAME`; commit and push them then.
"""


def space_readme(run: Run, url: str, models: Sequence[str]) -> str:
    """Return the README of a Space.

    Args:
        run: The persona.
        url: The address of the Space.
        models: The repositories of its model.
    """
    from huggingface_hub import SpaceCardData

    what = about(run)
    colours = _colours(run)
    more: dict[str, Any] = {
        "emoji": "🦜",
        "colorFrom": colours[0],
        "colorTo": colours[1],
        "pinned": False,
        "short_description": _short(what, run.name),
        "thumbnail": f"{url}/resolve/main/{PICTURE_FILE}" if _has_picture(run) else None,
        "header": "mini",
        "disable_embedding": False,
        "custom_headers": HEADERS,
    }
    settings = SpaceCardData(
        title=_title(what, run.name),
        sdk="static",
        app_file="index.html",
        models=list(models) or None,
        tags=["popinjay", "text-generation"],
        license=what.license or "other",
        **more,
    )
    return f"---\n{settings.to_yaml()}\n---\n\n{_text(run, what, models)}"


def pages_readme(run: Run, models: Sequence[str]) -> str:
    """Return the README of a folder for GitHub Pages."""
    return _text(run, about(run), models) + ON_GITHUB


def _text(run: Run, what: About, models: Sequence[str]) -> str:
    """Return what a page is, in Markdown."""
    who = in_markdown(_who(what, run.name))
    picture = [f"![What it wrote, as a picture]({PICTURE_FILE})"] if _has_picture(run) else []
    asked = run.record.asked
    whose = WHOSE.get(asked.whose or "")
    claim = (
        f"The maker of this page states: {whose.statement}."
        if whose
        else "The maker of this page has not stated how the words came to be used."
    )
    removal = (
        f"Ask for its removal: {in_markdown(asked.contact)}"
        if asked.contact
        else "Ask whoever published this page for its removal."
    )
    home = project_links.HOMEPAGE
    paragraphs = [
        f"# {in_markdown(_title(what, run.name))}",
        *picture,
        f"A page on which a small language model writes posts as {who} would. **{ORIGIN}**",
        "It runs in the reader's own browser: what is typed stays on that device, and after the "
        "first load the page works without a network. Of the posts that the model learnt from "
        "there are hashes here only; they keep copies out of what it writes.",
        f"{claim} {removal}",
        *[f"The model itself: [{name}]({ADDRESS}/{name})." for name in models],
        _origin(what),
        f"Made with {f'[Popinjay]({home})' if home else 'Popinjay'} {__version__}.",
    ]
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def _origin(what: About) -> str:
    """Return the sentences on the base model and the licence, as far as they are known."""
    name = in_link_text(what.base)
    base = f"[{name}]({what.base_url})" if what.base_url else name
    made = f"Its base model is {base}." if base else ""
    license = f"Licence: {what.license}." if what.license else ""
    return " ".join(filter(None, (made, license)))


def _who(what: About, name: str) -> str:
    return " & ".join(what.authors) or name


def _title(what: About, name: str) -> str:
    return f"{_who(what, name)}, imitated by a machine"


def _short(what: About, name: str) -> str:
    """Return the description beside a Space's name, of at most SHORT characters as the hub counts.

    It counts UTF-16 units, as JavaScript does.
    """
    import regex

    before = "A machine writes like "
    room = SHORT - len(before) - len("\u2068…\u2069")
    who = _who(what, name).translate(_ISOLATES)
    kept = ""
    for cluster in regex.findall(r"\X", who):
        if len((kept + cluster).encode("utf-16-le")) // 2 > room:
            kept = f"{kept.rstrip()}…"
            break
        kept += cluster
    return before + isolate(kept)


def _colours(run: Run) -> tuple[str, str]:
    """Return the two colours of a Space: those that come next to its authors' avatars."""
    file = run.file("authors.json")
    handles = [author.handle for author in read_authors(file)] if file.is_file() else []
    places = [PALETTE.index(colour) for colour in colours_of(handles or [run.name]).values()]
    second = places[1] if len(places) > 1 else (places[0] + NEXT) % len(COLOURS)
    return COLOURS[places[0]], COLOURS[second]


def _has_picture(run: Run) -> bool:
    return run.file(PICTURE_FILE).is_file()
