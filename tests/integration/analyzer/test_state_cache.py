"""State in memory is used only while its row is unchanged: nothing is lost or counted twice because of it."""

from typing import Any

import pytest
from sqlalchemy import text

from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.streams.stream import Stream
from analyzer.storage import repository
from shared.events import Envelope
from shared.events.base import Event
from shared.messaging.cloudevents import decode
from tests.support.analysis import Analyzer
from tests.support.databases import psql
from tests.support.messaging import record
from tests.support.quality import envelopes, facts, feedback, recorded

COUNTS = "SELECT CAST(CAST(state AS jsonb) -> 2 ->> 0 AS int) AS n FROM analyzer.streams"
ALL = "SELECT id, CAST(state AS text) AS state FROM analyzer.streams ORDER BY id"
HISTORIES = "SELECT dimension_id, CAST(state AS text) AS state FROM analyzer.dimension_histories ORDER BY dimension_id"


def thumbs(number: int = 60) -> list[Envelope[Event]]:
    return envelopes(feedback(each) for each in range(number))


async def counts(analyzer: Analyzer) -> list[int]:
    return [row.n for row in await analyzer.rows(COUNTS)]


async def in_turn(first: Analyzer, second: Analyzer, sent: list[Envelope[Event]]) -> None:
    """Deliver batches of ten as if the partition was assigned to the other instance after each."""
    for start in range(0, len(sent), 10):
        await (first, second)[start // 10 % 2].deliver(sent[start : start + 10])


async def test_unchanged_state_is_not_read_again(analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    await analyzer.deliver(thumbs()[:20])
    monkeypatch.setattr(Stream, "load", _refuse)
    monkeypatch.setattr(DimensionHistory, "load", _refuse)
    await analyzer.deliver(thumbs()[20:])
    assert await counts(analyzer) == [60]


def _refuse(*given: Any) -> Any:
    raise AssertionError("the state was read although it is in memory")


async def test_nothing_is_lost_when_a_partition_moves_to_and_fro(analyzer: Analyzer) -> None:
    await in_turn(analyzer, Analyzer(analyzer.engine), thumbs())
    assert await counts(analyzer) == [60]


async def test_stale_cache_would_lose_values(analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variant of the above in which whatever is in memory counts as current."""
    for name in ("TOUCHED", "HISTORIES"):
        sql = str(getattr(repository, name))
        assert "s.saved = asked.saved" in sql
        stale = sql.replace("s.saved = asked.saved", "asked.saved IS NOT NULL")
        monkeypatch.setattr(repository, name, text(stale))
    await in_turn(analyzer, Analyzer(analyzer.engine), thumbs())
    assert await counts(analyzer) == [40]  # each overwrites what the other one added since


async def test_state_of_a_failed_transaction_is_not_used(analyzer: Analyzer) -> None:
    await analyzer.deliver(thumbs()[:20])
    batch = [decode(record(envelope, offset), structs=True) for offset, envelope in enumerate(thumbs()[20:40])]
    with pytest.raises(ConnectionError):
        await _fold_and_fail(analyzer, batch)
    assert await counts(analyzer) == [20]
    await analyzer.deliver(thumbs()[20:])
    assert await counts(analyzer) == [60]


async def _fold_and_fail(analyzer: Analyzer, batch: list[Any]) -> None:
    async with analyzer.store.begin() as tx:
        await analyzer.handlers.on_measurable(tx, batch)
        raise ConnectionError


async def test_restored_rows_are_read(analyzer: Analyzer, owner: str) -> None:
    """A backup is restored while the instance runs on."""
    await analyzer.deliver(thumbs()[:20])
    tables = "streams", "dimension_histories"
    for table in tables:
        psql(owner, f"CREATE TABLE kept_{table} AS TABLE analyzer.{table}")
    await analyzer.deliver(thumbs()[20:40])
    for table in tables:
        psql(owner, f"DELETE FROM analyzer.{table}; INSERT INTO analyzer.{table} TABLE kept_{table}")
    await analyzer.deliver(thumbs()[40:])
    assert await counts(analyzer) == [40]


async def test_deleted_rows_are_not_used(analyzer: Analyzer, owner: str) -> None:
    await analyzer.deliver(thumbs()[:20])
    psql(owner, "DELETE FROM analyzer.streams; DELETE FROM analyzer.dimension_histories")
    await analyzer.deliver(thumbs()[20:])
    assert await counts(analyzer) == [40]


async def test_state_is_the_same_as_without_memory(analyzer: Analyzer) -> None:
    """Executions and feedback with texts, in batches: the same instance, and a new one for each batch."""
    sent = envelopes(_mixed(number) for number in range(400))
    for start in range(0, len(sent), 40):
        await analyzer.deliver(sent[start : start + 40])
    found = [[tuple(row) for row in await analyzer.rows(sql)] for sql in (ALL, HISTORIES)]
    async with analyzer.store.begin() as tx:
        for table in ("streams", "dimension_histories", "regressions", "inbox"):
            await tx.conn.exec_driver_sql(f"DELETE FROM analyzer.{table}")
    for start in range(0, len(sent), 40):
        await Analyzer(analyzer.engine).deliver(sent[start : start + 40])
    assert [[tuple(row) for row in await analyzer.rows(sql)] for sql in (ALL, HISTORIES)] == found


def _mixed(number: int) -> Event:
    given: dict[str, Any] = {
        "input": f"refund number {'late' if number % 3 else 'early'} order {chr(97 + number % 20) * 4}",
        "attributes": {"route": f"r{number % 4}", "language": "de" if number % 7 else "fr"},
        "user": f"u{number % 30}",
    }
    version, worse = ("v1", number % 9 == 0) if number < 200 else ("v2", number % 2 == 0)
    if number % 2:
        return feedback(number, version, value=float(not worse), execution=facts(number, version, **given))
    return recorded(number, version, facts=facts(number, version, outcome="error" if worse else "ok", **given))
