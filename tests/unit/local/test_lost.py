"""What the embedded broker dropped is sent again: no gap is forgotten, also one seen during a repair."""

import asyncio

import pytest

from ratchet_local import installation
from ratchet_local.installation import GapRepair
from tests.support.eventually import eventually

TOPIC = "feedback.created"


class Repairs(GapRepair):
    """Its repairs wait for `go`, and fail as long as `away` says so."""

    def __init__(self) -> None:
        super().__init__("postgresql+asyncpg://nobody@localhost/nothing")
        self.begun: list[tuple[str, str | None]] = []
        self.go = asyncio.Event()
        self.away = 0

    async def _republish(self, service: str, topic: str | None) -> int:
        self.begun.append((service, topic))
        await self.go.wait()
        if self.away:
            self.away -= 1
            raise ConnectionRefusedError
        return 1


async def test_a_gap_that_is_seen_during_a_repair_is_repaired_after_it() -> None:
    lost = Repairs()
    lost(TOPIC)
    await eventually(lambda: len(lost.begun) == 1)
    lost(TOPIC)
    lost(TOPIC)
    lost.go.set()
    await eventually(lambda: lost.begun == [("collector", TOPIC)] * 2)
    await lost.close()


async def test_where_several_services_write_each_sends_its_own_republish() -> None:
    lost = Repairs()
    lost.go.set()
    lost("dead_letter.settled")
    await eventually(lambda: len(lost.begun) == 4)
    assert {service for service, _ in lost.begun} == {"analyzer", "collector", "gatekeeper", "proposer"}
    await lost.close()


async def test_a_repair_waits_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_RETRY_S", 0.0)
    lost = Repairs()
    lost.away = 2
    lost.go.set()
    lost(TOPIC)
    await eventually(lambda: len(lost.begun) == 3)
    await lost.close()


async def test_what_no_service_writes_can_not_be_sent_republish() -> None:
    lost = Repairs()
    lost("feedback.submitted")
    assert not lost.begun
    await lost.close()
