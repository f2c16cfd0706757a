"""Settings of a worker, and what it counts."""

from collections.abc import Callable
from dataclasses import dataclass

from ratchet.client.sender import pause


@dataclass(slots=True)
class WorkerCounters:
    """Counts since the start. `failed` answers are among the `answered`; `lost` leases went to another worker."""

    leased: int = 0
    answered: int = 0
    failed: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Settings of a worker, in seconds.

    `concurrency`: calls at a time. `wait_s`: of a long poll. `heartbeat_s`: between extensions of leases. `patience_s`:
    after which `run` gives up a server that refuses it or never responds; None: never. `pause`: before each repetition.
    """

    concurrency: int = 4
    wait_s: float = 20.0
    heartbeat_s: float = 10.0
    patience_s: float | None = 15.0
    pause: Callable[[int], float] = pause
