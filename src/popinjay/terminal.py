"""What a person sees: events and results, drawn with rich on a terminal, as plain lines elsewhere, or as JSON."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

from popinjay.events import Event, Listener, What

if TYPE_CHECKING:
    from rich.console import Console

UNDRAWN_WIDTH = 10_000  # columns where nobody looks: a file's lines are not to be wrapped
MOMENT = 0.4  # seconds in which nobody wonders whether it works
PLAIN_SECONDS = 10.0  # between two lines of progress where nothing can be drawn over

FOR_MACHINES = (What.SETTINGS, What.METRICS)  # what they hold, progress and the record tell people


@contextmanager
def listening(*, quiet: bool = False, as_json: bool = False) -> Iterator[Listener]:
    """A listener for what stages say: a live picture on a terminal, JSON lines, or plain lines."""
    if as_json:
        yield _say_json
    elif quiet or not sys.stderr.isatty():
        yield _Lines(quiet)
    else:
        with _Picture() as picture:
            yield picture


@contextmanager
def waiting(doing: str) -> Iterator[None]:
    """Something turning on a terminal while nothing else is to be seen, where that takes longer than a moment."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()

    def turn() -> None:
        if not done.wait(MOMENT):  # what is quick is not to wait for rich
            with console(stderr=True).status(doing):
                done.wait()

    turning = threading.Thread(target=turn, daemon=True)
    turning.start()
    try:
        yield
    finally:
        done.set()
        turning.join()


def _say_json(event: Event) -> None:
    print(json.dumps({key: value for key, value in asdict(event).items() if value not in (None, "", {})}, ensure_ascii=False), flush=True)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _numbers(event: Event) -> str:
    """An event's numbers in words."""
    words = {
        "loss": "loss {:.2f}",
        "validation_bits_per_byte": "best {:.3f} bits/byte",
        "tokens_per_second": "{:,.0f} tokens/s",
    }
    said = [form.format(event.numbers[name]) for name, form in words.items() if name in event.numbers]
    if "seconds_left" in event.numbers:
        said.append(f"{_duration(event.numbers['seconds_left'])} left")
    return ", ".join(said)


class _Lines:
    """One line for each thing worth a line; quiet leaves progress and samples out."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._told = time.monotonic()

    def __call__(self, event: Event) -> None:
        if event.what in FOR_MACHINES:
            return
        text = event.message
        if event.what is What.FRESH:
            text = "fresh, nothing to do"
        elif event.what is What.WARNING:
            text = f"warning: {text}"
        elif event.what in (What.PROGRESS, What.SAMPLE):
            if self._quiet or (event.what is What.PROGRESS and time.monotonic() - self._told < PLAIN_SECONDS):
                return
            if event.what is What.PROGRESS:
                self._told = time.monotonic()
                total = f"/{event.total:,.0f}" if event.total else ""
                text = " ".join(part for part in (text, f"{event.done:,.0f}{total} {event.unit}", _numbers(event)) if part)
            else:
                text = f"» {text}"
        elif event.what is What.START and self._quiet:
            return
        print(f"{event.stage}: {text}", file=sys.stderr, flush=True)


class _Picture:
    """A line a stage, with a bar under the one at work and now and then a post that it writes."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self._console = console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.fields[stage]:<9}", markup=True),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[numbers]}", style="dim", markup=False),
            console=self._console,
            transient=True,
        )
        self._task: Any = None

    def __enter__(self) -> _Picture:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        if event.what in FOR_MACHINES:
            return
        if event.what is What.START:
            self._task = self._progress.add_task(event.message, total=None, stage=event.stage, numbers="")
        elif event.what is What.PROGRESS and self._task is not None:
            counted = f"{event.done:,.0f} {event.unit}" if event.total is None else ""
            self._progress.update(self._task, description=event.message or None, completed=event.done or 0, total=event.total)
            self._progress.update(self._task, numbers=_numbers(event) or counted)
        elif event.what is What.DONE:
            self._end()
            self._line("✔", "green", event.stage, event.message)
        elif event.what is What.FRESH:
            self._line("✔", "dim", event.stage, "fresh, nothing to do")
        elif event.what is What.SAMPLE:
            self._line("»", "cyan", "", event.message, italic=True)
        else:
            self._line("!" if event.what is What.WARNING else "·", "yellow", event.stage, event.message)

    def _end(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def _line(self, mark: str, style: str, stage: str, text: str, *, italic: bool = False) -> None:
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(width=9)
        grid.add_column()
        grid.add_row(Text(mark, style), Text(stage, "bold"), Text(text, "italic" if italic else ""))
        self._console.print(Padding(grid, 0))


def console(*, stderr: bool = False) -> Console:
    """A console that takes texts as they are: no markup, no colouring of what looks like a number."""
    from rich.console import Console

    drawn = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=None if drawn else UNDRAWN_WIDTH)


