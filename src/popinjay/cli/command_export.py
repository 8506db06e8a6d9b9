"""The command `export`, which writes a persona's model for other programs."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from popinjay import options
from popinjay.cli import progress, show_export, terminal
from popinjay.cli.command_serve import serve_folder
from popinjay.cli.commands import chosen_options
from popinjay.errors import OptionError


def do_export(args: argparse.Namespace) -> None:
    """Export a persona's model, or list the kinds of exports."""
    if args.list:
        _list_kinds(args)
        return
    if args.name is None:
        raise OptionError("export needs the name of a persona.", "Which there are: popinjay list")
    if args.to is None:
        raise OptionError(
            "export needs --to: the kind of export.", "Which there are: popinjay export --list"
        )
    if args.open and args.to != "web":
        raise OptionError("Only an export to web can be opened in a browser.", "Add: --to web")
    from popinjay.exporting.export import export
    from popinjay.store.run import Run

    chosen = chosen_options(args, options.ExportOptions)
    with progress.listening(quiet=args.json, starting="opening the model") as listener:
        result = export(Run.find(args.name, args.home), args.to, args.out, chosen, listener)
    document = {
        "persona": result.persona,
        "kind": result.kind,
        "quant": result.quant or None,
        "folder": str(result.folder) if result.folder else None,
        "path": str(result.path),
        "loaded_by": result.loaded_by,
        "files": [{"name": name, "bytes": size} for name, size in result.files],
    }
    if args.json:
        terminal.show_json(document)
    else:
        show_export.show_exported(document)
    if args.open and result.folder:
        serve_folder(result.folder)


def _list_kinds(args: argparse.Namespace) -> None:
    from popinjay.exporting.sizes import kinds
    from popinjay.store.run import Run

    run = Run.find(args.name, args.home) if args.name is not None else None
    rows = [asdict(kind) for kind in kinds(run)]
    if args.json:
        terminal.show_json({"persona": run.name if run else None, "kinds": rows})
    else:
        show_export.show_kinds(rows, run.name if run else "")
