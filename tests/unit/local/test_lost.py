"""Messages dropped by the embedded broker are republished; no gap is missed, even one during a repair."""

import asyncio

import pytest

from ratchet_local import installation
from ratchet_local.installation import GapRepair
from tests.support.eventually import eventually

TOPIC = "feedback.created"


class Repairs(GapRepair):
    """Republishes that wait for `go`, and fail while `away` is set."""

    def __init__(self) -> None:
        super().__init__("postgresql+asyncpg://nobody@localhost/nothing")
        self.begun: list[tuple[str, str | None]] = []
        self.go = asyncio.Event()
        self.unavailable = 0

    async def _republish(self, service: str, topic: str | None) -> int:
        self.begun.append((service, topic))
        await self.go.wait()
        if self.unavailable:
            self.unavailable -= 1
            raise ConnectionRefusedError
        return 1


async def test_gap_detected_during_a_repair_is_repaired_afterwards() -> None:
    lost = Repairs()
    lost(TOPIC)
    await eventually(lambda: len(lost.begun) == 1)
    lost(TOPIC)
    lost(TOPIC)
    lost.go.set()
    await eventually(lambda: lost.begun == [("collector", TOPIC)] * 2)
    await lost.close()


async def test_each_writing_service_gets_a_republish_request() -> None:
    lost = Repairs()
    lost.go.set()
    lost("dead_letter.settled")
    await eventually(lambda: len(lost.begun) == 5)
    assert {service for service, _ in lost.begun} == {"analyzer", "collector", "evaluator", "gatekeeper", "proposer"}
    await lost.close()


async def test_repair_waits_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_RETRY_S", 0.0)
    lost = Repairs()
    lost.unavailable = 2
    lost.go.set()
    lost(TOPIC)
    await eventually(lambda: len(lost.begun) == 3)
    await lost.close()


async def test_messages_of_apps_are_not_republished() -> None:
    lost = Repairs()
    lost("feedback.submitted")
    assert not lost.begun
    await lost.close()
