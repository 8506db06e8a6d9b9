"""A small session with a persona, which `popinjay say NAME` opens in a terminal: type a beginning, get ten posts, keep the good ones."""

from __future__ import annotations

import base64
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import Enum, auto
from typing import TYPE_CHECKING

from popinjay.cli.progress import console
from popinjay.errors import PopinjayError
from popinjay.options import SayOptions
from popinjay.post import one_line, printable
from popinjay.store.kept import FILE, keep

if TYPE_CHECKING:
    from rich.text import Text

    from popinjay.persona import Persona

POSTS = 10  # at a time
STEP = 0.1  # of temperature
COOLEST, WARMEST = (
    0.1,
    2.0,
)  # as far as + and - go: at 0 all ten would be one, and above 2 there is no language left
TMUX_SECONDS = 2.0

KEYS = (
    ("any text", "how ten posts begin; nothing at all leaves that to them"),
    ("r", "ten others with the same beginning"),
    ("+ -", "dare more, play safer; ++ is two steps"),
    ("3", "copy the third (where your terminal lets programs do that)"),
    ("s, s 3", f"save the one you copied, or the third, to {FILE}"),
    ("?", "these keys"),
    ("q", "leave; so does Ctrl-D. Ctrl-C stops the writing"),
)
ESCAPE = "A beginning that is one of these keys? Type a blank before it."


class Act(Enum):
    """What a line that was typed asks for."""

    DRAW = auto()
    AGAIN = auto()
    TEMPERATURE = auto()
    COPY = auto()
    SAVE = auto()
    HELP = auto()
    LEAVE = auto()


_COMMANDS = (
    (re.compile(r"r()"), Act.AGAIN),
    (re.compile(r"(\++|-+)"), Act.TEMPERATURE),
    (re.compile(r"(\d{1,2})"), Act.COPY),
    (re.compile(r"s ?(\d{0,2})"), Act.SAVE),
    (re.compile(r"\?()"), Act.HELP),
    (re.compile(r"q()"), Act.LEAVE),
)


def understand(line: str) -> tuple[Act, str]:
    """What a line asks for, and about what: the beginning, the number, the signs. With a blank before it, it is a beginning whatever it says."""
    for pattern, act in _COMMANDS:
        if found := pattern.fullmatch(line.rstrip()):
            return act, found[1]
    return Act.DRAW, line.lstrip()


@dataclass
class Drawn:
    """The posts on show, and what they were drawn with."""

    prompt: str
    options: SayOptions
    posts: list[str] = field(default_factory=list)

    def row(self, number: int) -> dict[str, object]:
        """A post as `kept.jsonl` holds it: with every option that draws it again."""
        set_otherwise = {
            one.name: getattr(self.options, one.name)
            for one in fields(SayOptions)
            if getattr(self.options, one.name) != one.default
        }
        told = {"temperature": self.options.temperature, **set_otherwise, "number": number}
        told.pop("n", None)
        return {
            "text": self.posts[number - 1],
            "prompt": self.prompt,
            **told,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }


