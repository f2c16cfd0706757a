"""How loud a trouble is told."""

import logging

_LASTING = 60.0


class LogThrottle:
    """A warning at once where people have to put something right, else once it lasted a minute; no second one
    before it changed or ended."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._warned: str | None = None

    def over(self) -> None:
        """The server answered as it should."""
        self._since = self._warned = None

    def level(self, reason: str, misconfigured: bool, now: float) -> int:
        """The logging level for another failure; `now` in seconds."""
        self._since = now if self._since is None else self._since
        lasts = self._warned is None and now - self._since >= _LASTING
        if lasts or (misconfigured and reason != self._warned):
            self._warned = reason
            return logging.WARNING
        return logging.INFO
