"""The interactive session of `popinjay say NAME`: type a prompt, get ten posts, keep good ones."""

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
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from popinjay.cli.consoles import console
from popinjay.cli.repl_dials import turned, with_dial
from popinjay.cli.repl_keys import ESCAPE, FIRST_HINT, KEYS, Action, parse
from popinjay.cli.show_posts import labelled, numbered
from popinjay.errors import PopinjayError
from popinjay.options import SayOptions
from popinjay.post import one_line, printable
from popinjay.store.kept import FILE, keep

if TYPE_CHECKING:
    from popinjay.voice import Voice

POSTS = 10  # per prompt
TEMPERATURE_STEP = 0.1
# The range of + and -: at 0 all ten posts would be the same, above 2 they are not language.
MIN_TEMPERATURE = 0.1
MAX_TEMPERATURE = 2.0
TMUX_SECONDS = 2.0


@dataclass
class Batch:
    """The posts on the screen, and what they were sampled with."""

    prompt: str
    options: SayOptions
    posts: list[str] = field(default_factory=list)
    saved: set[int] = field(default_factory=set)  # numbers of posts

    def row(self, number: int) -> dict[str, object]:
        """Return a post as a line of `kept.jsonl`, with all options that sample it again."""
        return {
            "text": self.posts[number - 1],
            "prompt": self.prompt,
            **self.options.to_repeat(),
            "number": number,
        }


