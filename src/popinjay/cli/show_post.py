"""Show what is posted and when: plans, timers, what a bot waits for, what was posted."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from popinjay.cli.consoles import console
from popinjay.cli.live_progress import progress_paused
from popinjay.cli.shell import shell_command
from popinjay.cli.show_queue import draft_to_json
from popinjay.post import one_line
from popinjay.standard_streams import print_error
from popinjay.text.quantities import duration, plural

if TYPE_CHECKING:
    from popinjay.bots.networks.network import Rule
    from popinjay.bots.planning import Plan
    from popinjay.bots.posting import Posted
    from popinjay.bots.staying import Upcoming
    from popinjay.bots.timers import Timers
    from popinjay.errors import PopinjayError
    from popinjay.options import BotOptions
    from popinjay.store.post_queue import Draft

TIMES_SHOWN = 4
_TEXT_SHOWN = 60  # characters of a draft in a line about it


def show_rules(server: str, rules: Sequence[Rule]) -> None:
    """Show the rules of a server, on standard error: a question follows."""
    with progress_paused():
        print_error(f"\nThe rules of {server}:\n", indent=0)
        for number, rule in enumerate(rules, 1):
            label = f"{number:>3}. "
            for line in rule.text.splitlines():
                print_error(f"{label}{one_line(line)}", indent=len(label))
                label = " " * len(label)


def show_plan(plan: Plan, chosen: BotOptions) -> None:
    """Show what would be posted."""
    out = console()
    when = "no time is in sight" if plan.at is None else _when(plan.at, chosen)
    more = [plan.visibility, plan.language, f"warning: {plan.warning}" if plan.warning else ""]
    said = ", ".join(part for part in more if part)
    out.print(f"Draft {plan.draft.id} to {plan.account or 'no account'} ({said}), {when}:\n")
    out.print(plan.text)
    for problem in plan.problems:
        out.print(f"\n! {problem}")
    out.print("\nNothing was posted.", style="dim")


def show_posted(done: Posted) -> None:
    """Show what was posted, and what came of earlier attempts."""
    for draft in done.settled:
        if draft.url:
            _say(f"Draft {draft.id} was posted before: {draft.url}")
        else:
            _say(f"Draft {draft.id} was not posted before: it comes again.")
    if done.draft is not None:
        _say(f"Draft {done.draft.id} is posted: {done.draft.url}")


def show_next(at: datetime | None, chosen: BotOptions) -> None:
    """Show when the next slot is."""
    if at is not None:
        _say(f"The next one can be posted {_when(at, chosen)}.")


def show_bot(name: str, chosen: BotOptions) -> None:
    """Show by what a bot goes."""
    _say(f"{name} posts {_rhythm(chosen)}. Ctrl-C stops it.")


def show_stopped(sending: Sequence[Draft]) -> None:
    """Say what a bot that stops has not finished."""
    for draft in sending:
        _say(f"Draft {draft.id} was being sent: it is looked for when the bot starts again.")


def show_waiting(name: str, upcoming: Upcoming, chosen: BotOptions) -> None:
    """Show what a bot waits for."""
    if upcoming.draft is None:
        _say(f"Nothing is approved. In another terminal: {shell_command(['queue', name])}")
        return
    when = "no time is in sight" if upcoming.at is None else _when(upcoming.at, chosen)
    _say(f"Next, {when}: draft {upcoming.draft.id}, {_short(upcoming.draft.text)}")


def show_passing(error: PopinjayError, seconds: float) -> None:
    """Show what went wrong, and when the bot goes on."""
    again = f" Again in {duration(seconds)}." if seconds else ""
    print_error(f"{_time()} {one_line(error.message)}{again}")


def show_status(
    name: str, chosen: BotOptions, counts: Mapping[Any, int], times: Sequence[datetime]
) -> None:
    """Show the settings, how many drafts wait, and the next times."""
    waiting, sending = counts["approved"], counts["sending"]
    _say(f"{name} posts {_rhythm(chosen)}, {chosen.visibility}.")
    if sending:
        _say(f"{plural(sending, 'draft')} being sent: finished first.")
    if not waiting and not chosen.auto:
        _say(f"Nothing is approved. Approve drafts: {shell_command(['queue', name])}")
        return
    _say(f"{plural(waiting, 'draft')} approved. The next times:")
    for at in times:
        _say(f"  {_when(at, chosen)}")
    command = shell_command(["post", name])
    _say(f"Post the next one:      {command} --next")
    _say(f"Have timers post them:  {command} --schedule")


def show_timers(made: Timers) -> None:
    """Print the line for cron and the units for systemd, each with where it goes."""
    _say("# cron: add this line by crontab -e")
    _say(made.cron)
    folder = "~/.config/systemd/user"
    for ending, text in (("service", made.service), ("timer", made.timer)):
        _say(f"\n# systemd: {folder}/{made.unit}.{ending}")
        _say(text.rstrip("\n"))
    _say("\n# then: systemctl --user daemon-reload")
    _say(f"#       systemctl --user enable --now {made.unit}.timer")
    _say("# and, to post while you are not logged in: loginctl enable-linger")


def show_deleted(draft: Draft) -> None:
    """Say that a post is deleted."""
    _say(f"Draft {draft.id} is deleted: {draft.url}")


def show_list(name: str, drafts: Sequence[Draft], *, counted: bool) -> None:
    """Show what was posted; in a file or pipe one post per line, separated by tabs."""
    if not sys.stdout.isatty():
        for draft in drafts:
            numbers = (draft.id, draft.posted_at, draft.likes, draft.reposts)
            cells = ["" if cell is None else str(cell) for cell in (*numbers, _where(draft))]
            print("\t".join((*cells, one_line(draft.text))))
        return
    if not drafts:
        _say(f"{name} has posted nothing yet. What comes next: {shell_command(['post', name])}")
        return
    for draft in drafts:
        _show_post(draft)
    if not counted:
        _say(f"Count likes: {shell_command(['posted', name])} --count")


def _show_post(draft: Draft) -> None:
    """Show one post; its address stays whole."""
    from rich.padding import Padding
    from rich.text import Text

    out = console()
    reactions = [
        plural(found, noun)
        for found, noun in ((draft.likes, "like"), (draft.reposts, "repost"))
        if found is not None
    ]
    label = f"{draft.id:>3}  {_local(draft.posted_at)}"
    out.print(Text.assemble((label, "bold"), (f"  {', '.join(reactions)}", "cyan")))
    text = Text(draft.text or "(its text was forgotten)", "" if draft.text else "dim")
    out.print(Padding(text, (0, 0, 0, 4)))
    out.print(Text(f"    {_where(draft)}\n", "dim"), soft_wrap=True)


def _where(draft: Draft) -> str:
    return "deleted" if draft.deleted_at else draft.url


def posted_to_json(name: str, done: Posted) -> dict[str, Any]:
    """Return for JSON what came of a call, or what would."""
    plan = done.plan
    return {
        "persona": name,
        "posted": done.draft and draft_to_json(done.draft),
        "settled": [draft_to_json(draft) for draft in done.settled],
        "next_at": done.next_at and done.next_at.isoformat(timespec="seconds"),
        "plan": plan
        and {
            "draft": draft_to_json(plan.draft),
            "text": plan.text,
            "account": plan.account,
            "at": plan.at and plan.at.isoformat(timespec="seconds"),
            "language": plan.language,
            "warning": plan.warning,
            "visibility": plan.visibility,
            "problems": list(plan.problems),
        },
    }


def _rhythm(chosen: BotOptions) -> str:
    zone = chosen.time_zone
    quiet = "" if chosen.quiet_hours in ("", "none") else f" outside {chosen.quiet_hours}"
    return f"every {chosen.every}{quiet}{f' ({zone})' if zone else ''}"


def _when(at: datetime, chosen: BotOptions) -> str:
    from popinjay.bots.choosing import shown_time

    left = (at - datetime.now(UTC)).total_seconds()
    return "now" if left < 1 else f"on {shown_time(at, chosen)}, in {duration(left)}"


def _local(time: str) -> str:
    """Return a time of the queue on this machine's clock."""
    return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M}" if time else ""


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _TEXT_SHOWN else f"{line[: _TEXT_SHOWN - 1].rstrip()}…"


def _time() -> str:
    return f"{datetime.now().astimezone():%H:%M}"


@progress_paused()
def _say(text: str) -> None:
    console().print(text, soft_wrap=True)
    sys.stdout.flush()
