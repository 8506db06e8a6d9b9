"""Memory that runs out, in words, whoever says it."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator

from popinjay.errors import OutOfMemory

# torch's allocators, C++, ONNX Runtime, mmap, and the loader of libraries.
_SAID = re.compile(
    r"can't allocate memory|cannot allocate memory|not enough memory|failed to allocate|bad_alloc|bad allocation"
    r"|out of memory|failed to map segment",
    re.IGNORECASE,
)


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Raise OutOfMemory for whatever says that memory ran out, also where it was taken for something else."""
    try:
        yield
    except OutOfMemory:
        raise
    except Exception as error:
        if not ran_out(error):
            raise
        hint = "Close other programs, or take a smaller --base or less --batch-tokens. What is done is kept."
        raise OutOfMemory("Memory ran out.", hint) from error


def ran_out(error: BaseException | None) -> bool:
    """Return whether an error, or one that led to it, says that memory ran out."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if isinstance(error, RuntimeError | ImportError | SystemError) and _SAID.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
