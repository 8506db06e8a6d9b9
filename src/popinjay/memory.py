"""Memory that runs out, in words, whoever says it."""

from __future__ import annotations

import contextlib
import errno
import re
import traceback
from collections.abc import Iterator

from popinjay.errors import OutOfMemory

RESERVE = (
    4 * 2**20
)  # bytes held back, to say it in: of addresses only, for nothing is written there

# torch's allocators, C++, ONNX Runtime, mmap, and the loader of libraries.
_SAID = re.compile(
    r"can't allocate memory|cannot allocate memory|not enough memory|failed to allocate|bad_alloc|bad allocation"
    r"|out of memory|failed to map segment",
    re.IGNORECASE,
)


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Raise OutOfMemory for whatever says that memory ran out, also where it was taken for something else."""
    reserve = bytearray(RESERVE)
    try:
        yield
    except OutOfMemory:
        raise
    except Exception as error:
        del reserve
        if not ran_out(error):
            raise
        for cause in _causes(error):
            traceback.clear_frames(cause.__traceback__)  # what they hold is room to go on in
        hint = "Close other programs, or take a smaller --base or less --batch-tokens. What is done is kept."
        raise OutOfMemory("Memory ran out.", hint) from error


def ran_out(error: BaseException) -> bool:
    """Return whether an error, or one that led to it, says that memory ran out."""
    return any(_says_so(cause) for cause in _causes(error))


def _says_so(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno == errno.ENOMEM
    ):
        return True
    return isinstance(error, RuntimeError | ImportError | SystemError) and bool(
        _SAID.search(str(error))
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that led to it, the last first."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__