def show_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def show_inspection(authors: Sequence[Mapping[str, Any]]) -> None:
    """What is in some specs, as a table with a column an author."""
    from rich.table import Table

    out = console()
    table = Table(box=None, pad_edge=False, show_header=True, header_style="bold")
    table.add_column("")
    for row in authors:
        table.add_column(f"@{row['author']}", justify="right")
    lines = [("downloaded", "downloaded"), ("reposts", "reposts"), ("short posts", "short"), ("kept", "kept")]
    for label, key in lines:
        table.add_row(label, *(f"{row[key]:,}" for row in authors), style="bold" if key == "kept" else "")
    reasons = list(dict.fromkeys(reason for row in authors for reason in row["further"]))
    for reason in reasons:
        table.add_row(f"further dropped: {reason}", *(f"{row['further'].get(reason, 0):,}" for row in authors))
    table.add_row("used", *(f"{row['used']:,}" for row in authors), style="bold")
    table.add_row("characters", *(f"{row['characters']:,}" for row in authors))
    table.add_row("first", *((row["first"] or "no dates")[:10] for row in authors))
    table.add_row("last", *((row["last"] or "no dates")[:10] for row in authors))
    table.add_row("languages", *(", ".join(f"{code} {share:.0%}" for code, share in row["languages"].items()) for row in authors))
    out.print(table)
    for row in authors:
        for title, facts in (("Left out at the source", row["left_out"]), ("Private, never opened", row["unread"]), ("Masked", row["masked"])):
            if facts:
                out.print(f"{title} (@{row['author']}): " + ", ".join(f"{count:,} × {what}" for what, count in facts.items()))
        for note in [*row["notes"], row["verdict"]]:
            if note:
                out.print(f"@{row['author']}: {note}")


def show_status(personas: Sequence[Mapping[str, Any]]) -> None:
    """Each persona and how each of its stages stands."""
    from rich.table import Table
    from rich.text import Text

    styles = {"fresh": "green", "stale": "yellow", "missing": "dim", "failed": "red"}
    out = console()
    if not personas:
        out.print("No personas yet. Make one: popinjay make SPEC, or try: popinjay demo")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("persona", *(stage["stage"] for stage in personas[0]["stages"])):
        table.add_column(column)
    for persona in personas:
        table.add_row(persona["name"], *(Text(stage["state"], styles[stage["state"]]) for stage in persona["stages"]))
    out.print(table)
    for persona in personas:
        for stage in persona["stages"]:
            if stage.get("error"):
                out.print(f"{persona['name']}: {stage['stage']} failed: {stage['error']}")


def show_published(published: Mapping[str, Any]) -> None:
    """What was published, file by file, and how it stands."""
    from rich.table import Table

    out = console()
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right")
    for file in published["files"]:
        table.add_row(file["name"], f"{file['bytes']:,} bytes")
    table.add_row("together", f"{sum(file['bytes'] for file in published['files']):,} bytes", style="bold")
    out.print(table)
    private = " (private)" if published["private"] else ""
    if published["dry_run"]:
        out.print(f"This would go to {published['to']}{private}. Nothing was sent.")
    elif published["changed"]:
        out.print(f"It lies in {published['to']}{private}" + (f", version {published['version']}." if published["version"] else "."))
    else:
        out.print(f"All of this lay in {published['to']}{private} already" + (f" as version {published['version']}" if published["version"] else "") + ".")


def show_still_known(name: str, what: str) -> None:
    """That a model still knows what it was told to forget, if it does, and the command that mends it."""
    if what:
        print(f"popinjay: warning: {name} was told to forget {what}, but its model learnt from it and knows it until it is trained again.", file=sys.stderr)
        print(f"          Train it again: popinjay forget {name} --retrain", file=sys.stderr)


