"""`popinjay completion`: the script by which a shell completes with Tab."""

from __future__ import annotations

import argparse

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
    try:
        from argcomplete import shellcode  # type: ignore[attr-defined]
    except ModuleNotFoundError as error:
        raise OptionError(
            "Completion needs argcomplete, which is not installed.",
            "Install it: pip install argcomplete",
        ) from error
    print(f"{INSTALLED[args.shell]}{shellcode(['popinjay'], shell=args.shell)}")
