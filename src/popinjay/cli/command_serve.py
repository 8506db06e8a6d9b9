"""The commands that serve a page until Ctrl-C: `popinjay serve` and `popinjay track`."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from popinjay.errors import OptionError
from popinjay.interrupts import Terminated


def do_track(args: argparse.Namespace) -> None:
    """Serve trackio's dashboard until Ctrl-C."""
    import threading
    import webbrowser

    from popinjay.store.run import Run
    from popinjay.trackers import folder_beside
    from popinjay.trackers.trackio import dashboard

    run = Run.find(args.name, args.home)
    with dashboard(run.name, folder_beside(run.path), args.port) as address:
        print(f"{run.name}: {address} (Ctrl-C stops it)", flush=True)
        if not args.no_browser:
            webbrowser.open(address)
        with suppress(KeyboardInterrupt, Terminated):
            threading.Event().wait()


def serve_folder(folder: Path) -> None:
    """Serve an exported page on this machine until Ctrl-C, and open it in the browser."""
    import threading
    import webbrowser

    from popinjay.exporting.web.serving import served

    with served(folder) as address:
        print(f"{address} (Ctrl-C stops it)", flush=True)
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        with suppress(KeyboardInterrupt, Terminated):
            threading.Event().wait()


def do_serve(args: argparse.Namespace) -> None:
    """Serve the page until Ctrl-C."""
    from popinjay.store.run import home

    if os.name != "posix":
        raise OptionError(
            "popinjay serve supports Linux and macOS only.", "On Windows, run it inside WSL."
        )
    try:
        from popinjay.server.listen import serve
    except ModuleNotFoundError as error:
        raise OptionError(
            f"The page needs {error.name}, which is not installed.",
            "Install it: pip install 'popinjay[serve]'",
        ) from error

    def listening(address: str) -> None:
        import threading
        import webbrowser

        print(f"{address} (Ctrl-C stops it)", flush=True)
        if not args.no_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    for job in serve(args.home or home(), args.host, args.port, args.cors, listening):
        work = "Inspecting" if job.doing == "inspect" else "Training on"
        specs = ", ".join(job.specs)
        print(
            f"{work} {specs} continues in the background; popinjay serve shows it again.",
            file=sys.stderr,
        )
