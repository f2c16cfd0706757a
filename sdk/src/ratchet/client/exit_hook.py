"""Ending well: what still runs when the interpreter ends is closed, in the process that began it."""

import atexit
import os
from collections.abc import Callable


class ExitHook:
    """Calls `close` at the interpreter's end, if something began that was not closed before.

    A forked child inherits the registration, but neither the threads nor the right to speak for its parent.
    """

    def __init__(self, close: Callable[[], object]) -> None:
        self._close, self._pid = close, os.getpid()
        self._registered = False

    def begin(self) -> None:
        """Something runs from now on."""
        if not self._registered:
            self._registered = True
            atexit.register(self._close_own)

    def call_off(self) -> None:
        """It was closed."""
        atexit.unregister(self._close_own)

    def _close_own(self) -> None:
        if os.getpid() == self._pid:
            self._close()
