"""Pictures for tests: PNG files of one shade of grey."""

from __future__ import annotations

import zlib


def png(shade: int, width: int = 1, height: int = 1) -> bytes:
    """Return a picture, of one pixel unless told otherwise."""
    parts = (
        (b"IHDR", width.to_bytes(4) + height.to_bytes(4) + bytes.fromhex("0800000000")),
        (b"IDAT", zlib.compress((b"\0" + bytes([shade]) * width) * height)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
        for kind, data in parts
    )
