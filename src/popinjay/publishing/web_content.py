"""What is published of a web page: the export to `web`, without any post."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase

from popinjay.errors import PublishError
from popinjay.events import Listener
from popinjay.exporting import find
from popinjay.exporting.export import quant_for
from popinjay.exporting.exporter import ExportRequest
from popinjay.exporting.web import write_site
from popinjay.options import PublishOptions
from popinjay.publishing.destination import STAGE, File
from popinjay.store.files import content_hash, storage_errors
from popinjay.store.run import WEB_PAGE, Run
from popinjay.store.stage_table import PICTURE_FILE
from popinjay.text.verbatim_index import KEY

# Names that no other program gives to files of its own, so that an older page leaves none behind.
OURS = ("model/*", "engine/*", "avatar*.*", "posts.index", "marked.index", PICTURE_FILE)


def check_page(run: Run, options: PublishOptions) -> None:
    """Check that a web page can be made of the persona with these options.

    Raises PublishError, OptionError or PersonaError.
    """
    if options.with_posts:
        raise PublishError(
            "A web page goes without the posts: it holds hashes of them only.",
            "Leave out --with-posts, or publish the model with them.",
            page_hint="Publish it without the posts.",
        )
    web = find("web")
    quant_for("web", web, options.quant)
    web.check(run)


def check_model_options(options: PublishOptions) -> None:
    """Raise PublishError if these options don't suit a model."""
    if options.quant is not None:
        raise PublishError(
            "--quant is for web pages: a model is published as it is.",
            "Leave it out, or publish a page: --to space:you/NAME",
            page_hint="Leave it out.",
        )


@contextmanager
def web_page(
    run: Run, to: str, options: PublishOptions, listener: Listener
) -> Iterator[list[File]]:
    """Write the page of a persona; yield its files, which are deleted afterwards.

    The same persona gives the same files, as long as they go to the same place: another salt each
    time would make every publication a new version. For a dry run no server is contacted.
    """
    folder = run.file(WEB_PAGE)
    quant = quant_for("web", find("web"), options.quant)
    request = ExportRequest(
        run, folder, folder, quant, lambda event: listener(replace(event, stage=STAGE))
    )
    try:
        with storage_errors(f"the web page of {run.name!r}"):
            shutil.rmtree(folder, ignore_errors=True)  # left by a process that was killed
            folder.mkdir()
            write_site(request, _salt(run, to), is_dry_run=options.dry_run)
            if run.file(PICTURE_FILE).is_file():
                shutil.copyfile(run.file(PICTURE_FILE), folder / PICTURE_FILE)
        paths = [path for path in folder.rglob("*") if path.is_file()]
        files = [File(path.relative_to(folder).as_posix(), path) for path in paths]
        yield sorted(files, key=lambda file: (file.size, file.name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_ours(name: str) -> bool:
    """Return whether a file of this name is surely of a page."""
    return any(fnmatchcase(name, form) for form in OURS)


def _salt(run: Run, to: str) -> bytes:
    """Return the salt of the hashes of posts: another one for other posts and other places.

    A salt keeps precomputed lists of hashes from being of use. It stands in the page, so that it
    need not be secret.
    """
    known = f"{content_hash(run.file('train.jsonl'))} {to}"
    return hashlib.blake2b(known.encode(), digest_size=KEY).digest()
