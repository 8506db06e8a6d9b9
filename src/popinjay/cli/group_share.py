"""The commands to share and remove: export, publish, rename, remove, forget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from popinjay import options
from popinjay.cli import command_export, command_forget, command_share
from popinjay.cli.arguments import add_json, add_name, add_options, command

TITLE = "Share and remove"


def export(actions: Any) -> None:
    """Add `export`."""
    added = command(
        actions,
        "export",
        command_export.do_export,
        "write a persona's model for other programs",
        more="Nothing leaves this machine. The list of kinds says what each is for, how large it "
        "gets and what it needs.",
        examples=(
            "popinjay export --list",
            "popinjay export ada --to ollama",
            "popinjay export ada --to gguf --quant f16 --out ./ada-f16",
            "popinjay export ada --to web --open",
        ),
    )
    add_name(added, optional=True)
    added.add_argument(
        "--to", metavar="KIND", help="the kind of export, such as gguf, ollama or onnx"
    ).completer = "exporters"  # type: ignore[attr-defined]
    added.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="the folder to write; default: NAME-KIND in the working directory",
    )
    add_options(added, options.ExportOptions)
    added.add_argument(
        "--open",
        action="store_true",
        help="with --to web: serve the page on this machine until Ctrl-C, and open it in the "
        "browser",
    )
    added.add_argument(
        "--list", action="store_true", help="list the kinds of exports, and export nothing"
    )
    add_json(added)


def publish(actions: Any) -> None:
    """Add `publish`."""
    added = command(
        actions,
        "publish",
        command_share.do_publish,
        "publish a persona, or its web page, on the Hugging Face hub or in a folder",
        more="The web page is the one that export --to web writes.",
        examples=(
            "popinjay publish ada --to hub:you/ada --private",
            "popinjay publish ada --to ./ada-model",
            "popinjay publish ada --to space:you/ada --dry-run",
            "popinjay publish ada --to pages:./ada-page",
        ),
    )
    add_name(added)
    added.add_argument(
        "--to",
        required=True,
        metavar="DESTINATION",
        help="hub:ORG/NAME for the model on the Hugging Face hub; space:ORG/NAME for the page "
        "there, as a Space; pages:FOLDER for the page, ready for GitHub Pages; FOLDER for the "
        "model",
    )
    added.missing["--to"] = (
        "publish needs --to: where to publish it.",
        "For the Hugging Face hub: --to hub:you/NAME, or its web page: --to space:you/NAME. For a "
        "folder: --to ./FOLDER",
    )
    add_options(added, options.PublishOptions)
    add_json(added)


def rename(actions: Any) -> None:
    """Add `rename`."""
    added = command(
        actions,
        "rename",
        command_share.do_rename,
        "give a persona another name",
        more="Its model card, report and lineage get the new name. What was published, and what "
        "trackers keep, stays under the old one. Its author keeps their handle.",
        examples=("popinjay rename tweets ada",),
    )
    add_name(added, "OLD", "the persona, or its folder")
    added.add_argument("new", metavar="NEW", help="its new name")
    added.missing["NEW"] = (
        "rename needs the new name too.",
        "Give both: popinjay rename OLD NEW",
    )


def remove(actions: Any) -> None:
    """Add `remove`."""
    added = command(
        actions,
        "remove",
        command_share.do_remove,
        "delete a persona, with its model and posts",
        more="It asks first. To remove single posts or an author, see popinjay forget.",
        examples=("popinjay remove ada", "popinjay remove ada --yes"),
        aliases=("rm",),
    )
    add_name(added)
    added.add_argument("--yes", action="store_true", help="don't ask")


def forget(actions: Any) -> None:
    """Add `forget`."""
    added = command(
        actions,
        "forget",
        command_forget.do_forget,
        "remove posts or an author from a persona, for good",
        more="They are removed from its posts and datasets. Its model knows them until it is "
        "trained again (--retrain).",
        examples=(
            'popinjay forget ada --containing "my address" --dry-run',
            "popinjay forget ada --post 1234567890 --retrain",
        ),
    )
    add_name(added)
    for flag, metavar, help in (
        ("--post", "ID", "the id of a post; may be repeated"),
        (
            "--author",
            "HANDLE",
            "an author with all their posts or, with --post, the author of that post",
        ),
        (
            "--containing",
            "TEXT",
            "posts that contain this text, ignoring case; may be repeated",
        ),
    ):
        added.add_argument(flag, action="append", default=[], metavar=metavar, help=help)
    added.add_argument(
        "--dry-run", action="store_true", help="show what would be forgotten, and change nothing"
    )
    added.add_argument(
        "--yes",
        action="store_true",
        help="don't ask before two or more posts are forgotten",
    )
    added.add_argument(
        "--retrain",
        action="store_true",
        help="train again at once; until then the model knows what it was trained on",
    )
    add_options(added, options.RetrainOptions)
    add_json(added)


COMMANDS = (export, publish, rename, remove, forget)
