"""Publish: put a finished persona on the Hugging Face hub, or whole into a folder.

Published is its model, as transformers loads it, with its card; or its web page. Where to, and what
is checked there, is in `destinations`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from popinjay.events import Listener, ignore
from popinjay.options import PublishOptions
from popinjay.publishing.destination import Published, in_words
from popinjay.publishing.destinations import destination_of
from popinjay.publishing.gates import check_finished, check_terms
from popinjay.store.files import content_hash
from popinjay.store.journal import finish
from popinjay.store.record import Publication
from popinjay.store.run import Run


def publish(run: Run, to: str, options: PublishOptions, listener: Listener = ignore) -> Published:
    """Publish a persona.

    Its model goes to `hub:organisation/name` or into a folder, its web page to
    `space:organisation/name` or, for GitHub Pages, to `pages:folder`. With the option `dry_run`
    nothing is sent, not even a request. Raises PublishError if the persona is not finished, if its
    words may not be published like this, or if the hub or the folder refuses it; and PersonaError
    or OptionError if a web page can't be made of it.
    """
    with run.locked():
        finish(run)
        check_finished(run)
        check_terms(run)
        destination = destination_of(to, run)
        destination.check(options)
        if not options.dry_run:
            destination.connect(listener)
        with destination.files(options, listener) as files:
            result = Published(
                run.name,
                destination.to,
                tuple(files),
                options.private if destination.url else None,
                url=destination.url,
                place=in_words(destination.to),
            )
            if not options.dry_run:
                result = destination.send(result, listener)
                _remember(run, result)
    return result


def _remember(run: Run, result: Published) -> None:
    """Record in `run.toml` what was published where."""
    entry = Publication(
        published=datetime.now(UTC).replace(microsecond=0),
        model=content_hash(run.file("model")),
        version=result.version,
        commit=result.commit,
        private=result.private,
        files=tuple(file.name for file in result.files),
    )
    run.save(run.record.updated(published={**run.record.published, result.to: entry}))
