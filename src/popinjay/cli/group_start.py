"""The commands to begin with: demo, inspect, make, update, blend, say, serve."""

from __future__ import annotations

from typing import Any

from popinjay import options
from popinjay.cli import command_blend, command_serve, command_update, commands
from popinjay.cli.arguments import (
    TITLES,
    add_json,
    add_name,
    add_options,
    add_specs,
    command,
    part_titles,
    reader,
)
from popinjay.cli.parser import Parser

TITLE = "Start"


def demo(actions: Any) -> None:
    """Add `demo`."""
    added = command(
        actions,
        "demo",
        commands.do_demo,
        "try everything with two fictional people, and a mix of both",
        more="It takes a few minutes, and downloads the base model smollm2 (93 MB) if possible.",
        examples=("popinjay demo", "popinjay say nellmarrow", "popinjay serve"),
    )
    added.add_argument("--quiet", action="store_true", help="print one plain line per stage")
    _add_verbose(added)


def inspect(actions: Any) -> None:
    """Add `inspect`."""
    added = command(
        actions,
        "inspect",
        commands.do_inspect,
        "show the posts of a file or account, and which make would use",
        more="Nothing is written.",
        examples=("popinjay inspect twitter-ada.zip", "popinjay inspect ada.bsky.social"),
    )
    add_specs(added, "as for make")
    add_options(added, options.FetchOptions, options.CollectOptions, options.CleanOptions)
    add_json(added)


def make(actions: Any) -> None:
    """Add `make`."""
    added = command(
        actions,
        "make",
        commands.do_make,
        "make a persona: a small model that writes like these posts",
        more="The steps are collect, clean, dataset, train, evaluate and card; those that are done "
        "already are skipped. Stopped with Ctrl-C, the same command continues.",
        examples=(
            "popinjay make twitter-ada.zip",
            "popinjay make ada.bsky.social --whose self --budget 5m",
            "popinjay make tweets.csv --name ada --base builtin",
            "popinjay make ada.zip brix.txt --name both      (one voice of two people)",
        ),
    )
    add_specs(
        added,
        "an archive, export or file of posts, an account such as ada.bsky.social or "
        "@ada@example.social (see popinjay sources), or - for standard input; several make a "
        "cyborg",
    )
    added.add_argument(
        "--name",
        metavar="NAME",
        help="the persona's name; default: the authors' handles, sorted and joined with -",
    )
    added.add_argument("--quiet", action="store_true", help="print one plain line per stage")
    _add_verbose(added)
    added.add_argument("--json", action="store_true", help="print every event as a line of JSON")
    add_options(added, *(options.MakeOptions.PARTS[part] for part in TITLES), titles=part_titles())


def blend(actions: Any) -> None:
    """Add `blend`."""
    added = command(
        actions,
        "blend",
        command_blend.do_blend,
        "make one persona of several, by adding up their weights",
        more="Nothing is trained. They need the same base model. Weights that are all positive "
        "count as shares; with a negative one they are taken as they are, and what is missing to 1 "
        "is the base model's.",
        examples=(
            "popinjay blend ada=0.7 bob=0.3 --name both",
            "popinjay blend ada bob --name both",
            "popinjay blend ada=1.3 base=-0.3 --name more-ada",
        ),
    )
    added.add_argument(
        "members",
        nargs="+",
        metavar="NAME=WEIGHT",
        help="a persona and its weight; base is the base model without training",
    ).completer = "personas"  # type: ignore[attr-defined]
    added.missing["NAME=WEIGHT"] = (
        "blend needs the personas to blend.",
        "Such as: popinjay blend ada=0.7 bob=0.3 --name both",
    )
    added.add_argument("--name", required=True, metavar="NAME", help="the name of the blend")
    added.missing["--name"] = (
        "blend needs a name for the blend.",
        "Such as: popinjay blend ada=0.7 bob=0.3 --name both",
    )
    added.add_argument("--quiet", action="store_true", help="print one plain line per stage")
    added.add_argument("--json", action="store_true", help="print every event as a line of JSON")
    add_options(added, options.EvaluateOptions)


def update(actions: Any) -> None:
    """Add `update`."""
    added = command(
        actions,
        "update",
        command_update.do_update,
        "have a persona learn the posts that are new since it was made",
        more="It goes on from what it has learnt, which takes a fraction of the time of make, and "
        "keeps its options. Stopped with Ctrl-C, the same command continues.",
        examples=(
            "popinjay update ada                     (reads the same file or account again)",
            "popinjay update ada newer-archive.zip",
            "popinjay report ada --against previous",
            "popinjay restore ada v0                 (undoes it)",
        ),
    )
    add_name(added)
    added.add_argument(
        "specs",
        nargs="*",
        metavar="SPEC",
        help="a newer archive or account of the same author, with old and new posts; default: what "
        "it was made of, read again",
    )
    added.add_argument("--quiet", action="store_true", help="print one plain line per stage")
    _add_verbose(added)
    add_json(added)
    add_options(added, options.UpdateOptions, options.FetchOptions, options.TrackOptions)


def say(actions: Any) -> None:
    """Add `say`."""
    added = command(
        actions,
        "say",
        commands.do_say,
        "have a persona write posts, or open a session with it",
        more="In a terminal, without PROMPT and -n, it starts a session; otherwise it prints one "
        "post per line.",
        examples=(
            "popinjay say ada",
            'popinjay say ada "My dream is"',
            "popinjay say ada -n 100 > posts.txt",
            "popinjay say ada+bob                        (one voice of two, in equal parts)",
            'popinjay say --mix ada=0.7,bob=0.3 "My dream is"',
        ),
    )
    add_name(
        added,
        help="a persona's name, or its folder; or several of one base model, mixed into one voice: "
        "ada+bob, or with weights as for --mix",
        optional=True,
    )
    added.add_argument("prompt", metavar="PROMPT", nargs="?", help="how the posts begin")
    added.add_argument(
        "--mix",
        metavar="NAME=WEIGHT,...",
        help="instead of NAME: personas to mix, and how much of each. Positive weights are scaled "
        "to sum to 1; negative ones take away, and base is the untouched base model, such as "
        "ada=1.3,base=-0.3",
    )
    add_options(added, options.SayOptions)
    added.add_argument(
        "--stream", action="store_true", help="print each post piece by piece, as it is written"
    )
    add_json(added)


def serve(actions: Any) -> None:
    """Add `serve`."""
    added = command(
        actions,
        "serve",
        command_serve.do_serve,
        "make personas and have them write on a page in the browser",
        more="It runs until Ctrl-C, on this machine only unless --host is given.",
        examples=("popinjay serve", "popinjay serve --host 0.0.0.0 --port 8765"),
    )
    added.add_argument(
        "--host",
        metavar="ADDRESS",
        help="listen on this address, such as 0.0.0.0, for other machines too, which need the "
        "token that is printed; default: this machine only",
    )
    added.add_argument(
        "--port",
        type=reader(int),
        metavar="PORT",
        help="the port to listen on; default: 8765, or a free one",
    )
    added.add_argument(
        "--cors",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let pages of this origin use the API, such as http://localhost:3000; may be repeated;"
        " * for all, with --host only",
    )
    added.add_argument("--no-browser", action="store_true", help="only print the address")


def _add_verbose(added: Parser) -> None:
    added.add_argument(
        "--verbose", action="store_true", help="show the numbers of the training too, such as loss"
    )


COMMANDS = (demo, inspect, make, update, blend, say, serve)
