"""Out-of-memory errors of all libraries, raised as one error of popinjay's."""

from __future__ import annotations

import contextlib
import errno
import re
import traceback
from collections.abc import Iterator

from popinjay.errors import OutOfMemory

# Bytes kept free for reporting the error. They take only address space, since nothing is written
# to them.
RESERVE = 4 * 2**20

# Messages of torch's allocators, C++, ONNX Runtime, mmap, and the dynamic loader.
_MESSAGES = re.compile(
    r"can't allocate memory|cannot allocate memory|not enough memory|failed to allocate"
    r"|bad_alloc|bad allocation|out of memory|failed to map segment",
    re.IGNORECASE,
)


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Raise OutOfMemory for any error that lack of memory caused, directly or indirectly."""
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
            traceback.clear_frames(cause.__traceback__)  # frees what their local variables hold
        hint = (
            "Close other programs, or use a smaller --base or fewer --batch-tokens."
            " Finished work is kept."
        )
        raise OutOfMemory("Memory ran out.", hint) from error


def ran_out(error: BaseException) -> bool:
    """Return whether an error, or one that led to it, means that memory ran out."""
    return any(_means_out_of_memory(cause) for cause in _causes(error))


def _means_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, RuntimeError | ImportError | SystemError):
        return False
    return _MESSAGES.search(str(error)) is not None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that led to it, the most recent first."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__
