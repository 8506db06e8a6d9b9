"""Formats in which other programs load a persona's model: one module an exporter.

Other packages add exporters through the entry point group `popinjay.exporters`. `export.py` runs
one of them.
"""

from __future__ import annotations

from popinjay import plugins
from popinjay.errors import OptionError
from popinjay.exporting.exporter import Exported, Exporter, ExportRequest, ModelSize

__all__ = [
    "BUILT_IN",
    "GROUP",
    "ExportRequest",
    "Exported",
    "Exporter",
    "ModelSize",
    "find",
    "names",
]

GROUP = "popinjay.exporters"  # of entry points
BUILT_IN = {  # modules by name
    "gguf": "popinjay.exporting.gguf",
    "ollama": "popinjay.exporting.ollama",
    "onnx": "popinjay.exporting.onnx",
    "adapter": "popinjay.exporting.adapter",
    "mlx": "popinjay.exporting.mlx",
    "transformers": "popinjay.exporting.transformers",
    "web": "popinjay.exporting.web",
}
MEMBERS = ("HELP", "NEEDS", "QUANTS", "check", "estimate", "export")


def names() -> list[str]:
    """Return the names of all exporters, built-in ones first."""
    return plugins.names(BUILT_IN, GROUP)


def find(name: str) -> Exporter:
    """Return the exporter of this name. Raises OptionError if there is none, or it is broken."""
    found: object = plugins.find("exporter", name, BUILT_IN, GROUP)
    if not isinstance(found, Exporter):
        lacking = [member for member in MEMBERS if not hasattr(found, member)]
        raise OptionError(
            f"The exporter {name!r} lacks {', '.join(lacking)}.",
            "Update or uninstall the package that brings it.",
        )
    return found
