"""Who may post, and what has to be so before: checked before each post, whoever asks for it.

A bot never replies, mentions, follows or likes: there is no code for it. What is here decides
whose words may be posted at all, that a person approved each of them, and that account and profile
say what they are; and it keeps to the rules of the server (`server_rules`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from popinjay.bots.networks.network import PostingAccount, Profile, Rule
from popinjay.bots.server_rules import Judged, hash_of, judge
from popinjay.errors import PostingError
from popinjay.options import BotOptions
from popinjay.store.post_queue import Draft, Queue, now
from popinjay.store.run import Run
from popinjay.whose import WHOSE, strictest

MAY_POST = ("self", "permission", "public-domain", "fictional")
MAY_POST_UNREAD = ("self", "fictional")
HUMAN = "human"
AUTO = "auto"
UNREAD = "Nobody reads them before they are posted."
_MACHINE = re.compile(
    r"\b(?:bot|machine|automat\w+|AI|generated|language model|KI|Maschine)\b", re.IGNORECASE
)
_PRIVACY = ("public", "unlisted", "private")  # from the most seen to the least


def nobody(question: str) -> bool:
    """Answer no: there is nobody to ask."""
    return False


@dataclass(frozen=True)
class Consent:
    """How the user is asked, and what was agreed to on the command line."""

    ask: Callable[[str], bool] = nobody
    show_rules: Callable[[str, Sequence[Rule]], None] = lambda server, rules: None
    read_the_rules: bool = False  # --i-read-the-rules


# whose words


def whose_words(run: Run) -> str | None:
    """Return whose words a persona writes: of a blend, the strictest of its members' answers."""
    members = [member.whose for member in run.record.blend if not member.is_base]
    return strictest([run.record.asked.whose, *members])


def check_whose(run: Run, *, auto: bool = False) -> None:
    """Raise PostingError if nobody may post what this persona writes, or not without a person."""
    whose = whose_words(run)
    if whose not in MAY_POST:
        claim = f"is made of {WHOSE[whose].statement}" if whose else "is of unknown authors"
        raise PostingError(
            f"{run.name!r} {claim}: a bot must not speak for them.",
            "If that is not so, say whose words these are: popinjay make SPEC --name "
            f"{run.name} --whose {'|'.join(MAY_POST)}",
            page_hint="If that is not so, make it again and say whose words these are.",
        )
    if auto and whose not in MAY_POST_UNREAD:
        raise PostingError(
            f"{run.name!r} is made of {WHOSE[whose].statement}: a person has to approve each post.",
            f"Leave --auto out (--no-auto), and approve drafts: popinjay queue {run.name}",
            page_hint="Approve its drafts one by one.",
        )


def is_approved(draft: Draft, chosen: BotOptions) -> bool:
    """Return whether a person has approved a draft, or --auto stands in for one."""
    return draft.decided_by == HUMAN or (chosen.auto and draft.decided_by == AUTO)


# the account


def operator_of(run: Run, chosen: BotOptions) -> str:
    """Return who answers for a bot. Raises PostingError if nobody is named."""
    if found := chosen.operator.strip() or (run.record.asked.contact or "").strip():
        return found
    authors = run.record.asked.authors
    if whose_words(run) == "self" and len(authors) == 1:
        return authors[0]
    raise PostingError(
        f"It is not known who answers for what {run.name!r} posts.",
        "Say it once, as its profile will: --operator you@mail.example",
        page_hint="Say who does, under “How often, and how”.",
    )


def statement_of(run: Run, chosen: BotOptions) -> str:
    """Return what the profile has to say. Raises PostingError if nobody is named to answer."""
    authors = _listed(run.record.asked.authors or (run.name,))
    unread = f" {UNREAD}" if chosen.auto else ""
    operator = operator_of(run, chosen)
    if operator == authors:
        answering = f", who answers for them.{unread}"
    else:
        answering = f".{unread} {operator} answers for them."
    return f"Bot: a language model writes these posts in the manner of {authors}{answering}"


def says_enough(profile: Profile, run: Run, chosen: BotOptions) -> bool:
    """Return whether a profile says it, in these words or in the user's own."""
    said = _plain(" ".join((profile.description, *profile.fields, *profile.fields.values())))
    if _plain(statement_of(run, chosen)) in said:
        return True
    if chosen.auto and _plain(UNREAD) not in said:
        return False
    names = (*(run.record.asked.authors or (run.name,)), operator_of(run, chosen))
    return bool(_MACHINE.search(said)) and all(
        re.search(rf"(?<!\w){re.escape(_plain(name))}(?!\w)", said) for name in names
    )


