"""A persona as a folder of static files: a page that writes posts in the reader's own browser.

Any host of static files serves it, below any path, and it works without a network after its first
load. It holds the model, the engine and the page; of the posts it holds hashes only.
"""

from __future__ import annotations

import secrets
import shlex

from popinjay.exporting.calibration.posts import sample
from popinjay.exporting.exporter import Exported, ExportRequest, ModelSize
from popinjay.exporting.plain_folder import copy_terms
from popinjay.exporting.web.engine import (
    ENGINE_BYTES,
    NAME,
    add_engine,
    add_placeholder,
    is_kept,
)
from popinjay.exporting.web.model import Q4, Q5, Q8, check_tokenizer, write_model
from popinjay.exporting.web.page import check_posts, write_page
from popinjay.store.run import Run
from popinjay.text.verbatim_index import KEY

HELP = "a folder for any web host: a page on which the persona writes, in the reader's own browser"
NEEDS = f"{NAME}, which is fetched from the npm registry once (33 MB)"
QUANTS: tuple[str, ...] = (Q5, Q8, Q4)
PAGE_BYTES = 1_000_000  # the page, the tokenizer, the index
BITS = {Q8: 8.2, Q5: 5.9, Q4: 5.3}  # of a weight on average, scales included


def check(run: Run | None = None) -> None:
    """Raise PersonaError if the page can't compute the persona, or its posts are gone.

    Nothing more is needed on this machine: what is missing is fetched.
    """
    if run is not None:
        check_tokenizer(run.folder("model"))
        check_posts(run)


def estimate(model: ModelSize, quant: str) -> int:
    """Return about how many bytes the folder has."""
    return ENGINE_BYTES + PAGE_BYTES + int(model.parameters * BITS[quant] / 8)


def export(request: ExportRequest) -> Exported:
    """Write the folder."""
    write_site(request, secrets.token_bytes(KEY))
    command = (
        f"python -m http.server --bind 127.0.0.1 --directory {shlex.quote(str(request.place))}"
    )
    return Exported(request.place / "index.html", command)


def write_site(request: ExportRequest, salt: bytes, *, is_dry_run: bool = False) -> None:
    """Write the folder; with the same salt the same persona gives the same files.

    Args:
        request: What is exported, and where to.
        salt: Of the hashes of posts, KEY bytes.
        is_dry_run: Don't fetch an engine that is missing: write empty files of about its size.
    """
    model = request.run.folder("model")
    engine = request.folder / "engine"
    request.progress("the engine", 0, 3)
    if is_kept() or not is_dry_run:
        if not is_kept():
            request.note(f"Fetching {NAME} from the npm registry, once.")
        add_engine(engine, request.listener)
    else:
        add_placeholder(engine)
    request.progress("the model", 1, 3)
    (request.folder / "model").mkdir()
    write_model(
        model,
        request.folder / "model",
        request.quant,
        sample(request.run.file("train.jsonl")),
        lambda done, total: request.progress("weights in fewer bits", done, total, "matrices"),
    )
    request.progress("the page", 2, 3)
    copy_terms(request.run, request.folder)
    write_page(request, salt)
