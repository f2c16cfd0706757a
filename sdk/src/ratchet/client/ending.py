"""Ending well: what still runs when the interpreter ends is closed, in the process that began it."""

import atexit
import os
from collections.abc import Callable


def at_exit(close: Callable[[], object]) -> Callable[[], None]:
    """Calls `close` at the interpreter's end; what is returned calls that off.

    A forked child inherits the registration, but neither the threads nor the right to speak for its parent.
    """
    began = os.getpid()

    def close_own() -> None:
        if os.getpid() == began:
            close()

    atexit.register(close_own)
    return lambda: atexit.unregister(close_own)
