"""`popinjay blend`: add up the weights of personas, and show what came of it."""

from __future__ import annotations

import argparse

from popinjay import options
from popinjay.cli import progress
from popinjay.cli.commands import chosen_options, show_new


def do_blend(args: argparse.Namespace) -> None:
    """Blend personas, and show some of the blend's posts."""
    from popinjay.mixing import parse_mix
    from popinjay.pipeline import blend

    has_weights = any("=" in member for member in args.members)
    mix = parse_mix(("," if has_weights else "+").join(args.members))
    chosen = chosen_options(args, options.EvaluateOptions)
    with progress.listening(
        quiet=args.quiet,
        as_json=args.json,
        starting="opening the personas",
        stopping=progress.SAVING,
    ) as listener:
        persona = blend(mix, args.name, args.home, listener, chosen)
    show_new(args, persona)
