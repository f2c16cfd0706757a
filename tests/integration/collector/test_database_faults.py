"""A database that cannot write does not affect the items: the SDK retries them, and each is stored once."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

import pytest

from ratchet.client.batches import Batch
from ratchet.client.queue import SendQueue
from ratchet.client.recorded_items import RecordedItem
from ratchet.client.transport import outcome
from tests.support.databases import psql
from tests.support.soak import scaled

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

KILLS = scaled(25, 1_000)
ITEMS = 60

_RAISE = """
CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'injected'; END$$;
CREATE TRIGGER injected BEFORE INSERT ON collector.outbox FOR EACH ROW EXECUTE FUNCTION public.fail()"""
_KILL = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid()"""


class App:
    """An app's SDK without its thread: queued items are posted until the server has responded for each."""

    def __init__(self, collector: "Running") -> None:
        self.collector = collector
        keys = (f"key-{number}" for number in count())
        self.queue = SendQueue(
            capacity=100_000,
            capacity_bytes=1 << 30,
            batch_size=4,
            batch_bytes=1 << 20,
            new_key=lambda: next(keys),
            pause=lambda _: 0.0,
        )
        self._numbers = count()
        self.statuses: list[int] = []

    def record(self, items: int) -> None:
        for _ in range(items):
            item_id = f"e{next(self._numbers)}"
            self.queue.offer(RecordedItem("executions", item_id, f'{{"id": "{item_id}", "target": "bot"}}'.encode()))

    async def send(self) -> None:
        """Post the due batch, and apply the outcome."""
        batch = self.queue.next(float("inf"))
        if batch is not None:
            await self._post(batch)

    async def _post(self, batch: Batch) -> None:
        answer = await self.collector.post("executions", batch.body, Idempotency_Key=batch.key)
        self.statuses.append(answer.status_code)
        self.queue.apply(batch, outcome(batch, answer.status_code, answer.headers, answer.content), 0.0)

    async def drain(self) -> None:
        while self.queue.pending:
            await self.send()

    def assert_exactly_once(self) -> None:
        counters = self.queue.counters
        assert (counters.refused, counters.abandoned, counters.sent) == (0, 0, counters.accepted)
        assert self.collector.count("executions") == counters.accepted
        assert len(self.collector.events("execution.recorded")) == counters.accepted


def _read_only(dsn: str) -> str:
    name = psql(dsn, "SELECT current_database()")
    psql(dsn, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    psql(dsn, _KILL)
    return f"SET TRANSACTION READ WRITE; ALTER DATABASE {name} RESET default_transaction_read_only"


def _without_privilege(dsn: str) -> str:
    psql(dsn, "REVOKE INSERT ON collector.executions FROM ratchet_collector")
    return "GRANT INSERT ON collector.executions TO ratchet_collector"


def _without_table(dsn: str) -> str:
    psql(dsn, "ALTER TABLE collector.executions RENAME TO elsewhere")
    return "ALTER TABLE collector.elsewhere RENAME TO executions"


def _state(state: str) -> Callable[[str], str]:
    def inject(dsn: str) -> str:
        psql(dsn, _RAISE.format(state=state))
        return "DROP TRIGGER injected ON collector.outbox; DROP FUNCTION public.fail()"

    return inject


_FAULTS = {
    "25006": _read_only,
    "42501": _without_privilege,
    "42P01": _without_table,
    **{state: _state(state) for state in ("25P03", "53100", "XX001", "0A000", "58030")},
}


async def test_no_item_is_rejected_lost_or_duplicated_while_the_database_cannot_write(collector: "Running") -> None:
    """Each fault is injected, hit by requests, and healed; all run on one collector."""
    app = App(collector)
    for state, inject in _FAULTS.items():
        app.record(ITEMS)
        await app.send()
        app.statuses.clear()
        heal = inject(collector.dsn)
        for _ in range(5):
            await app.send()
        assert app.statuses.count(503) == 5, f"{state} affected every request"
        psql(collector.dsn, heal)
        await app.drain()
    app.assert_exactly_once()


async def test_read_only_database_gives_a_retryable_error(collector: "Running") -> None:
    await collector.post("executions", {"id": "before", "target": "bot"})
    heal = _state("25006")(collector.dsn)
    answer = await collector.post("executions", {"id": "during", "target": "bot"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    psql(collector.dsn, heal)
    assert (await collector.post("executions", {"id": "during", "target": "bot"})).status_code == 200


async def test_killed_backends_lose_or_duplicate_no_item(collector: "Running") -> None:
    app = App(collector)
    killed = 0
    sending = asyncio.Event()

    async def kill() -> None:
        nonlocal killed
        while killed < KILLS:
            killed += int(await asyncio.to_thread(psql, collector.dsn, _KILL))
        sending.set()

    killer = asyncio.create_task(kill())
    while not sending.is_set():
        app.record(4)
        await app.send()
    await killer
    await app.drain()
    app.assert_exactly_once()
    assert killed >= KILLS
    assert 503 in app.statuses, "a request met a killed connection"
    assert set(app.statuses) <= {200, 503}


async def test_only_values_rejected_by_the_database_are_rejected(collector: "Running") -> None:
    """SQLSTATE 22 and 23 are about the values: the group is halved until the item is alone and finally rejected."""
    condition = "WHEN (encode(NEW.messages, 'escape') LIKE '%poison%')"
    psql(collector.dsn, _RAISE.format(state="22003").replace("FOR EACH ROW", f"FOR EACH ROW {condition}"))
    items = [{"id": name, "target": "bot"} for name in ("a", "poison", "b")]
    answer = await collector.post("executions", items)
    assert answer.status_code == 207
    assert [result["status"] for result in answer.json()["results"]] == ["accepted", "refused", "accepted"]
    assert (await collector.post("executions", items[1])).status_code == 422


@pytest.mark.parametrize("route", ["executions", "feedback"])
async def test_first_request_on_a_read_only_database_gets_503(collector: "Running", route: str) -> None:
    psql(collector.dsn, "REVOKE ALL ON ALL TABLES IN SCHEMA collector FROM ratchet_collector")
    psql(collector.dsn, "GRANT SELECT ON collector.api_keys TO ratchet_collector")
    answer = await collector.post(route, [{"id": "a", "target": "bot", "kind": "thumb", "value": True}])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