def check_account(
    run: Run, account: PostingAccount, chosen: BotOptions, consent: Consent
) -> Profile:
    """Return the account's profile, once it is marked as a bot and says what it is.

    What is missing is added after a yes. Raises PostingError without one, or if the account can't
    post at all.
    """
    profile = account.profile()
    if profile.trouble:
        raise PostingError(
            f"{account.name} can't post: {profile.trouble}", f"Look at it on {account.server}."
        )
    says = says_enough(profile, run, chosen)
    if profile.is_bot and says:
        return profile
    statement = statement_of(run, chosen)
    missing = "does not say what it is" if profile.is_bot else "is not marked as a bot"
    question = (
        f"{account.name} {missing}.\nIts profile will say: {statement}\n"
        "Mark it as a bot, and add that sentence to its profile?"
    )
    if not consent.ask(question):
        raise PostingError(
            f"{account.name} {missing}, so nothing was posted to it.",
            f"At a terminal you are asked, and it is done for you. Or write in its profile: "
            f"{statement}",
            page_hint=f"Mark it as a bot, and write in its profile: {statement}",
        )
    account.mark_as_bot(statement)
    return replace(profile, is_bot=True)


# the server


def judged(account: PostingAccount) -> Judged:
    """Return what the rules of an account's server ask for, without asking anybody."""
    return judge(account.server, account.rules())


def check_rules(queue: Queue, account: PostingAccount, consent: Consent) -> Judged:
    """Return what the server's rules ask for, once its user has confirmed them.

    They are shown once for an account, and again when they have changed. Raises PostingError if
    they forbid bots, and its user has not said to have read them; or without a yes.
    """
    rules = account.rules()
    found = judge(account.server, rules)
    key, hashed = f"rules of {account.name}", hash_of(rules)
    known = queue.settings().get(key)
    known = known if isinstance(known, Mapping) and known.get("hash") == hashed else {}
    if found.is_named or (found.forbids and not (known.get("despite") or consent.read_the_rules)):
        raise _forbidden(account, found)
    if known or not rules:
        return found
    if not consent.read_the_rules:
        consent.show_rules(account.server, rules)
        if not consent.ask(f"Will {account.name} keep to these rules of {account.server}?"):
            raise PostingError(
                f"The rules of {account.server} are not confirmed, so nothing was posted.",
                "At a terminal they are shown, and you are asked. If you know them: "
                "--i-read-the-rules",
                page_hint="Read them there, and confirm them.",
            )
    confirmed = {"hash": hashed, "confirmed_at": now(), "despite": bool(found.forbids)}
    queue.set_setting(key, confirmed)
    return found


def _forbidden(account: PostingAccount, found: Judged) -> PostingError:
    rule = " ".join(found.forbids[0].split())
    hint = (
        "Find a server that welcomes bots: many do."
        if found.is_named
        else "Find a server that welcomes bots. If the rule does not mean yours, or an admin "
        "agreed: --i-read-the-rules"
    )
    return PostingError(
        f"The rules of {account.server} forbid it: “{rule}”", hint, page_hint=hint.split(". If")[0]
    )


def within_rules(chosen: BotOptions, found: Judged, server: str) -> BotOptions:
    """Return the settings as the rules of a server ask for them.

    Raises PostingError for what can't be kept to without the user.
    """
    if found.is_warned and not chosen.warning:
        raise PostingError(
            f"The rules of {server} ask bots for a content warning.",
            "Give one, once: --warning 'written by a machine'",
            page_hint="Give one, such as “written by a machine”, under “How often, and how”.",
        )
    if found.is_unlisted:
        least = max(chosen.visibility, "unlisted", key=_PRIVACY.index)
        return replace(chosen, visibility=least)
    return chosen


def _listed(names: Sequence[str]) -> str:
    if len(names) > 3:
        return f"{', '.join(names[:2])} and {len(names) - 2} others"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _plain(text: str) -> str:
    """Return a text without what differs between one that was sent and one that is shown."""
    return " ".join(re.findall(r"[\w@.+-]+", text.casefold().replace("@", ""))).rstrip(".")