class Session:
    """What was drawn last, and what to do about the next line."""

    def __init__(self, persona: Persona, options: SayOptions) -> None:
        from rich.text import Text

        self._persona = persona
        self._options = replace(options, n=POSTS).with_defaults(persona.sampling)
        self._drawn = Drawn("", self._options)
        self._chosen = 0  # the number that was copied or saved last; 0: none yet
        self._saved: set[int] = set()
        self._out = console()
        self._text = Text
        self._edits = _line_editing()

    def run(self) -> None:
        """Ask and do, until it is enough."""
        self._say(
            f"Type how a post begins, and {self._persona.name} writes ten. ? shows the keys, q leaves.",
            "dim",
        )
        while True:
            try:
                act, about = understand(printable(input(self._mark())))
                if act is Act.LEAVE:
                    return
                self._do(act, about)
            except KeyboardInterrupt:
                self._out.print()
            except EOFError:
                self._out.print()
                return
            except PopinjayError as error:
                self._say(f"{one_line(error.message)} {one_line(error.hint)}".rstrip(), "yellow")

    def _do(self, act: Act, about: str) -> None:
        if act is Act.DRAW:
            self._draw(about)
        elif act is Act.AGAIN:
            self._draw(self._drawn.prompt)
        elif act is Act.TEMPERATURE:
            self._warm(len(about) * (STEP if about[0] == "+" else -STEP))
        elif act is Act.HELP:
            self._help()
        elif number := self._which(int(about or self._chosen)):
            self._chosen = number
            self._copy(number) if act is Act.COPY else self._save(number)

    # what it does

    def _draw(self, prompt: str) -> None:
        """Ten posts, each shown when it is finished. Ctrl-C stops; what is on show by then stays."""
        seed = self._options.seed
        self._options = replace(
            self._options, seed=None
        )  # one that was asked for is for the first ten
        self._drawn = Drawn(
            prompt, replace(self._options, seed=secrets.randbits(32) if seed is None else seed)
        )
        self._chosen, self._saved = 0, set()
        try:
            with _unseen_typing(), self._out.status(self._text("writing", "dim")):
                for said in self._persona.stream(prompt, self._drawn.options):
                    self._drawn.posts.append(said.text)
                    self._show(len(self._drawn.posts), said.text)
        except KeyboardInterrupt:
            self._out.show_cursor()
            self._say("stopped", "dim")
        self._out.print()

    def _show(self, number: int, post: str) -> None:
        """A post under its number, the beginning that all ten share less loud."""
        shared = " ".join(self._drawn.prompt.split())
        shared = shared if post.startswith(shared) else ""
        self._row(str(number), self._text.assemble((shared, "dim"), post[len(shared) :]))

    def _row(self, mark: str, text: Text, width: int = 2) -> None:
        from rich.table import Table

        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(
            width=width, justify="right" if width == 2 else "left", style="cyan", no_wrap=True
        )
        grid.add_column(overflow="fold")
        grid.add_row(mark, text)
        self._out.print(grid)

    def _warm(self, by: float) -> None:
        """Another temperature, between the coolest and the warmest that make sense."""
        now = self._options.temperature
        assert now is not None  # the persona's own is filled in
        low, high = min(COOLEST, now), max(WARMEST, now)
        then = round(min(high, max(low, now + by)), 2)
        self._options = replace(self._options, temperature=then)
        bound = " (as far as it goes)" if then == now else ""
        self._say(f"temperature {then}{bound}: r draws again", "dim")

    def _which(self, number: int) -> int:
        """The number where there is such a post, else 0 and a word about it."""
        count = len(self._drawn.posts)
        if 1 <= number <= count:
            return number
        if not count:
            self._say("Nothing is written yet: Enter draws ten.", "yellow")
        elif number:
            self._say(
                f"There are 1 to {count}. Is {number} a beginning? Type a blank before it.",
                "yellow",
            )
        else:
            self._say("Which one? s 3 saves the third.", "yellow")
        return 0

    def _copy(self, number: int) -> None:
        """Have the terminal put a post on the clipboard. No terminal says whether it did."""
        post = self._drawn.posts[number - 1]
        sys.stdout.write(f"\x1b]52;c;{base64.b64encode(post.encode()).decode()}\x07")
        sys.stdout.flush()
        if os.environ.get("TMUX") and (
            tmux := shutil.which("tmux")
        ):  # which keeps the sequence to itself, unless it is asked in its own words
            with suppress(OSError, subprocess.SubprocessError):
                subprocess.run(
                    [tmux, "load-buffer", "-w", "-"],
                    input=post.encode(),
                    capture_output=True,
                    timeout=TMUX_SECONDS,
                )  # noqa: S603
        self._done(f"copied {number}", post)

    def _save(self, number: int) -> None:
        """Add a post to the file of kept ones."""
        file = self._persona.run.file(FILE)
        if number in self._saved:
            self._say(f"{number} is saved already, in {file}", "dim")
            return
        keep(self._persona.run, self._drawn.row(number))
        self._saved.add(number)
        self._done(f"saved {number}", self._drawn.posts[number - 1])
        self._say(str(file), "dim")

    def _help(self) -> None:
        for key, meaning in KEYS:
            self._row(key, self._text(meaning), max(len(key) for key, _ in KEYS))
        self._say(ESCAPE, "dim")
        self._say(
            f"Temperature {self._options.temperature}. Saved posts lie in {self._persona.run.file(FILE)}",
            "dim",
        )

    # how it looks

    def _say(self, text: str, style: str) -> None:
        self._out.print(self._text(text, style, overflow="fold"))

    def _done(self, what: str, post: str) -> None:
        """What was done to which post, on one line."""
        self._out.print(
            self._text.assemble((f"{what}: ", "green"), post), overflow="ellipsis", no_wrap=True
        )

    def _mark(self) -> str:
        """What stands before the line that is typed: who listens, and how warm it is."""
        name = self._persona.name
        room = max(4, self._out.width // 3)
        name = name if len(name) <= room else name[: room - 1] + "…"
        if not self._edits:
            return f"{name} {self._options.temperature}> "
        with self._out.capture() as shown:
            self._out.print(
                self._text.assemble((name, "bold"), (f" {self._options.temperature}> ", "cyan")),
                end="",
            )
        return re.sub(
            r"(\x1b\[[\d;]*m)", "\x01\\1\x02", shown.get()
        )  # so that the editor knows what takes no room


@contextmanager
def _unseen_typing() -> Iterator[None]:
    """What is typed while posts appear waits for the next line, instead of being drawn between them."""
    try:
        import termios
    except ImportError:  # no such terminals here
        yield
        return
    shown = termios.tcgetattr(sys.stdin)
    unseen = [*shown[:3], shown[3] & ~termios.ECHO, *shown[4:]]
    termios.tcsetattr(sys.stdin, termios.TCSANOW, unseen)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, shown)


def _line_editing() -> bool:
    """Have lines edited with the arrow keys, where Python was built with readline; lines typed before are remembered until it ends, and nowhere else."""
    try:
        import readline
    except ImportError:
        return False
    readline.set_completer(lambda text, state: None)  # or Tab would list the folder's files
    return True
