"""All errors that a user can cause and solve, as one tree:

    PopinjayError            message (what is wrong) and hint (what to do about it)
    ├── OptionError          an unknown option, or a value that it does not take
    ├── SpecError            a SPEC that cannot be read, or holds nothing to train on
    │   └── TooLittleText    too few characters are left to train on
    ├── NetworkError         a server cannot be read at the moment
    │   └── AnswerLost       a request was sent, and no answer came
    ├── PersonaError         there is no such persona, or it is not finished
    │   ├── PersonaBusy      another process is making it
    │   └── PersonaTaken     a persona of this name was made of other posts
    ├── BaseModelError       the base model is not available
    ├── TrackerError         a tracker is not available, or does not know a persona
    ├── TrainingError        training cannot continue
    ├── PictureError         the picture cannot be drawn
    ├── PublishError         a persona cannot, or must not, be published there
    ├── QueueError           a draft is not there, or not in the state that it was thought to be
    │   └── QueueBusy        another process is changing the queue
    ├── PostingError         a bot cannot, or must not, post
    │   ├── NothingDue       there is nothing to post now
    │   ├── DraftRefused     the network refused a draft, or it can't be posted as it is
    │   ├── NotSettled       it is not known yet whether a draft was posted
    │   └── LoginError       an account does not accept the login
    ├── StorageError         the disk is full, or cannot be written
    ├── OutOfMemory          memory ran out
    └── OutputLost           standard output cannot be written

Any other exception is a bug in Popinjay.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_CREDENTIALS = re.compile(r"(?<=://)[^/\s@'\"]*:[^/\s@'\"]*@")  # user and password of a URL


def without_credentials(text: str) -> str:
    """Return the text with users and passwords removed from the URLs in it."""
    return _CREDENTIALS.sub("...@", text)


class PopinjayError(Exception):
    """A problem that the user can solve, as one sentence and a hint.

    Passwords in URLs are removed from both.
    """

    def __init__(self, message: str, hint: str = "", *, page_hint: str | None = None) -> None:
        """Store the message and the hints.

        Args:
            message: What is wrong.
            hint: What to do about it, for a terminal: it may name commands and options.
            page_hint: The same for the page, where neither can be typed. None: `hint` names none.
        """
        self.message = without_credentials(message)
        self.hint = without_credentials(hint)
        self.page_hint = self.hint if page_hint is None else without_credentials(page_hint)
        super().__init__(self.message)
        if self.hint:
            self.add_note(self.hint)  # so that Python's tracebacks and notebooks show it too


class OptionError(PopinjayError):
    """An unknown option, or a value that it does not take.

    Message and hint name options as Python does (`top_p`, `tune='lora'`), and so does the API. The
    command line shows those in `options` as flags.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        options: Sequence[str] = (),
        *,
        page_hint: str | None = None,
    ) -> None:
        super().__init__(message, hint, page_hint=page_hint)
        self.options = tuple(options)


class SpecError(PopinjayError):
    """A SPEC that cannot be read, or holds nothing to train on."""


class TooLittleText(SpecError):
    """Too few characters are left to train on."""


class NetworkError(PopinjayError):
    """A server cannot be read at the moment. What was read so far is kept and continued later."""


class AnswerLost(NetworkError):
    """A request was sent, and no answer came: what it asked for may be done or not."""


class PersonaError(PopinjayError):
    """There is no such persona, or it is not finished."""


class PersonaBusy(PersonaError):
    """Another process is making this persona."""


class PersonaTaken(PersonaError):
    """A persona of this name was made of other posts. It is left unchanged."""


class BaseModelError(PopinjayError):
    """The base model is not available."""


class TrackerError(PopinjayError):
    """A tracker is not available, or does not know a persona."""


class TrainingError(PopinjayError):
    """Training cannot continue."""


class PictureError(PopinjayError):
    """The picture cannot be drawn."""


class PublishError(PopinjayError):
    """A persona cannot, or must not, be published there."""


class QueueError(PopinjayError):
    """A draft is not there, or not in the state that it was thought to be."""


class QueueBusy(QueueError):
    """Another process is changing the queue."""


class PostingError(PopinjayError):
    """A bot cannot, or must not, post."""


class NothingDue(PostingError):
    """There is nothing to post now: nothing approved, or no slot yet."""


class DraftRefused(PostingError):
    """The network refused a draft, or it can't be posted as it is. Others may be posted."""


class NotSettled(PostingError):
    """It is not known yet whether a draft was posted. It is looked for before anything else."""


class LoginError(PostingError):
    """An account does not accept the login."""


class StorageError(PopinjayError):
    """The disk is full, or cannot be written."""


class OutOfMemory(PopinjayError):
    """Memory ran out. What was finished before is kept."""


class OutputLost(PopinjayError):
    """Standard output cannot be written, such as a file on a full disk. Personas are unaffected."""