class Session:
    """Read lines and act on them, until the user quits."""

    def __init__(self, voice: Voice, options: SayOptions) -> None:
        from rich.text import Text

        self._voice = voice
        self._run = voice.runs[0]  # which keeps the posts that are saved
        self._options = replace(options, n=POSTS).with_defaults(voice.sampling)
        self._batch = Batch("", self._options)
        self._earlier: list[Batch] = []
        self._selected = 0  # the number that was copied or saved last; 0 for none
        self._out = console()
        self._text = Text
        self._has_line_editing = _enable_line_editing()

    def run(self) -> None:
        """Run until the user quits."""
        self._print(
            f"Type how a post begins, and {self._voice.name} writes ten. "
            "? lists the keys, q quits.",
            "dim",
        )
        while True:
            try:
                action, argument = parse(printable(input(self._prompt())))
                if action is Action.QUIT:
                    return
                self._do(action, argument)
            except KeyboardInterrupt:
                self._out.print()
            except EOFError:
                self._out.print()
                return
            except PopinjayError as error:
                message = f"{one_line(error.message)} {one_line(error.hint)}".rstrip()
                self._print(message, "yellow")

    def _do(self, action: Action, argument: str) -> None:
        if action is Action.SAMPLE:
            self._sample(argument)
        elif action is Action.REPEAT:
            self._sample(self._batch.prompt)
        elif action is Action.BACK:
            self._back()
        elif action is Action.QUIT_WORD:
            self._print(f"q leaves. To begin posts with {argument}, type a space before it.", "dim")
        elif action is Action.TEMPERATURE:
            sign = 1 if argument[0] == "+" else -1
            self._change_temperature(sign * len(argument) * TEMPERATURE_STEP)
        elif action is Action.DIAL:
            self._turn(argument)
        elif action is Action.HELP:
            self._help()
        elif number := self._existing_number(int(argument or self._selected)):
            self._selected = number
            if action is Action.COPY:
                self._copy(number)
            else:
                self._save(number)

    # The actions

    def _sample(self, prompt: str) -> None:
        """Write ten posts, each shown once it is finished. Ctrl-C stops; finished posts stay."""
        seed = self._options.seed
        self._options = replace(self._options, seed=None)  # --seed is for the first ten posts
        seed = secrets.randbits(32) if seed is None else seed
        is_first = not self._batch.posts
        if self._batch.posts:
            self._earlier.append(self._batch)
        self._batch = Batch(prompt, replace(self._options, seed=seed))
        self._selected = 0
        try:
            with _echo_off(), self._out.status(self._text("writing", "dim")):
                for post in self._voice.stream(prompt, self._batch.options):
                    self._batch.posts.append(post.text)
                    self._show(len(self._batch.posts), post.text)
        except KeyboardInterrupt:
            self._out.show_cursor()
            self._print("stopped", "dim")
        if is_first and self._batch.posts:
            self._print(FIRST_HINT, "dim")
        self._out.print()

    def _back(self) -> None:
        """Show the posts before those on the screen again, to copy or save them."""
        if not self._earlier:
            self._print("There are no earlier posts.", "yellow")
            return
        self._batch = self._earlier.pop()
        self._selected = 0
        for number, post in enumerate(self._batch.posts, 1):
            self._show(number, post)
        self._out.print()

    def _show(self, number: int, post: str) -> None:
        """Print a post with its number; the prompt, which all ten share, is dimmed."""
        self._out.print(numbered(number, post, self._batch.prompt))

    def _change_temperature(self, change: float) -> None:
        """Change the temperature, within its range."""
        old = self._options.temperature
        assert old is not None  # filled in from the persona
        low = min(MIN_TEMPERATURE, old)
        high = max(MAX_TEMPERATURE, old)
        new = round(min(high, max(low, old + change)), 2)
        self._options = replace(self._options, temperature=new)
        limit = " (the limit)" if new == old else ""
        self._print(f"temperature {new}{limit}: r writes ten others", "dim")

    def _turn(self, line: str) -> None:
        """Turn a dial. Raises OptionError for a value that it does not take."""
        self._options = with_dial(self._options, line)
        self._print(f"{turned(self._options)}: r writes ten others", "dim")

    def _existing_number(self, number: int) -> int:
        """Return the number if there is such a post; otherwise explain, and return 0."""
        count = len(self._batch.posts)
        if 1 <= number <= count:
            return number
        if not count:
            self._print("There are no posts yet: press Enter for ten.", "yellow")
        elif number:
            self._print(
                f"There are posts 1 to {count}. To begin posts with {number}, "
                "type a space before it.",
                "yellow",
            )
        else:
            self._print("Which post? s 3 saves the third.", "yellow")
        return 0

    def _copy(self, number: int) -> None:
        """Ask the terminal to copy a post (OSC 52). Terminals don't report whether they did."""
        post = self._batch.posts[number - 1]
        sys.stdout.write(f"\x1b]52;c;{base64.b64encode(post.encode()).decode()}\x07")
        sys.stdout.flush()
        # tmux does not pass the sequence on unless it is configured to.
        if os.environ.get("TMUX") and (tmux := shutil.which("tmux")):
            with suppress(OSError, subprocess.SubprocessError):
                subprocess.run(  # noqa: S603
                    [tmux, "load-buffer", "-w", "-"],
                    input=post.encode(),
                    capture_output=True,
                    timeout=TMUX_SECONDS,
                )
        self._print_done(f"copied {number}", post)

    def _save(self, number: int) -> None:
        """Append a post to the file of kept posts."""
        file = self._run.file(FILE)
        if number in self._batch.saved:
            self._print(f"{number} is already saved in {file}", "dim")
            return
        keep(self._run, {**self._batch.row(number), **self._voice.kept_with})
        self._batch.saved.add(number)
        self._print_done(f"saved {number}", self._batch.posts[number - 1])
        self._print(str(file), "dim")

    def _help(self) -> None:
        width = max(len(key) for key, _ in KEYS)
        for key, meaning in KEYS:
            self._out.print(labelled(key, meaning, width=width))
        self._print(ESCAPE, "dim")
        self._print(f"Saved posts are in {self._run.file(FILE)}", "dim")
        self._print(
            f"The temperature is {self._options.temperature}; say --temperature 1.1 starts with "
            "another.",
            "dim",
        )
        if len(self._voice.runs) == 1:  # a mix becomes a persona first: popinjay blend
            self._print(
                "To put it on the web or take it to other programs: "
                f"popinjay export {self._voice.name} --list",
                "dim",
            )

    # Output

    def _print(self, text: str, style: str) -> None:
        self._out.print(self._text(text, style, overflow="fold"))

    def _print_done(self, what: str, post: str) -> None:
        """Print on one line what was done to which post."""
        self._out.print(
            self._text.assemble((f"{what}: ", "green"), post), overflow="ellipsis", no_wrap=True
        )

    def _prompt(self) -> str:
        """Return the prompt of the input line: the persona's name and the temperature."""
        name = self._voice.name
        room = max(4, self._out.width // 3)
        name = name if len(name) <= room else name[: room - 1] + "…"
        if not self._has_line_editing:
            return f"{name} {self._options.temperature}> "
        with self._out.capture() as captured:
            self._out.print(
                self._text.assemble((name, "bold"), (f" {self._options.temperature}> ", "cyan")),
                end="",
            )
        # \x01 and \x02 tell readline which characters have no width.
        return re.sub(r"(\x1b\[[\d;]*m)", "\x01\\1\x02", captured.get())


@contextmanager
def _echo_off() -> Iterator[None]:
    """Don't echo what is typed while posts are printed; it is read as the next line."""
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(sys.stdin, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


def _enable_line_editing() -> bool:
    """Enable line editing and history, and return whether Python has readline.

    The history is not written to a file.
    """
    try:
        import readline
    except ImportError:
        return False
    readline.set_completer(lambda text, state: None)  # else Tab would list files
    return True
