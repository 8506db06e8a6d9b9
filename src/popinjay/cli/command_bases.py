"""`popinjay bases`: list base models, download one, delete one."""

from __future__ import annotations

import argparse

from popinjay.cli import progress, questions, show_sources, terminal
from popinjay.errors import OptionError


def do_bases(args: argparse.Namespace) -> None:
    """List the base models that have a name, and how each was made if that is known."""
    from popinjay.models import bases

    found = bases.listed()
    if args.json:
        terminal.show_json({"bases": found})
    else:
        show_sources.show_bases(found)


def do_get_base(args: argparse.Namespace) -> None:
    """Download a base model, after its terms of use, if it has any, are accepted."""
    from popinjay.models import bases

    base = bases.row(args.name)
    accept = args.accept
    may_ask = questions.may_ask(args.json or args.yes)
    asks = base.terms is not None and accept is None and may_ask
    if asks and base.terms and not base.terms.accepted(bases.root()):
        accept = questions.accepts(
            base.terms.title, base.terms.name, base.terms.summary, base.terms.url
        )
    with progress.listening(quiet=args.json, as_json=False) as listener:
        bases.get(base, bases.Consent(accept=accept), listener)
    found = next((row for row in bases.listed() if row["name"] == base.name), None)
    if args.json:
        terminal.show_json(found or {"name": base.name, "here": True})
    else:
        print(f"{base.name} is on this machine. Use it: popinjay make SPEC --base {base.name}")


def do_remove_base(args: argparse.Namespace) -> None:
    """Delete a base model, after asking."""
    from popinjay.models import bases

    base = bases.row(args.name)
    if not args.yes:
        if not questions.may_ask(False):
            raise OptionError(
                f"Deleting {base.name} needs a yes, and there is no terminal to ask in.",
                "Add --yes.",
            )
        question = (
            "Personas made from it stay, except that those kept as an adapter need it to write.\n"
            f"Delete the base model {base.name} from this machine, "
            "including the Hugging Face hub's cache?"
        )
        if not questions.yes(question):
            return
    bases.remove(base)
    print(f"{base.name} was deleted from this machine.")
