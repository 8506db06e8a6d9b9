"""Commands about what popinjay works with: lineage, restore, track, bases, sources and more."""

from __future__ import annotations

from typing import Any

from popinjay.cli import (
    command_bases,
    command_completion,
    command_config,
    command_machinery,
    command_serve,
    command_update,
)
from popinjay.cli.arguments import add_json, add_name, command, reader
from popinjay.cli.parser import Parser

TITLE = "Machinery"


def lineage(actions: Any) -> None:
    """Add `lineage`."""
    added = command(
        actions,
        "lineage",
        command_machinery.do_lineage,
        "show all versions of what a persona was made from",
        more="That is its posts, dataset, base model, model and report; and the versions that can "
        "be restored.",
        examples=("popinjay lineage ada",),
    )
    add_name(added)
    add_json(added)


def restore(actions: Any) -> None:
    """Add `restore`."""
    added = command(
        actions,
        "restore",
        command_update.do_restore,
        "bring a persona back as it was before an update",
        more="The present version is kept instead, so this can be undone in the same way. What was "
        "forgotten stays forgotten, and kept posts stay.",
        examples=("popinjay lineage ada", "popinjay restore ada v0"),
    )
    add_name(added)
    added.add_argument("version", metavar="VERSION", help="a version that lineage lists, as v0")
    added.missing["VERSION"] = (
        f"{added.words} needs the version to bring back.",
        "Which are kept: popinjay lineage NAME",
    )
    add_json(added)


def track(actions: Any) -> None:
    """Add `track`."""
    added = command(
        actions,
        "track",
        command_serve.do_track,
        "show trackio's charts of a persona's training in the browser",
        more="It runs until Ctrl-C.",
        examples=("popinjay track ada",),
    )
    add_name(added)
    added.add_argument(
        "--port",
        type=reader(int),
        metavar="PORT",
        help="the port to listen on, on this machine only; default: a free one from 7860",
    )
    added.add_argument("--no-browser", action="store_true", help="only print the address")


def bases(actions: Any) -> None:
    """Add `bases`, with `get` and `remove`."""
    added = command(
        actions,
        "bases",
        command_bases.do_bases,
        "list the base models, and download or delete one",
        more="With --debug it also says how each was made, and its license.",
        examples=("popinjay bases", "popinjay bases get smollm2", "popinjay bases remove gpt2"),
    )
    add_json(added)
    more = added.add_subparsers(title="Commands", metavar="get|remove", parser_class=Parser)
    get = command(
        more,
        "get",
        command_bases.do_get_base,
        "download a base model to this machine",
        examples=("popinjay bases get smollm2", "popinjay bases get distilbert/distilgpt2"),
    )
    get.add_argument(
        "name",
        metavar="NAME",
        help="its name, or ORGANISATION/NAME of a model on the Hugging Face hub",
    ).completer = "bases"  # type: ignore[attr-defined]
    get.add_argument("--yes", action="store_true", help="don't ask anything")
    get.add_argument(
        "--accept",
        metavar="TERMS",
        help="the name of the terms of use that you have read and accept, such as gemma",
    )
    add_json(get)
    remove = command(
        more,
        "remove",
        command_bases.do_remove_base,
        "delete a base model from this machine; personas made from it stay",
        examples=("popinjay bases remove gpt2",),
    )
    remove.add_argument("name", metavar="NAME", help="its name").completer = "bases"  # type: ignore[attr-defined]
    remove.add_argument("--yes", action="store_true", help="don't ask")
    for one in (get, remove):
        one.missing["NAME"] = (
            f"{one.words} needs the name of a base model.",
            "Which there are: popinjay bases",
        )


def sources(actions: Any) -> None:
    """Add `sources`."""
    added = command(
        actions,
        "sources",
        command_machinery.do_sources,
        "list what posts can be read from, and how to get it",
        examples=("popinjay sources",),
    )
    add_json(added)


def config(actions: Any) -> None:
    """Add `config`, with `set`, `unset` and `path`."""
    added = command(
        actions,
        "config",
        command_config.do_config,
        "show or change your defaults, such as the base model",
        more="A key is an option by its name, such as base or budget, for every command that has "
        "it, or for one command, such as say.temperature. Flags beat the environment, which beats "
        "the file. A persona that exists keeps the options that it was made with.",
        examples=(
            "popinjay config",
            "popinjay config set base smollm2",
            "popinjay config set say.temperature 0.8",
            "popinjay config unset base",
        ),
    )
    add_json(added)
    more = added.add_subparsers(title="Commands", metavar="set|unset|path", parser_class=Parser)
    put = command(more, "set", command_config.do_set, "set a default")
    drop = command(more, "unset", command_config.do_unset, "remove a default from the file")
    for one in (put, drop):
        one.add_argument(
            "key", metavar="KEY", help="an option, such as base or say.temperature"
        ).completer = "config keys"  # type: ignore[attr-defined]
        one.missing["KEY"] = (
            f"{one.words} needs a KEY: the name of an option, such as base or say.temperature.",
            "What is set: popinjay config",
        )
    put.add_argument("value", metavar="VALUE", help="its value; yes or no for a switch")
    put.missing["VALUE"] = (
        "config set needs a VALUE.",
        "Such as: popinjay config set base smollm2",
    )
    command(more, "path", command_config.do_path, "print where the file is")


def completion(actions: Any) -> None:
    """Add `completion`."""
    added = command(
        actions,
        "completion",
        command_completion.do_completion,
        "complete commands and names with Tab (bash, zsh, fish)",
        more="It prints a script for the shell, which begins with how to install it.",
        examples=(
            "bash   echo 'eval \"$(popinjay completion bash)\"' >> ~/.bashrc",
            "zsh    echo 'eval \"$(popinjay completion zsh)\"' >> ~/.zshrc",
            "fish   popinjay completion fish > ~/.config/fish/completions/popinjay.fish",
        ),
    )
    added.add_argument(
        "shell",
        nargs="?",
        choices=command_completion.SHELLS,
        metavar="bash|zsh|fish",
        help="by default the one that the variable SHELL names",
    )


COMMANDS = (lineage, restore, track, bases, sources, config, completion)
