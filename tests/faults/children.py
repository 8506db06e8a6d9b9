"""Commands in child processes, cheap to start and kill: forks of a process with all imports."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

Step = Callable[[], object]

PATIENCE = 240.0  # seconds until a child counts as hanging
PAUSE = 0.005  # seconds between looks at whether a child has ended
CRASHED = 99  # the status of a child that ended in a traceback

# What commands import inside their functions.
_HEAVY = (
    "filelock",
    "markovify",
    "onnx",
    "onnxruntime",
    "py3langid.langid",
    "regex",
    "rich.console",
    "rich.live",
    "rich.progress",
    "rich.table",
    "safetensors.torch",
    "scipy.sparse",
    "scipy.stats",
    "skia",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "tokenizers",
    "torch",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.gpt2.modeling_gpt2",
)


def warm_up() -> None:
    """Import what commands need, so that no child has to.

    Nothing of it is used here, because a fork takes no threads along.
    """
    import pkgutil

    import popinjay

    for module in pkgutil.walk_packages(popinjay.__path__, "popinjay."):
        importlib.import_module(module.name)
    for name in _HEAVY:
        importlib.import_module(name)


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit status, or the negative number of the signal that killed it."""

    status: int
    seconds: float
    said: str

    @property
    def was_killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.status == -signal.SIGKILL

    @property
    def is_clear(self) -> bool:
        """Whether it succeeded, or failed with one sentence and a hint."""
        refused = self.status == 2 and "popinjay: " in self.said
        return "Traceback" not in self.said and (self.status == 0 or refused)


@dataclass(frozen=True)
class Child:
    """A running child, the leader of its own process group."""

    pid: int
    begun: float
    heard: Path

    def has_ended(self) -> bool:
        """Whether it has ended; it can still be waited for."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, flags) is not None

    def send(self, number: int) -> None:
        """Send a signal to it and to all that it started."""
        os.killpg(self.pid, number)

    def lasts(self, seconds: float) -> bool:
        """Wait until this age of the child, or its end; return whether it still runs."""
        while not self.has_ended():
            if time.monotonic() - self.begun >= seconds:
                return True
            time.sleep(PAUSE)
        return False

    def wait(self) -> Ended:
        """Wait for its end. If it hangs, kill it and raise TimeoutError."""
        hangs = self.lasts(PATIENCE)
        if hangs:
            self.send(signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        said = self.heard.read_text(errors="replace")
        if hangs:
            raise TimeoutError(f"It was not done in {PATIENCE} s. {said[-2000:]}")
        return Ended(status, time.monotonic() - self.begun, said)


def start(work: Step, *first: Step, heard: Path) -> Child:
    """Start a child that takes these first steps and then does the work.

    Its output goes into the file `heard`. The return value of `work` is its exit status if it is a
    number.
    """
    begun = time.monotonic()
    heard.unlink(missing_ok=True)
    with warnings.catch_warnings():
        # Forking beside threads warns; none of them is needed here.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    with suppress(OSError):  # in both processes, so that it is done before either continues
        os.setpgid(pid, pid)
    if pid:
        return Child(pid, begun, heard)
    status = CRASHED
    try:
        _speak_into(heard)
        warnings.resetwarnings()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(
                number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler
            )
        for step in first:
            step()
        result = work()
        status = result if isinstance(result, int) else 0
        sys.stdout.flush()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else CRASHED
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def run(work: Step, *first: Step, heard: Path) -> Ended:
    """Start a child and wait for its end."""
    return start(work, *first, heard=heard).wait()


def command(home: Path, *words: str) -> Step:
    """Return the work of running the program with these arguments, with its personas in `home`."""

    def work() -> int:
        from popinjay.cli.main import main

        os.environ["POPINJAY_HOME"] = str(home)
        return main(words)

    return work


def _speak_into(file: Path) -> None:
    """Redirect standard output and error into a file, and standard input from nothing."""
    for number, (place, flags) in enumerate(
        [(os.devnull, os.O_RDONLY), *[(str(file), os.O_WRONLY | os.O_CREAT | os.O_APPEND)] * 2]
    ):
        descriptor = os.open(place, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (they stay open to the end)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115


# steps before the work

_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def at_each_change(place: Path, act: Callable[[int, str], object]) -> None:
    """Call `act` with number and name of each change to a file below `place`, before it is made."""
    count = 0

    def audit(event: str, given: Sequence[object]) -> None:
        nonlocal count
        if _is_change(event, given, f"{place}{os.sep}"):
            count += 1
            act(count, f"{event} {given[0]!r}")

    sys.addaudithook(audit)


def _is_change(event: str, given: Sequence[object], below: str) -> bool:
    if event == "open":
        return (
            isinstance(given[2], int)
            and bool(given[2] & _WRITES)
            and _path(given[0]).startswith(below)
        )
    if event in ("os.remove", "os.rmdir") and given[1] != -1:
        return True  # by a name relative to an open folder, as shutil.rmtree does
    return event in _CHANGES and _path(given[0]).startswith(below)


def _path(given: object) -> str:
    return os.fsdecode(given) if isinstance(given, str | bytes | os.PathLike) else ""


def dying_at(place: Path, number: int) -> Step:
    """Return the step that kills the child, with all that it started, at this change."""

    def act(count: int, name: str) -> None:
        if count == number:
            os.killpg(0, signal.SIGKILL)

    return partial(at_each_change, place, act)


def noting_changes(place: Path, notes: Path) -> Step:
    """Return the step that writes a line into `notes` for each change."""

    def step() -> None:
        descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        at_each_change(place, lambda count, name: os.write(descriptor, f"{name}\n".encode()))

    return step


def with_frequent_checkpoints() -> None:
    """Write checkpoints even in a training of seconds."""
    from popinjay.training import checkpoints

    checkpoints.CHECKPOINT_SECONDS = 0.15
    checkpoints.CHECKPOINT_SHARE = 1.0


def without_chance() -> None:
    """Make secrets the same in each child, so that what is written with them can be compared."""
    import secrets

    secrets.token_bytes = lambda count=32: bytes(range(count or 32))  # type: ignore[assignment]


def refusing_from(place: Path, number: int, reason: int) -> Step:
    """Return the step that makes the system refuse all writes below `place`.

    It starts at the change of this number and uses this `errno`. Files can still be removed, as on
    a full disk.
    """

    def act(count: int, name: str) -> None:
        if count >= number and not name.startswith(("os.remove", "os.rmdir", "shutil.rmtree")):
            raise OSError(reason, os.strerror(reason))

    return partial(at_each_change, place, act)


def limited(kind: int, value: int) -> Step:
    """Return the step that sets a limit of `resource`."""

    def step() -> None:
        import resource

        resource.setrlimit(kind, (value, value))

    return step
