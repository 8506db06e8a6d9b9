"""`popinjay completion`: the script by which a shell completes with Tab."""

from __future__ import annotations

import argparse
import os
from pathlib import PurePath

from popinjay.errors import OptionError

SHELLS = ("bash", "zsh", "fish")
INSTALLED = {
    "bash": """\
# Completion of popinjay for bash. To install it, add this line to ~/.bashrc, then open a new shell:
#   eval "$(popinjay completion bash)"
""",
    "zsh": """\
# Completion of popinjay for zsh. To install it, add this line to ~/.zshrc, then open a new shell:
#   eval "$(popinjay completion zsh)"
autoload -Uz compinit
(( ${+functions[compdef]} )) || compinit
""",
    "fish": """\
# Completion of popinjay for fish. To install it, run this line, then open a new shell:
#   popinjay completion fish > ~/.config/fish/completions/popinjay.fish
""",
}


def do_completion(args: argparse.Namespace) -> None:
    """Print the script, which begins with how to install it."""
    shell = args.shell or users_shell()
    try:
        from argcomplete import shellcode  # type: ignore[attr-defined]
    except ModuleNotFoundError as error:
        raise OptionError(
            "Completion needs argcomplete, which is not installed.",
            "Install it: pip install argcomplete",
        ) from error
    print(f"{INSTALLED[shell]}{shellcode(['popinjay'], shell=shell)}")


def users_shell() -> str:
    """Return the shell that `SHELL` names. Raises OptionError if it is none of ours."""
    found = PurePath(os.environ.get("SHELL", "")).name
    if found in SHELLS:
        return found
    raise OptionError(
        f"popinjay completes in bash, zsh and fish, and your shell is {found}."
        if found
        else "There is no SHELL in the environment to tell which shell you use.",
        "Name one: popinjay completion bash, zsh or fish. How to install it: "
        "popinjay completion --help",
    )
