"""Memory settings for one process with few busy threads."""

import ctypes
import gc
import sys

from shared.runtime.garbage import tune_garbage_collection

_M_ARENA_MAX = -8  # malloc.h


def limit_malloc_arenas() -> None:
    """Limit glibc's allocator to two arenas: by default it makes eight per core, each with its own memory."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:  # musl has none, and no arenas
            mallopt(_M_ARENA_MAX, 2)


def pause_collection() -> None:
    """Collect no cyclic garbage from now on: a start makes little, and the search takes a quarter of its time."""
    gc.disable()


def resume_collection() -> None:
    """Collect garbage from now on, as the services do. The garbage of the start, below 1 MB, is not collected."""
    tune_garbage_collection()
    gc.enable()
