"""What a published model and its published page say of each other."""

from __future__ import annotations

from popinjay.publishing.destination import HUB, SPACE
from popinjay.publishing.hub import ADDRESS
from popinjay.publishing.model_content import DATA
from popinjay.store.run import Run


def page_of(run: Run, *, private: bool) -> str:
    """Return the address of the persona's newest Space, for the card of its model; or nothing.

    A public card names no private Space, whose name others are not to know.
    """
    spaces = _published(run, SPACE, private=private)
    return f"{ADDRESS}/spaces/{spaces[-1]}" if spaces else ""


def models_of(run: Run, *, private: bool) -> list[str]:
    """Return the repositories that hold the persona's model, for its Space: the oldest first."""
    return _published(run, HUB, private=private)


def publish_command(run: Run, place: str) -> str:
    """Return the command that publishes again to a place on record, as it was published before."""
    before = run.record.published[place]
    private = " --private" if before.private else ""
    posts = " --with-posts" if any(name.startswith(f"{DATA}/") for name in before.files) else ""
    return f"popinjay publish {run.name} --to {place}{private}{posts}"


def _published(run: Run, prefix: str, *, private: bool) -> list[str]:
    found = [
        (str(entry.published), place.removeprefix(prefix))
        for place, entry in run.record.published.items()
        if place.startswith(prefix) and (private or entry.private is False)
    ]
    return [name for _, name in sorted(found)]