def show_lineage(name: str, artifacts: Sequence[Mapping[str, Any]]) -> None:
    """What a persona came from: each version under the job that made it, that under what it used; then what there was before."""
    from rich.text import Text
    from rich.tree import Tree

    out = console()
    now = [one for one in artifacts if one["state"] != "earlier"]
    if not now:
        out.print(f"{name} has no lineage yet: see popinjay status {name}")
        return

    def line(one: Mapping[str, Any]) -> Text:
        changed = ("  ", f"({one['state']})") if one["state"] != "fresh" else ("",)
        return Text.assemble((one["artifact"], "bold"), "  ", (f"{one['type']}  {one['hash'][:12]}  {one['made'][:10]}", "dim"), *changed)

    tree = Tree(line(now[0]), guide_style="dim")
    branch, others = tree, {one["artifact"]: one for one in artifacts}
    drawn = [now[0]["artifact"]]
    for one in now[1:]:
        if one["job"]:
            job = branch.add(Text(one["job"], "cyan"))
            for used in one["uses"]:
                if used != drawn[-1]:
                    job.add(Text.assemble(("with ", "dim"), used if used in drawn else line(others[used])))
            branch = job.add(line(one))
            drawn.append(one["artifact"])
    out.print(tree)
    for one in artifacts:
        if one["state"] == "earlier":
            came = f" from {', '.join(one['uses'])}" if one["uses"] else ""
            out.print(Text(f"earlier: {one['artifact']}  {one['hash'][:12]}  {one['made'][:10]}{came}", "dim"))


def show_bases(bases: Sequence[Mapping[str, Any]]) -> None:
    """The base models known by name, then how the built-in one came about."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("base", "parameters", "license", "here", "what it is"):
        table.add_column(column, justify="right" if column == "parameters" else "left", overflow="fold")
    for base in bases:
        parameters = f"{base['parameters'] / 1e6:,.1f} M" if base["parameters"] else ""
        table.add_row(base["name"], parameters, base["license"], Text("yes", "green") if base["here"] else Text("no", "dim"), base["summary"])
    out.print(table)
    for base in bases:
        if record := base["record"]:
            losses = ", ".join(f"{name} {bits:.3f}" for name, bits in record["held_out_bits_per_byte"].items())
            out.print(f"\n{base['name']} is {record['name']} version {record['version']}, SHA-256 {record['sha256']}:")
            out.print(f"{record['tokens_seen']:,} tokens in {record['seconds'] / 60:,.0f} minutes; held-out bits a byte: {losses}.")
    out.print("\nAny other model of the Hugging Face hub (organisation/name) or in a folder can be a base too: popinjay make SPEC --base IT")


def show_persona(name: str, path: str, samples: Sequence[str]) -> None:
    """A persona that has just been made: a few posts as they came, and what to type next."""
    from rich.padding import Padding

    out = console()
    out.print(f"\n{name} is ready in {path}. It says, unpicked:\n")
    for text in samples:
        out.print(Padding(text, (0, 0, 0, 2), expand=False))
    out.print(f'\nMore:    popinjay say {name}\nPrompt:  popinjay say {name} "My dream is"\nCard:    {path}/README.md')


def show_posts(posts: Iterator[str], count: int, finding: str) -> None:
    """Posts, one a line, as they come; how many are done where they go to a file and somebody watches."""
    with waiting(finding):
        first = next(posts, None)
    if first is None:
        return
    print(first, flush=True)
    with _counting(count) as tell:
        for number, post in enumerate(posts, 2):
            print(post, flush=True)
            tell(number)


@contextmanager
def _counting(count: int) -> Iterator[Callable[[int], None]]:
    """What to tell how many posts are written. Nothing is drawn beside the posts themselves, nor over a pager that reads them."""
    if count == 1 or not (sys.stderr.isatty() and _is_file(sys.stdout)):
        yield lambda done: None
        return
    started = time.monotonic()
    with _Picture() as picture:
        picture(Event("say", What.START, "writing posts"))

        def tell(done: int) -> None:
            left = (time.monotonic() - started) / (done - 1) * (count - done)
            picture(Event("say", What.PROGRESS, f"{done:,} of {count:,} posts", done, count, numbers={"seconds_left": left}))

        yield tell


def _is_file(stream: TextIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # no file behind it at all
        return False


def show_pieces(posts: Iterable[Iterator[str]], finding: str) -> None:
    """Posts one after another, each as it is written."""
    for pieces in posts:
        with waiting(finding):
            first = next(pieces, "")
        try:
            print(first, end="", flush=True)
            for piece in pieces:
                print(piece, end="", flush=True)
        finally:
            print(flush=True)  # a post that was stopped ends its line too


def show_predictions(texts: Sequence[str], pick: int) -> None:
    """Predictions with their numbers, the one that is picked marked."""
    for number, text in enumerate(texts, 1):
        print(f"{'→' if number == pick else ' '} {number:>2}  {text}")


def show_picture(path: str) -> None:
    """Where the picture is, and how another one is chosen."""
    print(f"\nPicture: {path} (another: --pick NUMBER, --prompt or --seed)")


def show_error(message: str, hint: str) -> None:
    """One clear sentence, and a hint."""
    print(f"popinjay: {message}", file=sys.stderr)
    if hint:
        print(f"          {hint}", file=sys.stderr)
