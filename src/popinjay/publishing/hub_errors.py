"""What the hub's client raises, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from popinjay.errors import PublishError

_PASSING = (408, 409, 412, 425, 429)  # status codes, besides all from 500, that a retry may help
LOG_IN = (
    "Log in with: hf auth login, or set HF_TOKEN to a token with write access "
    "(https://huggingface.co/settings/tokens)."
)

LOG_IN_ON_THE_PAGE = (
    "Put a token with write access (https://huggingface.co/settings/tokens) into HF_TOKEN before "
    "popinjay is started, or log in with Hugging Face's own program, hf."
)


class Interrupted(PublishError):
    """The connection broke, or the hub was busy or has changed meanwhile. A retry may help."""


@contextmanager
def hub_errors(doing: str) -> Iterator[None]:
    """Turn what the client raises into PublishError, or Interrupted if a retry may help."""
    try:
        yield
    except Exception as error:  # the client wraps network errors in changing ways
        raise _in_words(error, doing) from error


def _in_words(error: Exception, doing: str) -> PublishError:
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return PublishError(
            "HF_HUB_OFFLINE is set: the hub may not be reached.", "Unset it to publish."
        )
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, HfHubHTTPError):
        cause = cause.__cause__
    if cause is None:
        if isinstance(error, ValueError):
            return PublishError(
                f"The hub could not {doing}: {_first_line(error)}", "Nothing was published."
            )
        return Interrupted(f"The hub could not be reached to {doing}: {_first_line(error)}", "")
    status = cause.response.status_code
    if status in _PASSING or status >= 500:
        return Interrupted(f"The hub could not {doing} just now (it answered {status}).", "")
    if status == 401:
        return PublishError(
            "The hub doesn't know this token.", LOG_IN, page_hint=LOG_IN_ON_THE_PAGE
        )
    if status == 403:
        return PublishError(
            f"The hub doesn't let this token {doing}.", LOG_IN, page_hint=LOG_IN_ON_THE_PAGE
        )
    return PublishError(
        f"The hub could not {doing}: {_first_line(cause)}", "Nothing was published."
    )


def _first_line(error: BaseException) -> str:
    return next(
        (line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__
    )[:200]
