"""How long the oldest message has waited, known between measurements too."""

import time
from collections.abc import Callable


class Backlog:
    """The age of the oldest waiting message. While nothing measures it, it grows."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None

    def observe(self, age: float | None) -> None:
        """Note a measurement: seconds, or None where nothing waits."""
        self._since = None if age is None else self._clock() - age

    def age(self) -> float:
        """Seconds since the oldest message was put in; 0 where none waits."""
        return 0.0 if self._since is None else self._clock() - self._since
