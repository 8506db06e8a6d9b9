"""What Tab completes: commands, options, names of personas and bases, files.

The shell asks by running popinjay with the variable `_ARGCOMPLETE`; argcomplete speaks with it.
Nothing heavy is imported, so that an answer takes a fraction of a second.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NoReturn

from popinjay.cli.all_commands import parser
from popinjay.cli.defaults import keys
from popinjay.cli.parser import TopParser, command_helps, commands_of


def complete() -> NoReturn:
    """Answer the shell's question, and exit."""
    import argcomplete

    top = parser()
    _prepare(top, top)
    argcomplete.autocomplete(top, always_complete_options=False)
    os._exit(0)  # not reached: autocomplete ends the process


def _nothing(args: argparse.Namespace) -> tuple[str, ...]:
    """Offer nothing, instead of files."""
    return ()


def _prepare(command: argparse.ArgumentParser, top: TopParser) -> None:
    """Replace the names of completers by functions, in a command and those below it."""
    for action in command._actions:
        named: Any = getattr(action, "completer", None)
        if isinstance(named, str):
            action.completer = _completer(named, top)  # type: ignore[attr-defined]
        elif isinstance(named, tuple):
            action.completer = _offer(partial(_given, named))  # type: ignore[attr-defined]
        elif action.dest in ("name", "contact", "prompt", "new", "value"):
            action.completer = _offer(_nothing)  # type: ignore[attr-defined]
    for one in set(commands_of(command).values()):
        _prepare(one, top)


def _completer(name: str, top: TopParser) -> Callable[..., Iterable[str]]:
    return _offer(
        {
            "personas": _personas,
            "bases": lambda args: _bases(),
            "trackers": lambda args: _trackers(),
            "exporters": lambda args: _exporters(),
            "accounts": lambda args: _accounts(),
            "quants": _quants,
            "commands": lambda args: _subcommands(args, top),
            "config keys": lambda args: keys(top),
        }[name]
    )


def _offer(find: Callable[[argparse.Namespace], Iterable[str]]) -> Callable[..., list[str]]:
    """Return a completer that offers what is found, or nothing if that fails."""

    def offered(prefix: str, parsed_args: argparse.Namespace, **others: Any) -> list[str]:
        try:
            return [word for word in find(parsed_args) if word.startswith(prefix)]
        except Exception:
            return []

    return offered


def _given(words: Iterable[str], args: argparse.Namespace) -> Iterable[str]:
    return words


def _personas(args: argparse.Namespace) -> Iterable[str]:
    from popinjay.store.run import RECORD, home

    folder = args.home.expanduser() if getattr(args, "home", None) else home()
    # Not `summary.names`, whose module reads reports and takes longer to import than all the rest.
    return sorted(path.parent.name for path in folder.glob(f"[!.]*/{RECORD}"))


def _bases() -> Iterable[str]:
    from popinjay.models.bases.rows import BASES

    return [base.name for base in BASES]


def _trackers() -> Iterable[str]:
    from popinjay.trackers import BUILT_IN, NONE

    return [*BUILT_IN, NONE]


def _accounts() -> Iterable[str]:
    from popinjay.bots.known_accounts import kept

    return [account.name for account in kept()]


def _exporters() -> Iterable[str]:
    from popinjay.exporting import names

    return names()


def _quants(args: argparse.Namespace) -> Iterable[str]:
    """Return the types of weights of the kind of export that was typed."""
    from popinjay.exporting import find

    return find(args.to).QUANTS


def _subcommands(args: argparse.Namespace, top: TopParser) -> Iterable[str]:
    found: argparse.ArgumentParser = top
    for topic in getattr(args, "topics", None) or ():
        found = commands_of(found).get(topic, found)
    return command_helps(found)
