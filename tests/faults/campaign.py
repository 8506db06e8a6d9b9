"""A campaign of kills: a command is killed at any moment and run again to its end.

What it leaves is compared with what an undisturbed run leaves.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import children
from snapshots import differences, snapshot
from workshop import Place, Workshop

SHARE_AT_CHANGES = 0.65  # of kills that hit at a change to a file; the others hit at any moment
IN_A_ROW = (1, 1, 1, 2, 3)  # kills before a command may end, drawn from these


@dataclass(frozen=True)
class Command:
    """A command to kill.

    `work` returns what a child does in a place, `share` is the command's share of all kills.
    """

    name: str
    share: float
    work: Callable[[Workshop, Place], children.Step]
    begins_made: bool = True  # with the finished persona; else with nothing
    prepare: Callable[[Workshop, Place], None] | None = None

    @property
    def slug(self) -> str:
        """Return its name without spaces."""
        return self.name.replace(" ", "-")


@dataclass(frozen=True)
class Kill:
    """When a child is killed: at the change of this number, or else after so many seconds."""

    change: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"at change {self.change}" if self.change else f"after {self.seconds:.2f} s"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a command that was killed once or several times and then run to its end."""

    kills: tuple[Kill, ...]  # those that hit
    problems: tuple[str, ...]  # none: nothing was lost or left half-written

    def __str__(self) -> str:
        return (
            f"killed {', '.join(map(str, self.kills))}: {'; '.join(self.problems) or 'recovered'}"
        )


@dataclass(frozen=True)
class Undisturbed:
    """What a command leaves if it is not disturbed, its time, and the number of its changes."""

    left: dict[str, str]
    seconds: float
    changes: int


@dataclass(frozen=True)
class Campaign:
    """Kills of one command, drawn at random."""

    shop: Workshop
    command: Command
    chance: random.Random

    def outcomes(self, kills: int) -> list[Outcome]:
        """Yield the outcomes of at least so many kills that hit."""
        usual = self.undisturbed()
        found: list[Outcome] = []
        while sum(len(outcome.kills) for outcome in found) < kills:
            found.append(self._outcome(usual))
        return found

    def undisturbed(self) -> Undisturbed:
        """Run the command undisturbed. Raise AssertionError if it fails."""
        place = self._place("undisturbed")
        notes = self.shop.path / f"changes-{self.command.slug}"
        ended = self._run(place, children.noting_changes(place.path, notes))
        assert ended.status == 0, ended.said
        return Undisturbed(snapshot(place.path), ended.seconds, len(notes.read_text().splitlines()))

    def disturbed(
        self,
        usual: Undisturbed,
        *first: children.Step,
        disturb: Callable[[children.Child], None] = lambda child: None,
    ) -> tuple[children.Ended, list[str]]:
        """Run the command after these first steps, and disturb it while it runs.

        Return how it ended, and what is wrong after the same command has then been run to its end.
        """
        place = self._place("disturbed")
        child = self._start(place, *first)
        disturb(child)
        ended = child.wait()
        return ended, [*self._problems_between(place), *self._problems_at_the_end(place, usual)]

    def _outcome(self, usual: Undisturbed) -> Outcome:
        place = self._place("killed")
        hits = []
        problems = []
        for _ in range(self.chance.choice(IN_A_ROW)):
            kill = self._draw(usual)
            if self._killed(place, kill):
                hits.append(kill)
                problems += self._problems_between(place)
        problems += self._problems_at_the_end(place, usual)
        return Outcome(tuple(hits), tuple(problems))

    def _problems_at_the_end(self, place: Place, usual: Undisturbed) -> list[str]:
        """Run the command to its end; return how its result differs from the undisturbed one."""
        try:
            ended = self._run(place)
        except TimeoutError as error:
            return [str(error)]
        failed = [f"it ended with {ended.status}: {ended.said[-1000:]}"] if ended.status else []
        return [*failed, *differences(usual.left, snapshot(place.path))]

    def _draw(self, usual: Undisturbed) -> Kill:
        if self.chance.random() < SHARE_AT_CHANGES:
            return Kill(change=self.chance.randint(1, usual.changes))
        return Kill(seconds=self.chance.uniform(0.0, usual.seconds))

    def _killed(self, place: Place, kill: Kill) -> bool:
        """Kill the command at that moment; return whether that was before its end."""
        first = (children.dying_at(place.path, kill.change),) if kill.change else ()
        child = self._start(place, *first)
        if not kill.change and child.lasts(kill.seconds):
            child.send(signal.SIGKILL)
        return bool(child.wait().was_killed)

    def _problems_between(self, place: Place) -> list[str]:
        """Return the problems that `status` reports while the command is half done."""
        ended = self.shop.run(place, "status")
        return (
            [] if ended.status == 0 else [f"status ended with {ended.status}: {ended.said[-500:]}"]
        )

    def place_of(self, kind: str) -> Place:
        """Return the folder that it works in."""
        return Place(self.shop.path / "places" / f"{kind}-{self.command.slug}")

    def _place(self, kind: str) -> Place:
        place = self.shop.place(self.place_of(kind).path.name, made=self.command.begins_made)
        if self.command.prepare:
            self.command.prepare(self.shop, place)
        return place

    def _start(self, place: Place, *first: children.Step) -> children.Child:
        work = self.command.work(self.shop, place)
        steps = (children.with_frequent_checkpoints, children.without_chance, *first)
        return children.start(work, *steps, heard=self.shop.heard)

    def _run(self, place: Place, *first: children.Step) -> children.Ended:
        return self._start(place, *first).wait()


@dataclass(frozen=True)
class Figures:
    """The figures of a campaign."""

    command: str
    kills: int
    recovered: int  # of those kills
    seconds: float

    @classmethod
    def of(cls, command: str, outcomes: list[Outcome], begun: float) -> Figures:
        """Return the figures of outcomes, of a campaign that began at this monotonic time."""
        kills = sum(len(outcome.kills) for outcome in outcomes)
        recovered = sum(len(outcome.kills) for outcome in outcomes if not outcome.problems)
        return cls(command, kills, recovered, time.monotonic() - begun)
