"""`popinjay bases`: list base models, fetch one, delete one."""

from __future__ import annotations

import argparse

from popinjay.cli import progress, questions, terminal
from popinjay.errors import OptionError


def do_bases(args: argparse.Namespace) -> None:
    """List the base models known by name, with the record of those that have one."""
    from popinjay.models import bases

    found = bases.listed()
    if args.json:
        terminal.show_json({"bases": found})
    else:
        terminal.show_bases(found)


def do_get_base(args: argparse.Namespace) -> None:
    """Fetch a base model, once its terms of use, if it has any, are accepted."""
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
    told = next((one for one in bases.listed() if one["name"] == base.name), None)
    if args.json:
        terminal.show_json(told or {"name": base.name, "here": True})
    else:
        print(f"{base.name} is on this machine. Take it: popinjay make SPEC --base {base.name}")


def do_remove_base(args: argparse.Namespace) -> None:
    """Delete a base model, after a question."""
    from popinjay.models import bases

    base = bases.row(args.name)
    if not args.yes:
        if not questions.may_ask(False):
            raise OptionError(
                f"Nobody is there to be asked whether {base.name} is to be deleted.", "Add --yes."
            )
        question = (
            "Personas made from it stay whole, but for those kept as an adapter, which need it.\n"
            f"Delete the base model {base.name} from this machine, from the Hugging Face hub's cache too?"
        )
        if not questions.yes(question):
            return
    bases.remove(base)
    print(f"{base.name} is gone from this machine.")
