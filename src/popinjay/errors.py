"""Everything that can go wrong by somebody's doing, as one tree:

    PopinjayError            message (what is the matter) and hint (what to do about it)
    ├── OptionError          an option, or a value given to it, that makes no sense
    ├── SpecError            a SPEC that cannot be read, or holds nothing to learn from
    │   └── TooLittleText    fewer kept characters than a voice can be learnt from
    ├── NetworkError         a server that cannot be read (now); what was read before is kept
    ├── PersonaError         no such persona, or its folder is not (yet) one
    │   ├── PersonaBusy      another process is making it
    │   └── PersonaTaken     its name belongs to other posts than those given
    ├── BaseModelError       the base model cannot be had
    ├── TrackerError         a tracker that cannot be had, or knows nothing of a persona
    ├── TrainingError        training cannot go on
    ├── PictureError         the picture cannot be drawn
    ├── PublishError         a persona cannot, or may not, be published there
    ├── StorageError         the disk is full, or may not be written
    ├── OutOfMemory          memory ran out
    └── OutputLost           standard output cannot be written

Anything else that is raised is a bug of ours.
"""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(r"(?<=://)[^/\s@'\"]*:[^/\s@'\"]*@")  # of an address: user and password


def without_credentials(text: str) -> str:
    """Return the text with no user and password in the addresses that it holds."""
    return _CREDENTIALS.sub("...@", text)


class PopinjayError(Exception):
    """A problem that its reader can solve: one clear sentence, and a hint. Neither shows a password that stands in an address."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = without_credentials(message)
        self.hint = without_credentials(hint)
        super().__init__(self.message)


class OptionError(PopinjayError):
    """An option, or a value given to it, that makes no sense."""


class SpecError(PopinjayError):
    """A SPEC that cannot be read, or holds nothing to learn from."""


class TooLittleText(SpecError):
    """Fewer kept characters than a voice can be learnt from."""


class NetworkError(PopinjayError):
    """A server that cannot be read, at least now. What was read before is kept, and reading goes on from there."""


class PersonaError(PopinjayError):
    """No such persona, or its folder is not (yet) one."""


class PersonaBusy(PersonaError):
    """Another process is making this persona."""


class PersonaTaken(PersonaError):
    """A persona of this name is there, of other posts than those given. It stays as it was."""


class BaseModelError(PopinjayError):
    """The base model cannot be had."""


class TrackerError(PopinjayError):
    """A tracker that cannot be had, or knows nothing of a persona."""


class TrainingError(PopinjayError):
    """Training cannot go on."""


class PictureError(PopinjayError):
    """The picture cannot be drawn."""


class PublishError(PopinjayError):
    """A persona cannot, or may not, be published there."""


class StorageError(PopinjayError):
    """The disk is full, or may not be written."""


class OutOfMemory(PopinjayError):
    """Memory ran out. What was done before is kept."""


class OutputLost(PopinjayError):
    """Standard output cannot be written, such as a file on a full disk. What is made is not touched by it."""
