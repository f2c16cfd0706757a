"""The watchdog replaces consumers whose Kafka client waits without end."""

import asyncio
import time
from typing import Any, cast

import pytest

from shared.messaging import bus as bus_module
from shared.messaging.bus import Bus
from shared.messaging.consumer import ConsumerLag, SubscriptionConsumer
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.clock import FakeClock
from shared.testing.store import FakeStore
from tests.support.messaging import ScratchSettings


class Consumer:
    """A consumer whose client never answers, or answers with this lag."""

    group = "scratch.effects"

    def __init__(self, lag: int | None, idle_s: float) -> None:
        self._lag = lag
        self.progress = time.monotonic() - idle_s

    async def compare_positions(self) -> None:
        await self._answer()

    async def measure(self, now: float) -> dict[str, ConsumerLag]:
        await self._answer()
        return {"feedback.created": ConsumerLag(self._lag or 0, None)}

    async def _answer(self) -> None:
        if self._lag is None:
            await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("lag", "idle_s", "stalled"),
    [(None, 61.0, True), (None, 5.0, False), (7, 61.0, True), (7, 5.0, False), (0, 61.0, False)],
)
async def test_a_consumer_without_progress_is_stalled_also_if_kafka_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, lag: int | None, idle_s: float, stalled: bool
) -> None:
    monkeypatch.setattr(bus_module, "_MEASURE_S", 0.01)
    settings = ScratchSettings(database_url="postgresql://unused", kafka_bootstrap="unused:1")
    bus = Bus(settings, (), (), cast(Any, FakeStore()), FakeClock(), Metrics("scratch"))
    consumer = cast(SubscriptionConsumer, Consumer(lag, idle_s))
    assert await bus._stalled(consumer) is stalled
    assert bus.connected is (lag is not None)
