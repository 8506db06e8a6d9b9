"""The commands to begin with: make, inspect, say and demo. `group_start.py` has their arguments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from popinjay import options
from popinjay.cli import progress, questions, show_inspection, show_made, show_posts, terminal
from popinjay.cli.shell import shell_command
from popinjay.errors import OptionError
from popinjay.post import printable

if TYPE_CHECKING:
    from popinjay.persona import Persona
    from popinjay.sampling.events import GeneratedPost
    from popinjay.voice import Voice

T = TypeVar("T")


def given_options(args: argparse.Namespace, *kinds: type[Any]) -> dict[str, Any]:
    """Return the options of these kinds that were given, by name."""
    return {
        field.name: getattr(args, field.name)
        for field, _ in options.declared(*kinds)
        if hasattr(args, field.name)
    }


def chosen_options(args: argparse.Namespace, kind: type[T]) -> T:
    """Return the options of one kind, with defaults for those not given. Raises OptionError."""
    return options.build(given_options(args, kind), kind)[0]  # type: ignore[no-any-return]


def hint_after_interrupt(given: Sequence[str]) -> str:
    """Return a hint for the user who interrupted a command, empty if there is none."""
    command = next((word for word in given if not word.startswith("-")), "")
    if command == "queue":
        return "The drafts written so far are kept, and what was decided."
    if command not in ("make", "update", "blend", "demo", "forget"):
        return ""
    return "What is finished is kept: the same command continues from here."


def do_make(args: argparse.Namespace) -> None:
    """Make a persona, and show some of its posts."""
    from popinjay.pipeline import make

    given = given_options(args, *options.MakeOptions.PARTS.values())
    ask: dict[str, Any] = {}
    if questions.may_ask(args.quiet or args.json):
        ask = {"ask_whose": questions.whose, "ask_name": questions.name, "ask": questions.yes}
    with progress.listening(
        quiet=args.quiet,
        as_json=args.json,
        verbose=args.verbose,
        starting="opening the posts",
        stopping=progress.SAVING,
    ) as listener:
        persona = make(
            *args.specs,
            name=args.name,
            home=args.home,
            listener=listener,
            preferences=args.preferences,
            **ask,
            **given,
        )
    show_new(args, persona)


def show_new(args: argparse.Namespace, persona: Persona) -> None:
    """Show a persona that was just made, with --quiet in one line; with --json nothing."""
    if args.json:
        return
    if args.quiet:
        print(f"{persona.name} is ready in {persona.path}")
    else:
        show_made.show_made(persona)
        show_made.show_next(persona.name)


def do_inspect(args: argparse.Namespace) -> None:
    """Show what specs contain."""
    from popinjay.pipeline import inspect

    given = given_options(args, options.FetchOptions, options.CollectOptions, options.CleanOptions)
    with progress.listening(
        quiet=not sys.stderr.isatty(), starting="opening the posts"
    ) as listener:
        ask = questions.yes if questions.may_ask(args.json) else None
        found = inspect(*args.specs, listener=listener, ask=ask, **given)
    authors = [author.to_json() for author in found]
    command = shell_command(["make", *args.specs], given)
    if args.json:
        terminal.show_json({"authors": authors, "command": command})
    else:
        show_inspection.show_inspection(authors, command)


def do_say(args: argparse.Namespace) -> None:
    """Have a persona write: post by post, piece by piece, as JSON, or in an interactive session."""
    import secrets

    if args.json and args.stream:
        raise OptionError(
            "--json and --stream can't go together.",
            "Leave one of them out: the JSON document is printed when all posts are written.",
        )
    chosen = chosen_options(args, options.SayOptions)
    voice = _voice(args)
    show_posts.show_members(voice, chosen)
    doing = f"{voice.name} is loading"
    if _wants_session(args):
        with progress.waiting(doing):
            voice.decoder(exact=chosen.exact, strength=chosen.strength)
            from popinjay.cli.repl import Session
        Session(voice, chosen).run()
        return
    prompt = printable(args.prompt or "")
    seed = secrets.randbits(32) if chosen.seed is None else chosen.seed
    chosen = replace(chosen, seed=seed)  # --json prints it
    stream = voice.stream(prompt, chosen)
    if args.json:
        with progress.waiting(doing):
            posts = [_post_to_json(post) for post in stream]
        counts = {"redrawn": dict(stream.tally.redrawn), "missing": stream.tally.missing}
        made_of = {"members": dict(voice.members), "strength": chosen.strength}
        mixed = {"mix_by": chosen.mix_by} if voice.is_mixed else {}
        terminal.show_json(
            {
                "persona": voice.name if voice.is_mixed else args.name,
                **made_of,
                **mixed,
                "prompt": prompt,
                "seed": seed,
                **counts,
                "posts": posts,
            }
        )
        return
    if args.stream:
        show_posts.show_events(stream.events(), chosen.n, doing)
    else:
        show_posts.show_posts((post.text for post in stream), chosen.n, doing, prompt)
    show_posts.show_missing(stream.tally)


def _voice(args: argparse.Namespace) -> Voice:
    """Return the persona or the mix that is to speak, and warn of what it should have forgotten."""
    from popinjay.mixing import open_mix, open_voice, parse_mix

    if args.mix is None:
        if args.name is None:
            args.parser.error("the following arguments are required: NAME")
        voice: Voice = open_voice(args.name, args.home)
    else:
        if args.prompt is not None:
            raise OptionError(
                f"--mix names who speaks, so {args.name!r} can't.",
                "Leave one of them out, and put the prompt in quotation marks.",
            )
        args.name, args.prompt = None, args.name
        voice = open_mix(parse_mix(args.mix), args.home)
    for run in voice.runs:
        terminal.show_still_known(run)
    return voice


def _post_to_json(post: GeneratedPost) -> dict[str, Any]:
    by = {"by": post.by} if post.by else {}
    return {"text": post.text, "tokens": post.tokens, "finished": post.finished, **by}


def _wants_session(args: argparse.Namespace) -> bool:
    """Return whether a user at a terminal gave neither a prompt nor a number of posts."""
    is_specific = args.prompt is not None or hasattr(args, "n") or args.json or args.stream
    return not is_specific and sys.stdin.isatty() and sys.stdout.isatty()


def do_demo(args: argparse.Namespace) -> None:
    """Make the demo's three personas."""
    from popinjay.demo import demo

    with progress.listening(
        quiet=args.quiet,
        verbose=args.verbose,
        starting="looking for the base model",
        stopping=progress.SAVING,
    ) as listener:
        personas = demo(listener, args.home)
    if args.quiet:
        names = ", ".join(persona.name for persona in personas)
        print(f"{names} are ready in {personas[0].path.parent}")
        return
    for persona in personas:
        show_made.show_made(persona, repeatable=False)
    show_made.show_next(personas[0].name)
    print("\nThen your own: popinjay inspect your-archive.zip shows what is in it.")
