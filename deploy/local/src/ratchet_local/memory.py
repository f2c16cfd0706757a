"""Less memory for one process with few busy threads."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_M_ARENA_MAX = -8  # malloc.h


def few_arenas() -> None:
    """Tell glibc's allocator to keep to two arenas: it makes eight a core, each with memory of its own."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:  # musl has none, and no arenas
            mallopt(_M_ARENA_MAX, 2)


@contextmanager
def no_collection() -> Iterator[None]:
    """Collect no cyclic garbage in the block: imports make little, and the search takes a quarter of their time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
