"""What would be posted next, and what stands in the way: found out without a change anywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from popinjay.bots import bot_settings, manners
from popinjay.bots.choosing import next_draft, next_time
from popinjay.bots.defusing import display_text
from popinjay.bots.poster import Accounts, Poster
from popinjay.errors import NetworkError, PostingError
from popinjay.store.post_queue import Draft, DraftState, Queue


@dataclass(frozen=True)
class Plan:
    """What would be posted next."""

    draft: Draft
    text: str  # as it is shown
    account: str
    at: datetime | None  # now or later; None if that is not in sight
    language: str
    warning: str
    visibility: str
    problems: tuple[str, ...] = ()  # sentences: what stands in the way


def planned(queue: Queue, accounts: Accounts, poster: Poster) -> Plan:
    """Return what would be posted next. Raises NothingDue if nothing is approved."""
    chosen, now = bot_settings.kept(queue), poster.clock.now()
    draft = next_draft(queue, chosen, None, now)
    problems = [
        f"Draft {one.id} is being sent, and is finished first."
        for one in queue.drafts(DraftState.SENDING)
    ]
    name = draft.account
    try:
        manners.check_whose(queue.run, auto=chosen.auto)
        account = accounts.wanted() or accounts.named(draft.account or None)
        draft = next_draft(queue, chosen, account.name, now)
        name = account.name
        refusing = replace(poster.consent, ask=manners.nobody)
        manners.check_account(queue.run, account, chosen, refusing)
        text = display_text(draft, mentions=chosen.mentions)
        if problem := account.length_problem(text, draft.warning or chosen.warning):
            problems.append(problem)
        rules = manners.judged(account)
        chosen = manners.within_rules(chosen, rules, account.server)
        problems += [f"A rule of {account.server} forbids it: “{one}”" for one in rules.forbids]
    except (PostingError, NetworkError) as error:
        problems.append(f"{error.message} {error.hint}".rstrip())
    return Plan(
        draft=draft,
        text=display_text(draft, mentions=chosen.mentions),
        account=name,
        at=next_time(queue, poster.clock),
        language=draft.language or chosen.language,
        warning=draft.warning or chosen.warning,
        visibility=draft.visibility or chosen.visibility,
        problems=tuple(problems),
    )
