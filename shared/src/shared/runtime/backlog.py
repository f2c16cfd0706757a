"""What waits to be sent: the age of the oldest message, extrapolated between measurements, and unreadable rows."""

import time
from collections.abc import Callable


class Backlog:
    """The age of the oldest waiting message; it grows with time between measurements.

    `set_aside`: the number of outbox rows that the relay cannot read.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self.set_aside = 0

    def observe(self, age: float | None) -> None:
        """Record a measurement: the age in seconds, or None if no message waits."""
        self._since = None if age is None else self._clock() - age

    def age(self) -> float:
        """Return the age of the oldest waiting message in seconds; 0 if none waits."""
        return 0.0 if self._since is None else self._clock() - self._since
