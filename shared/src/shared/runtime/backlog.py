"""Age of the oldest waiting message, extrapolated between measurements."""

import time
from collections.abc import Callable


class Backlog:
    """The age of the oldest waiting message; it grows with time between measurements."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None

    def observe(self, age: float | None) -> None:
        """Record a measurement: the age in seconds, or None if no message waits."""
        self._since = None if age is None else self._clock() - age

    def age(self) -> float:
        """Return the age of the oldest waiting message in seconds; 0 if none waits."""
        return 0.0 if self._since is None else self._clock() - self._since
