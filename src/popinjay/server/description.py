"""The OpenAPI document: FastAPI's, with a summary for every route and a meaning for every field.

A route's summary is the first sentence of its docstring. A field's meaning stands beside the field
or, as the same names return in many objects, once in `MEANINGS`.
"""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from popinjay.server.openai_requests import ChatRequest, CompletionRequest

REFERENCE = "#/components/schemas/{model}"
TAGS = {
    "OpenAI's format": "For existing clients: give them the address with `/v1` at its end. "
    "The name of a model is a persona's.",
    "personas": "What the page shows of personas, and their posts.",
    "queue": "What a persona may post: drafts to decide about, and when they go out.",
    "exports": "A persona in the formats of other programs, and as a page for any web host.",
    "jobs": "Inspecting and making take time: they are jobs, which outlive the page.",
    "uploads": "Files to make a persona of.",
    "monitoring": "For programs that watch this server.",
    "about": "What this server offers.",
    "login": "For browsers, if the server was started with `--host`.",
}
_PERSONA_STATE = (
    "`ready`; `stale` if a stage has to run again; `unfinished`; `making` if it is made right now; "
    "or `failed`."
)
# Meanings by field, or by object and field if it means something else there.
MEANINGS = {
    "base": "The base model; null before the training.",
    "Estimate.base": "The base model.",
    "bases": "The base models, each with its facts.",
    "budget": "The time that it may learn for, such as 5m; null: as long as it needs.",
    "blend": "The models whose weights were added up, such as ada=0.7; empty of other personas.",
    "bytes": "The size in bytes.",
    "characters": "In all posts together.",
    "choices": "The values that are allowed; empty for any.",
    "code": "A code for programs, such as `model_not_found`; null without one.",
    "counts": "The numbers of posts kept and dropped, for each author.",
    "created": "When it was submitted.",
    "download_bytes": "What is fetched before; 0 if the base model is on this machine.",
    "default": "The value if none is given.",
    "doing": "`inspect`: show what is in the posts; `make`: make a persona of them; `retrain`: "
    "train a persona again; `update`: have it learn newer posts; `export`: write it for other "
    "programs.",
    "JobRequest.doing": "`inspect`: show what is in the posts; `make`: make a persona of them.",
    "ended": "When it ended; null before.",
    "estimates": "One for each base model and budget.",
    "error": "What went wrong; null if nothing did.",
    "ErrorResponse.error": "What went wrong.",
    "OpenAIErrorResponse.error": "What went wrong.",
    "handle": "The author's handle, without @.",
    "handles": "The authors' handles, without @.",
    "help": "What it does.",
    "group": "Who may have it.",
    "hint": "What to do about it.",
    "home": "The name of the folder of all personas.",
    "homepage": "The project's address; empty if nobody has set one.",
    "id": "The id, as it was returned when it was created.",
    "if-none-match": "The `ETag` of an earlier response: an unchanged picture is not sent again.",
    "is_measured": "Whether that follows from an earlier training on this machine.",
    "kept": "The kept posts.",
    "jobs": "The exports that are there or under way, the newest first.",
    "kind": "The name of the format.",
    "kinds": "The formats.",
    "label": "The answer in a few words.",
    "languages": "The share of posts in each language, by its code.",
    "last-event-id": "The id of the last event that was received.",
    "least": "The smallest number that is allowed; null for any.",
    "limit": "The most personas to return.",
    "made": "When it was finished; null if it never was.",
    "make": "The options of `make`.",
    "markdown": "The text in Markdown.",
    "may_learn_longer": "Whether a longer training would help.",
    "may_be_public": "Whether such a persona may be published for everyone.",
    "meaning": "The answer in a sentence.",
    "message": "What is wrong.",
    "most": "The largest number that is allowed; null for any.",
    "most_upload_bytes": "The size of the largest upload that the disk has room for.",
    "name": "The persona's name.",
    "FileRow.name": "The path in the persona's folder.",
    "Job.name": "The persona's name; null until it is known.",
    "JobRequest.name": "The persona's name; without one, that of its authors.",
    "needs": "What it needs on the machine that it is exported on; empty for nothing.",
    "number": "Its place among the posts of that seed, from 1; null if it is not known.",
    "OptionRow.name": "The option's name.",
    "Upload.name": "The name of the file.",
    "PUT /api/uploads.name": "The name of the file, with its extension.",
    "WhoseRow.name": "The value of `whose`.",
    "notes": "What the user should know about it.",
    "offset": "How many personas to skip.",
    "options": "The options that were set.",
    "param": "The parameter that is the reason; null if it is none.",
    "path": "The path of the file in the persona's folder.",
    "Opening.posts": "Posts that it wrote when it was measured.",
    "GET /api/estimates.posts": "The number of posts to learn from.",
    "personas": "The personas of this part of the list.",
    "picture": "Whether there is a picture.",
    "posts": "The number of posts that it learnt from; null if they are not counted yet.",
    "problem": "Why that can't be done here or with this persona; empty if it can.",
    "prompt": "How the post begins.",
    "PersonaDetail.prompt": "A suggestion for a prompt, in the language of most posts.",
    "prompts": "Beginnings to choose from.",
    "result": "What came out: of an inspection what was found, of a training the persona's name, "
    "of an export its folder, its size and what loads it.",
    "quant": "The type of its weights; null for the default.",
    "quants": "The types of weights to choose from, the default first; may be empty.",
    "say": "The options of `say`.",
    "search": "Only personas whose names contain this text.",
    "seed": "The seed that it was sampled with.",
    "seconds": "For the whole of making, without the download.",
    "sizes": "About how many bytes are written, by type of weights; the empty text stands for no "
    "choice. 0: nothing is written, as the persona's own folder is loaded as it is.",
    "sort": "By name, or the newest or largest first.",
    "speaks": "Whether it has a model, finished or not.",
    "specs": "The accounts to read; for an upload, the name of its file.",
    "JobRequest.specs": "The accounts to read, such as ada.bsky.social, in place of an upload.",
    "PersonaDetail.specs": "What it was made of.",
    "stage": "The name of the stage.",
    "stages": "The state of each stage.",
    "started": "When it began to run; null before.",
    "state": "The state.",
    "PersonaRow.state": _PERSONA_STATE,
    "PersonaDetail.state": _PERSONA_STATE,
    "status": "`ok`.",
    "still_known": "Whether the model knows what it was told to forget.",
    "stop_asked": "When it was asked to stop; null if it was not.",
    "strength": "How much of the author's manner, from 0, the base model, over 1, the persona.",
    "temperature": "The sampling temperature that it was sampled with.",
    "PersonaDetail.temperature": "The persona's own sampling temperature.",
    "text": "The text of the post.",
    "time": "When it was kept.",
    "title": "The authors' display names.",
    "to": "The name of the format.",
    "token": "The token that `popinjay serve --host` printed.",
    "total": "The length of the whole list.",
    "type": "The kind of the error.",
    "OptionRow.type": "The type of its values.",
    "upload": "The id of an upload; null without one.",
    "Upload.upload": "The id, for the job that reads it.",
    "JobRequest.upload": "The id of an upload, in place of accounts.",
    "usage": "The numbers of tokens.",
    "verdict": "What was measured, in a sentence; null before.",
    "version": "The version of popinjay.",
    "what": "Which files: the model card and the model, or everything.",
    "whose": "Whose words these are; null if that is not on record.",
    "About.whose": "The answers to the question whose words the posts are.",
    # the queue
    "account": "Where it goes or went, such as bsky:ada.example; empty: any.",
    "accounts": "The accounts.",
    "at": "When, in UTC; null if that is not in sight.",
    "SlotRow.at": "When, in UTC.",
    "cannot_post": "Why its bot may not post; empty if it may.",
    "clock": "The time of day in the bot's time zone.",
    "Drafts.counts": "How many drafts are in each state.",
    "Decided.counts": "How many drafts are in each state now.",
    "day": "The date.",
    "days": "The days, today first.",
    "GET /api/personas/{name}/queue/calendar.days": "How many days, today included.",
    "decided_at": "When its user decided; empty before.",
    "deleted_at": "When its user deleted it there; empty if nobody did.",
    "draft": "The draft.",
    "SlotRow.draft": "The id of the draft that goes out then as things are; null: none.",
    "PostResult.draft": "The draft that was posted; null if none was.",
    "drafts": "The drafts of this part of the list.",
    "DraftRow.error": "Why it was not posted, or needs another look; empty if it does not.",
    "DraftRow.id": "The number of the draft.",
    "later": "How often it was put off.",
    "lengths": "The length on each network, as it counts.",
    "GET /api/personas/{name}/queue.limit": "The most drafts to return.",
    "likes": "How often it was liked; null if that was not counted.",
    "AccountRow.name": "Such as bsky:ada.example.",
    "network": "Such as bsky.",
    "next_at": "When the next slot is free; null if that is not in sight.",
    "GET /api/personas/{name}/queue.offset": "How many drafts to skip.",
    "plan": "What would be posted; null unless dry_run was set.",
    "posted_at": "When it was posted; empty before.",
    "problems": "What stands in the way.",
    "quiet": "When nothing is posted, as times of day, from midnight to midnight.",
    "reposts": "How often it was reposted; null if that was not counted.",
    "settled": "What an earlier attempt had left, as it is now.",
    "shown": "The text as it is posted.",
    "slots": "The times at which something can be posted.",
    "DraftRow.state": "Where it is on its way.",
    "GET /api/personas/{name}/queue.state": "The states; may be given several times.",
    "supersedes": "The draft whose edited text this is; null if it is none.",
    "Edited.text": "The text in its place.",
    "DraftRow.text": "The text.",
    "Text.text": "The text.",
    "Calendar.time_zone": "Whose clock that is, such as Europe/Berlin.",
    "too_long_for": "The networks that it is too long for.",
    "Drafts.total": "How many drafts are in these states.",
    "due_at": "Not before this time; empty: whenever a slot is free.",
    "url": "Where people see it; empty before it is posted.",
    "warning": "Its content warning; empty if it has none.",
    "warnings": "What a person should know before they approve it, the worst first.",
    "written_at": "When it was written.",
}


