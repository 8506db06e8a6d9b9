"""Routes of what was kept of what a persona said: its posts, and the one that its card shows."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from popinjay.options import PictureOptions
from popinjay.server import catalog
from popinjay.server.api_error import ApiError
from popinjay.server.errors import may_refuse
from popinjay.server.jobs.job import now
from popinjay.server.state import AppState
from popinjay.store.forgotten import marks_of
from popinjay.store.kept import FILE, keep, lines
from popinjay.store.run import Run

Text = Annotated[str, Field(max_length=100_000)]


class Post(BaseModel):
    """What a persona said, and to what."""

    model_config = ConfigDict(extra="forbid")

    text: Text
    prompt: Text = ""


class DrawnPost(Post):
    """A post with what draws it again."""

    temperature: float | None = Field(default=None, ge=0, le=10)
    seed: int | None = Field(default=None, ge=0, le=2**32 - 1)


class KeptPost(BaseModel):
    """A line of kept.jsonl."""

    text: str
    prompt: str = ""
    temperature: float | None = None
    seed: int | None = None
    time: str | None = None


class KeptPosts(BaseModel):
    """All that was kept, the newest first."""

    kept: list[KeptPost]


def kept_posts(run: Run) -> list[KeptPost]:
    """What was kept, as far as nobody changed it into something else."""
    found = []
    for line in lines(run) if run.file(FILE).is_file() else []:
        try:
            found.append(KeptPost.model_validate(json.loads(line)))
        except (ValueError, ValidationError):
            continue
    return found


def check_said(place: AppState, run: Run, post: Post) -> None:
    """Raise Refused for what this persona did not say, or was told to forget since."""
    known = place.recent_outputs.knows(run.name, post.prompt, post.text)
    if not known and not any(
        one.text == post.text and one.prompt == post.prompt for one in kept_posts(run)
    ):
        raise ApiError(
            422,
            f"{run.name!r} did not say that.",
            "Only what it said since popinjay serve was started can be taken, and what was kept of it.",
        )
    marks = marks_of(run)
    if marks.is_copied(post.text) or marks.is_around(post.text):
        raise ApiError(422, f"{run.name!r} was told to forget that.", "Draw others.")


def routes(place: AppState) -> APIRouter:
    """Keeping posts, and choosing the picture."""
    router = APIRouter(prefix="/api/personas/{name}", tags=["personas"])

    @router.get("/kept", responses=may_refuse(404, 409))
    def kept(name: str) -> KeptPosts:
        """The posts that were kept, the newest first."""
        return KeptPosts(kept=kept_posts(catalog.find(place.home, name))[::-1])

    @router.post("/kept", status_code=201, responses=may_refuse(404, 409, 507))
    def keep_one(name: str, post: DrawnPost) -> KeptPost:
        """Keep a post that this persona said."""
        run = catalog.find(place.home, name)
        check_said(place, run, post)
        row = {**post.model_dump(exclude_none=True), "time": now()}
        keep(run, row)
        return KeptPost.model_validate(row)

    @router.post("/picture", status_code=204, responses=may_refuse(404, 409, 507))
    def choose(name: str, post: Post) -> None:
        """Make a post that this persona said the picture of its card."""
        from popinjay.persona import Persona
        from popinjay.pipeline import choose_picture
        from popinjay.stages.picture import Prediction, check_ready

        run = catalog.find(place.home, name)
        check_said(place, run, post)
        check_ready()
        prompt = " ".join(post.prompt.split())
        shown = (
            Prediction(prompt, post.text[len(prompt) :].strip())
            if post.text.startswith(prompt)
            else Prediction("", post.text)
        )
        choose_picture(Persona(run), PictureOptions(prompt=post.prompt), shown)

    return router
