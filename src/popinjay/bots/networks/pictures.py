"""Read the picture of a post, and what kind it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from popinjay.errors import PostingError

_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


@dataclass(frozen=True)
class Picture:
    """A picture that can be uploaded."""

    data: bytes
    kind: str  # its MIME type
    name: str
    size: tuple[int, int] | None  # width and height in pixels, if they are known


def read_picture(path: str, max_bytes: int) -> Picture:
    """Return the picture of a file. Raises PostingError if it can't be uploaded."""
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise PostingError(
            f"The picture {file.name} can't be read: {error.strerror}.",
            "Draw it again, or leave it out.",
        ) from error
    if len(data) > max_bytes:
        raise PostingError(
            f"The picture {file.name} has {len(data):,} bytes, and at most {max_bytes:,} can be "
            "posted there.",
            "Make it smaller, or leave it out.",
        )
    kind = next((kind for begin, kind in _KINDS if data.startswith(begin)), "")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        kind = "image/webp"
    if not kind:
        raise PostingError(
            f"{file.name} is not a picture that can be posted.",
            "It takes PNG, JPEG, GIF and WebP.",
        )
    return Picture(data, kind, file.name, _size_of_png(data) if kind == "image/png" else None)


def _size_of_png(data: bytes) -> tuple[int, int] | None:
    if data[12:16] != b"IHDR" or len(data) < 24:
        return None
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    return (width, height) if width and height else None
