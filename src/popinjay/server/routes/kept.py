"""Routes of a persona's kept posts, and of the post that its picture shows."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from popinjay.options import PictureOptions
from popinjay.server import catalog
from popinjay.server.api_error import ApiError
from popinjay.server.errors import error_responses
from popinjay.server.routes.say import DialFields, option_field
from popinjay.server.state import AppState
from popinjay.store.forgotten import marks_of
from popinjay.store.kept import FILE, keep, line_id, lines, remove
from popinjay.store.run import Run

Text = Annotated[str, Field(max_length=100_000)]


class Post(BaseModel):
    """A post that a persona wrote, and its prompt."""

    model_config = ConfigDict(extra="forbid")

    text: Text
    prompt: Text = ""


class SampledPost(Post, DialFields):
    """A post with the settings that sample it again."""

    temperature: float | None = Field(default=None, ge=0, le=10)
    max_chars: int = option_field("max_chars")
    seed: int | None = Field(default=None, ge=0, le=2**32 - 1)
    number: int | None = Field(default=None, ge=1, description="Among the posts of that seed.")


class KeptPost(DialFields):
    """A line of kept.jsonl, and what it is removed by."""

    id: str
    text: str
    prompt: str = ""
    temperature: float | None = None
    max_chars: int = option_field("max_chars")
    mix: str | None = Field(default=None, description="The mix that wrote it, with its weights.")
    mix_by: str | None = Field(default=None, description="`turn` if its members took turns.")
    seed: int | None = None
    number: int | None = None
    time: str | None = None


class KeptPosts(BaseModel):
    """All kept posts, the newest first."""

    kept: list[KeptPost]


def kept_posts(run: Run) -> list[KeptPost]:
    """Return the kept posts in the order of the file; damaged lines are skipped."""
    found = []
    for line in lines(run) if run.file(FILE).is_file() else []:
        try:
            found.append(KeptPost.model_validate({**json.loads(line), "id": line_id(line)}))
        except (TypeError, ValueError):
            continue
    return found


def check_written(state: AppState, run: Run, post: Post) -> None:
    """Raise ApiError unless this persona wrote the post, and was not told to forget it since."""
    is_recent = state.recent_outputs.knows(run.name, post.prompt, post.text)
    if not is_recent and not any(
        kept.text == post.text and kept.prompt == post.prompt for kept in kept_posts(run)
    ):
        raise ApiError(
            422,
            f"{run.name!r} did not write this post.",
            "Choose a post that it wrote since popinjay was started, or a kept one.",
        )
    marks = marks_of(run)
    if marks.is_copied(post.text) or marks.is_around(post.text):
        raise ApiError(422, f"{run.name!r} was told to forget this post.", "Choose another.")


def routes(state: AppState) -> APIRouter:
    """Return the routes for keeping posts and for choosing the picture."""
    router = APIRouter(prefix="/api/personas/{name}", tags=["personas"])

    @router.get("/kept", responses=error_responses(404, 409))
    def kept(name: str) -> KeptPosts:
        """List the kept posts, the newest first."""
        return KeptPosts(kept=kept_posts(catalog.find(state.home, name))[::-1])

    @router.post("/kept", status_code=201, responses=error_responses(404, 409, 507))
    def keep_one(name: str, post: SampledPost) -> KeptPost:
        """Keep a post that this persona wrote."""
        run = catalog.find(state.home, name)
        check_written(state, run, post)
        keep(run, post.model_dump(exclude_none=True, exclude_unset=True))
        return kept_posts(run)[-1]

    @router.delete("/kept/{id}", status_code=204, responses=error_responses(404, 409, 507))
    def remove_one(name: str, id: str) -> None:
        """Remove a kept post."""
        if not remove(catalog.find(state.home, name), id):
            raise ApiError(404, "This post is not kept any more.", "Load the page again.")

    @router.post("/picture", status_code=204, responses=error_responses(404, 409, 507))
    def choose_post(name: str, post: Post) -> None:
        """Put a post that this persona wrote on its picture."""
        from popinjay.persona import Persona
        from popinjay.pipeline import choose_picture
        from popinjay.stages.picture import Prediction, check_ready

        run = catalog.find(state.home, name)
        check_written(state, run, post)
        check_ready()
        prompt = " ".join(post.prompt.split())
        shown = (
            Prediction(prompt, post.text[len(prompt) :].strip())
            if post.text.startswith(prompt)
            else Prediction("", post.text)
        )
        choose_picture(Persona(run), PictureOptions(prompt=post.prompt), [shown])

    return router
