"""Log of faults in the SDK's own code, which must not reach the app."""

import logging
from contextlib import suppress
from types import TracebackType

from ratchet.sanitize import visible

log = logging.getLogger("ratchet")


class FaultLog:
    """Logs the first fault of each kind."""

    def __init__(self) -> None:
        self._reported: set[str] = set()

    def contained(self, what: str) -> "Containment":
        """Return a context manager that logs an exception of its block; `what` names what can't be recorded."""
        return Containment(self, what)

    def report(self, what: str, error: Exception) -> None:
        """Log a fault, unless one of the same kind was logged before. Raises nothing."""
        with suppress(Exception):  # a log handler of the app's, or the error's own text
            if what not in self._reported:
                self._reported.add(what)
                log.error("ratchet: %s can't be recorded: %s: %s", what, type(error).__name__, visible(str(error)))


class Containment:
    """Logs an exception of a block instead of raising it. A class, since a generator takes four times as long."""

    __slots__ = ("_log", "_what")

    def __init__(self, log: FaultLog, what: str) -> None:
        self._log, self._what = log, what

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._log.report(self._what, error)
        return True
