"""Log level of repeated failures."""

import logging

_WARN_AFTER_S = 60.0


class LogThrottle:
    """Returns WARNING once per failure: at once for a misconfiguration, else after a minute; INFO for repeats."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._warned: str | None = None

    def reset(self) -> None:
        """Note that the server answered."""
        self._since = self._warned = None

    def level(self, reason: str, misconfigured: bool, now: float) -> int:
        """Return the logging level of a failure; `now` in seconds."""
        self._since = now if self._since is None else self._since
        lasts = self._warned is None and now - self._since >= _WARN_AFTER_S
        if lasts or (misconfigured and reason != self._warned):
            self._warned = reason
            return logging.WARNING
        return logging.INFO
