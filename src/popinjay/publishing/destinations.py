"""The table of destinations: a model or its web page, on the hub or in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from popinjay.errors import PublishError
from popinjay.events import Event, EventKind, Listener
from popinjay.options import PublishOptions
from popinjay.publishing import hub, model_content, web_content
from popinjay.publishing.destination import (
    FOLDER,
    HUB,
    PAGES,
    SPACE,
    STAGE,
    Destination,
    File,
    Published,
    parted,
)
from popinjay.publishing.folder import FolderDestination
from popinjay.publishing.gates import check_may_be_public, check_whose
from popinjay.publishing.links import models_of, page_of, publish_command
from popinjay.publishing.model_content import CARD, card_for, model_files, whole_model
from popinjay.publishing.repository import RepositoryDestination
from popinjay.publishing.web_content import check_model_options, check_page, web_page
from popinjay.publishing.web_readme import pages_readme, space_readme
from popinjay.store.run import Run
from popinjay.store.stage_table import PICTURE_FILE

MAX_FILE_BYTES = 95_000_000  # on GitHub, which refuses files of 100 MB


class ModelRepository(RepositoryDestination):
    """A persona's model on the hub."""

    prefix = HUB

    def is_ours(self, name: str) -> bool:
        """Return whether publishing ever writes a file of this name."""
        return model_content.is_ours(name)

    def check(self, options: PublishOptions) -> None:
        """Check whose words these are."""
        check_model_options(options)
        check_whose(self.run, private=options.private)

    @contextmanager
    def files(self, options: PublishOptions, listener: Listener) -> Iterator[Sequence[File]]:
        """Yield the model, the card and its images."""
        has_picture = self.run.file(PICTURE_FILE).is_file()
        thumbnail = f"{self.url}/resolve/main/{PICTURE_FILE}" if has_picture else ""
        page = page_of(self.run, private=options.private)
        card = card_for(self.run, self.repo, thumbnail, page)
        with whole_model(self.run) as model:
            yield model_files(
                self.run, model, card, with_picture=has_picture, with_posts=options.with_posts
            )


class ModelFolder(FolderDestination):
    """A persona's model in a folder."""

    def check(self, options: PublishOptions) -> None:
        """Check the options."""
        check_model_options(options)
        super().check(options)

    @contextmanager
    def files(self, options: PublishOptions, listener: Listener) -> Iterator[Sequence[File]]:
        """Yield the model, the card and its images."""
        has_picture = self.run.file(PICTURE_FILE).is_file()
        card = card_for(self.run, self.folder.name, PICTURE_FILE if has_picture else "")
        with whole_model(self.run) as model:
            yield model_files(
                self.run, model, card, with_picture=has_picture, with_posts=options.with_posts
            )


class Space(RepositoryDestination):
    """A persona's web page on the hub: a static Space."""

    prefix = SPACE
    kind = hub.SPACE
    path = "spaces/"
    template = frozenset({"index.html", "style.css"})

    def is_ours(self, name: str) -> bool:
        """Return whether publishing ever writes a file of this name."""
        return web_content.is_ours(name)

    def check(self, options: PublishOptions) -> None:
        """Check whose words these are."""
        check_whose(self.run, private=options.private)
        check_page(self.run, options)

    @contextmanager
    def files(self, options: PublishOptions, listener: Listener) -> Iterator[Sequence[File]]:
        """Yield the page and its README, which holds the settings of the Space."""
        models = models_of(self.run, private=options.private)
        readme = space_readme(self.run, self.url, models)
        with web_page(self.run, self.to, options, listener) as files:
            yield [File(CARD, readme.encode()), *files]

    def send(self, wanted: Published, listener: Listener) -> Published:
        """Publish it, and say how the card of its model comes to name it."""
        sent = super().send(wanted, listener)
        if self.to not in self.run.record.published:
            for model in models_of(self.run, private=bool(sent.private)):
                said = f"The card of {model} will link to this page once the model is published"
                again = f"{said} again: {publish_command(self.run, HUB + model)}"
                listener(Event(STAGE, EventKind.NOTE, again, page_message=f"{said} again."))
        return sent


class Pages(FolderDestination):
    """A persona's web page in a folder for GitHub Pages."""

    prefix = PAGES
    kept = (".git", "CNAME")

    def check(self, options: PublishOptions) -> None:
        """Check that the words may be public, as such pages are."""
        super().check(options)
        check_may_be_public(self.run)
        check_page(self.run, options)

    @contextmanager
    def files(self, options: PublishOptions, listener: Listener) -> Iterator[Sequence[File]]:
        """Yield the page, its README, and what has it served as it is."""
        readme = pages_readme(self.run, models_of(self.run, private=False))
        own = [
            File(CARD, readme.encode()),
            File(".nojekyll", b""),
            File(".gitattributes", b"* -text\n"),
        ]
        with web_page(self.run, self.to, options, listener) as files:
            for file in files:
                if file.size > MAX_FILE_BYTES:
                    raise PublishError(
                        f"{file.name} has {file.size / 1e6:,.0f} MB, and GitHub refuses files of "
                        "100 MB.",
                        "Publish it as a Space: --to space:you/NAME",
                        page_hint="Publish it as a Space.",
                    )
            yield [*own, *files]


KINDS: Mapping[str, Callable[[str, Run], Destination]] = {  # by what they begin with
    HUB: ModelRepository,
    SPACE: Space,
    PAGES: Pages,
    FOLDER: ModelFolder,
}


def destination_of(to: str, run: Run) -> Destination:
    """Return the destination that a text names. Raises PublishError if it names none."""
    prefix, name = parted(to)
    return KINDS[prefix](name, run)