def describe(app: FastAPI) -> None:
    """Have the application describe itself with summaries and meanings."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=[{"name": name, "description": text} for name, text in TAGS.items()],
            )
            _add_openai_requests(document["components"]["schemas"])
            _add_meanings(document)
            _add_summaries(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def first_sentence(text: str) -> str:
    """Return the first sentence of a docstring, without its full stop."""
    first = " ".join(text.partition("\n\n")[0].split())
    return re.split(r"(?<=[^.])\.(?:\s|$)", first, maxsplit=1)[0]


def _add_openai_requests(schemas: dict[str, Any]) -> None:
    """Add the bodies that are read by hand, since their errors have OpenAI's form."""
    for kind in (CompletionRequest, ChatRequest):
        schema = kind.model_json_schema(ref_template=REFERENCE)
        schemas.update(schema.pop("$defs", {}))
        schemas[kind.__name__] = schema


def _add_meanings(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field, about in schema.get("properties", {}).items():
            _add_meaning(about, field, f"{name}.{field}")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", ()):
                name = parameter["name"]
                _add_meaning(parameter, name, f"{method.upper()} {path}.{name}")


def _add_summaries(document: dict[str, Any]) -> None:
    """Summarize operations by their docstrings, unless their route gives a summary itself."""
    for methods in document["paths"].values():
        for operation in methods.values():
            name = operation["summary"].lower().replace(" ", "_")
            if operation["operationId"].lower().startswith(name):  # FastAPI made it of the name
                operation["summary"] = first_sentence(operation["description"])


def _add_meaning(about: dict[str, Any], field: str, where: str) -> None:
    meaning = MEANINGS.get(where) or MEANINGS.get(field)
    if meaning and "description" not in about:
        about["description"] = meaning
