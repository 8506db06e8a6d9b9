"""Routes of a persona's bot: its settings, when it posts, and posting."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from popinjay.bots import bot_settings, posting
from popinjay.bots.poster import Poster
from popinjay.options import BotOptions
from popinjay.server import catalog, queue_plan, queue_rows
from popinjay.server.errors import error_responses
from popinjay.server.queue_plan import Calendar
from popinjay.server.queue_rows import DraftRow
from popinjay.server.state import AppState
from popinjay.store.post_queue import Queue, has_queue
from popinjay.store.run import Run


def _help(name: str) -> str:
    declared = next(field for field in fields(BotOptions) if field.name == name)
    return str(declared.metadata["help"])


class BotSettings(BaseModel):
    """How a persona posts."""

    every: str = Field(description=_help("every"))
    quiet_hours: str = Field(description=_help("quiet_hours"))
    time_zone: str = Field(description=_help("time_zone"))
    jitter: str = Field(description=_help("jitter"))
    per_day: int | None = Field(description=_help("per_day"))
    language: str = Field(description=_help("language"))
    warning: str = Field(description=_help("warning"))
    visibility: str = Field(description=_help("visibility"))
    mentions: bool = Field(description=_help("mentions"))
    operator: str = Field(description=_help("operator"))


class ChangedSettings(BaseModel):
    """Settings to change; those that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid", strict=True)

    every: str = Field(default="", max_length=20, description=_help("every"))
    quiet_hours: str = Field(default="", max_length=20, description=_help("quiet_hours"))
    time_zone: str = Field(default="", max_length=100, description=_help("time_zone"))
    jitter: str = Field(default="", max_length=20, description=_help("jitter"))
    per_day: int | None = Field(default=None, ge=1, le=6, description=_help("per_day"))
    language: str = Field(default="", max_length=35, description=_help("language"))
    warning: str = Field(default="", max_length=200, description=_help("warning"))
    visibility: Literal["public", "unlisted", "private"] = Field(
        default="unlisted", description=_help("visibility")
    )
    mentions: bool = Field(default=False, description=_help("mentions"))
    operator: str = Field(default="", max_length=200, description=_help("operator"))


class PostRequest(BaseModel):
    """Where to post."""

    model_config = ConfigDict(extra="forbid", strict=True)

    account: str | None = Field(
        default=None,
        max_length=200,
        description="Such as bsky:ada.example; null: the draft's own account, or the only one.",
    )
    dry_run: bool = Field(default=False, description="Only say what would be posted.")


class PostPlan(BaseModel):
    """What would be posted."""

    draft: DraftRow
    shown: str  # as it is posted
    account: str
    at: datetime | None
    problems: list[str]


class PostResult(BaseModel):
    """What was posted, or would be."""

    draft: DraftRow | None
    settled: list[DraftRow]  # what an earlier attempt had left
    plan: PostPlan | None
    next_at: datetime | None


class AccountRow(BaseModel):
    """An account that is logged in."""

    name: str
    network: str


class Accounts(BaseModel):
    """The accounts that this machine can post to."""

    accounts: list[AccountRow]


def routes(state: AppState) -> APIRouter:
    """Return the routes of posting."""
    router = APIRouter(tags=["queue"])
    prefix = "/api/personas/{name}/queue"

    @router.get(f"{prefix}/settings", responses=error_responses(404, 409, 507))
    def settings(name: str) -> BotSettings:
        """Return how a persona posts."""
        run = catalog.find(state.home, name)
        if not has_queue(run):
            return _shown(BotOptions())
        with Queue(run) as queue:
            return _shown(bot_settings.kept(queue))

    @router.patch(f"{prefix}/settings", responses=error_responses(404, 409, 507))
    def change_settings(name: str, given: ChangedSettings) -> BotSettings:
        """Change how a persona posts. All of it is kept, or nothing."""
        with Queue(catalog.find(state.home, name)) as queue:
            return _shown(bot_settings.keep(queue, given.model_dump(exclude_unset=True)))

    @router.get(f"{prefix}/calendar", responses=error_responses(404, 409, 507))
    def calendar(name: str, days: Annotated[int, Query(ge=1, le=31)] = 7) -> Calendar:
        """List the times of the coming days at which it posts, and which draft goes when."""
        return queue_plan.calendar(catalog.find(state.home, name), days)

    @router.post(f"{prefix}/post", responses=error_responses(404, 409, 502, 507))
    def post(name: str, request: PostRequest) -> PostResult:
        """Post the next draft that is approved and due.

        What an earlier attempt left unsettled is settled first. It is refused if no slot is free,
        or if the account is not marked as a bot.
        """
        return _post(catalog.find(state.home, name), request)

    @router.get("/api/accounts", responses=error_responses(409))
    def accounts() -> Accounts:
        """List the accounts that this machine can post to: their names only."""
        from popinjay.bots.accounts import accounts as known

        found = [AccountRow(name=one.name, network=one.network) for one in known()]
        return Accounts(accounts=found)

    return router


def _shown(chosen: BotOptions) -> BotSettings:
    found = asdict(chosen)
    return BotSettings(**{name: found[name] for name in BotSettings.model_fields})


def _post(run: Run, request: PostRequest) -> PostResult:
    done: Any = posting.post_next(run, request.account, Poster(), dry_run=request.dry_run)
    plan = done.plan
    return PostResult(
        draft=None if done.draft is None else queue_rows.row(done.draft),
        settled=[queue_rows.row(one) for one in done.settled],
        plan=None
        if plan is None
        else PostPlan(
            draft=queue_rows.row(plan.draft),
            shown=plan.text,
            account=plan.account,
            at=plan.at,
            problems=list(plan.problems),
        ),
        next_at=done.next_at,
    )
