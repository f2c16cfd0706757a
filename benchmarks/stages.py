"""Split of a consumer's processor time by stage, of this process and of PostgreSQL."""

import contextlib
import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import psutil

from analyzer.handlers import Handlers
from analyzer.storage.definitions import DefinitionRepository
from analyzer.storage.repository import QualityRepository
from analyzer.storage.series import SeriesRepository
from benchmarks.cpu import cpu_seconds
from shared.messaging.delivery import Delivery
from shared.messaging.sql_store import SqlTx

REST = "begin, commit"
STAGES: Sequence[tuple[str, type, str]] = (
    ("decode", Delivery, "_decode"),
    ("inbox", SqlTx, "claim"),
    ("load", DefinitionRepository, "get_definitions"),
    ("load", QualityRepository, "load"),
    ("fold", Handlers, "on_measurable"),
    ("save", QualityRepository, "save"),
    ("save", SeriesRepository, "add_windows"),
    ("save", DefinitionRepository, "add_uncounted"),
    ("emit", SqlTx, "emit"),
)
"""Stage, class and method; a method that runs within another one counts for its own stage only."""


class StageTime(NamedTuple):
    """Processor microseconds per event."""

    process: float
    postgres: float


class StageMeter:
    """Attributes processor time to the innermost running stage; supports one task at a time."""

    def __init__(self, postgres: psutil.Process) -> None:
        self._server = postgres
        self._backends = [postgres]
        self._spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._running = [REST]
        self._before = (0.0, 0.0)

    def start(self) -> None:
        """Start now; backends that start later count for their parent, if they end before `per`."""
        self._backends = [self._server, *self._server.children(recursive=True)]
        self._spent.clear()
        self._before = self._now()

    def per(self, events: int) -> dict[str, StageTime]:
        """Return the time of each stage since `start`."""
        self._attribute()
        return {stage: StageTime(*(1e6 * each / events for each in spent)) for stage, spent in self._spent.items()}

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Measure the methods in STAGES until the end of the block."""
        found = [(owner, name, getattr(owner, name)) for _, owner, name in STAGES]
        for (stage, owner, name), (_, _, method) in zip(STAGES, found, strict=True):
            setattr(owner, name, self._measured(stage, method))
        try:
            yield
        finally:
            for owner, name, method in found:
                setattr(owner, name, method)

    def _measured(self, stage: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        async def measured(*args: Any, **kwargs: Any) -> Any:
            self._attribute()
            self._running.append(stage)
            try:
                return await method(*args, **kwargs)
            finally:
                self._attribute()
                self._running.pop()

        return measured

    def _attribute(self) -> None:
        now, spent = self._now(), self._spent[self._running[-1]]
        for index in range(2):
            spent[index] += now[index] - self._before[index]
        self._before = now

    def _now(self) -> tuple[float, float]:
        return time.process_time(), cpu_seconds(self._backends)
