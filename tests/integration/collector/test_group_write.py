"""Writing a group in one statement has the same result as in a transaction, or no effect after a concurrent write."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.app import Parts
from collector.domain.group_plan import GroupPlan, GroupWrite, Snapshot, plan_group, references_of
from collector.domain.ingestion import ingest
from collector.domain.model import IngestItem, Mismatch, Origin
from collector.domain.request_context import PseudonymKey, RequestContext
from collector.domain.validation import parse_item
from collector.settings import CollectorSettings
from collector.storage.group_repository import GroupRepository
from collector.storage.repository import PostgresRepository
from shared.runtime.clock import SystemClock
from tests.support.soak import scaled

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHARDS = 4
TABLES = {
    "receipts": "key, body",
    "executions": "reference, trace, session, version, project, environment, target, facts, recorded_values, revision,"
    " received_at",
    "current_feedback": "slot, feedback_id, value, label, updated_at",
    "waiting": "event_id, reference, project, environment, payload, received_at, traceparent",
    "observed": "project, environment, name, digest, documented, first_seen",
    "outbox": "shard, topic, key, event_ids, messages",
}
IDS = [str(UUID(int=number)) for number in range(3)]
DIGESTS = [f"sha256:{number:064x}" for number in range(2)]

labels = st.sampled_from(["good", "bad", "NULL", " a\n", "a\"b\\c'", "{a,b}", "größe 🙂"])
numbers = st.floats(-1e12, 1e12) | st.sampled_from([0.1, -0.0, 5e-324])
kinds = labels.map(lambda label: {"kind": "label", "value": label}) | numbers.map(
    lambda number: {"kind": "score", "value": number, "name": "n"}
)
about = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(IDS),
        "user": st.sampled_from(["ann", "bob"]),
        "execution_id": st.sampled_from(["e0", "e1"]),
        "trace_id": st.sampled_from(["t0", "t1"]),
        "session": st.sampled_from(["s0", "s1"]),
        "consent": st.just({"quality": False}),
    },
).filter(lambda body: not body.keys().isdisjoint(("execution_id", "trace_id", "session")))
feedback = st.builds(lambda kind, rest: {**kind, **rest}, kinds, about)
execution = st.fixed_dictionaries(
    {"target": st.just("bot")},
    optional={
        "id": st.sampled_from(["e0", "e1"]),
        "trace_id": st.sampled_from(["t0", "t1"]),
        "session": st.sampled_from(["s0", "s1"]),
        "parent_id": st.just("e9"),
        "output": st.sampled_from(["yes", "no"]),
        "scores": st.sampled_from([{"a": 1.0}, {"b": 2.0}]),
        "prompts": st.sampled_from(DIGESTS).map(lambda digest: [{"name": "p", "digest": digest}])
        | st.sampled_from("12").map(lambda version: [{"name": "p", "version": version}]),
    },
)
item = st.tuples(
    st.one_of(feedback.map(lambda body: ("feedback", body)), execution.map(lambda body: ("executions", body))),
    st.sampled_from([None, "k0", "k1"]),
)
groups = st.lists(st.lists(item, min_size=1, max_size=5), min_size=1, max_size=5)


def parse(group: Sequence[Any], number: int) -> list[IngestItem]:
    """Return the items of a group, which was received `number` seconds after the start."""
    origin = Origin("shop", "production", START + timedelta(seconds=number))
    key = PseudonymKey("k1", b"s" * 32)
    made = []
    for index, ((route, body), idempotency_key) in enumerate(group):
        # Without an id or key an item gets a random id, which could not be compared.
        context = RequestContext("key", origin, key, idempotency_key or f"{number}-{index}", "ingest")
        made.append(parse_item(route, body, context))
    return made


class Writer:
    """Writes groups on one connection, and counts those that needed a transaction."""

    def __init__(self, pg: Any) -> None:
        self.pg = pg
        self.transactions = 0
        self.statements = 0

    async def plan(self, items: Sequence[IngestItem]) -> tuple[Snapshot, GroupPlan | None]:
        references = references_of(items)
        snapshot = await GroupRepository(self.pg, SHARDS).read(references)
        return snapshot, plan_group(items, references, snapshot)

    async def in_one_statement(self, items: Sequence[IngestItem]) -> Any:
        _, plan = await self.plan(items)
        if plan is None:
            self.transactions += 1
            return await self.in_a_transaction(items)
        assert await GroupRepository(self.pg, SHARDS).write(plan.write), "there is no concurrent write"
        self.statements += 1
        return plan.statuses

    async def in_a_transaction(self, items: Sequence[IngestItem]) -> Any:
        async with self.pg.transaction():
            return await ingest(PostgresRepository(self.pg, SHARDS), items)


async def contents(pg: Any) -> dict[str, list[Any]]:
    """Return all rows, those of the outbox in their order."""
    found = {}
    for table, columns in TABLES.items():
        rows = [tuple(row) for row in await pg.fetch(f"SELECT {columns} FROM collector.{table} ORDER BY ctid")]
        found[table] = rows if table in ("outbox", "waiting") else sorted(rows, key=repr)
    return found


@pytest.fixture
async def writer(migrated_dsn: Callable[..., str]) -> Any:
    parts = Parts.build(
        CollectorSettings(database_url=migrated_dsn("collector"), kafka_bootstrap="127.0.0.1:1"), SystemClock()
    )
    (connection, *_) = parts.write_connections
    async with connection.session() as pg:
        yield Writer(pg)
    await connection.close()
    await parts.platform.engine.dispose()


async def _both(writer: Writer, drawn: Sequence[Any]) -> tuple[Any, Any]:
    """Write the groups both ways, each from empty tables; return statuses and contents of each."""
    found = []
    for write in (writer.in_a_transaction, writer.in_one_statement):
        await writer.pg.execute(f"TRUNCATE {', '.join(f'collector.{table}' for table in TABLES)}")
        statuses = [await write(parse(group, number)) for number, group in enumerate(drawn)]
        found.append((statuses, await contents(writer.pg)))
    return found[0], found[1]


_BROKEN: dict[str, Callable[[GroupWrite], GroupWrite]] = {
    "a claim lost": lambda write: write._replace(claims=write.claims[1:]),
    "an event lost": lambda write: write._replace(outgoing=write.outgoing[1:]),
    "a replaced feedback kept": lambda write: write._replace(replacements=[]),
    "waiting feedback kept": lambda write: write._replace(joined=[]),
}
EXAMPLE: list[list[Any]] = [
    [(("feedback", {"kind": "label", "value": "bad", "user": "ann", "execution_id": "e0"}), "k0")],
    [(("executions", {"target": "bot", "id": "e0", "trace_id": "t0"}), None)],
    [(("feedback", {"kind": "label", "value": "good", "user": "ann", "execution_id": "e0"}), "k1")],
    [(("feedback", {"kind": "label", "value": "good", "user": "bob", "trace_id": "t0"}), "k0")],
]


@pytest.mark.parametrize("fault", _BROKEN)
async def test_a_broken_write_differs(writer: Writer, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    write = GroupRepository.write

    async def broken(self: GroupRepository, group: GroupWrite) -> bool:
        return await write(self, _BROKEN[fault](group))

    expected, found = await _both(writer, EXAMPLE)
    assert found == expected
    monkeypatch.setattr(GroupRepository, "write", broken)
    expected, found = await _both(writer, EXAMPLE)
    assert found != expected


async def test_one_statement_has_the_result_of_a_transaction(writer: Writer) -> None:
    @settings(max_examples=scaled(60, 2_000), deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(groups)
    def check(drawn: Sequence[Any]) -> None:
        cases.append(drawn)

    cases: list[Sequence[Any]] = []
    check()
    for drawn in cases:
        expected, found = await _both(writer, drawn)
        assert found == expected, json.dumps(drawn)
    assert writer.statements > writer.transactions > 0


_RACES = {
    "a claim was taken": "INSERT INTO collector.receipts (key, body) SELECT '{claim}', '\\x00'",
    "a slot was taken": """INSERT INTO collector.current_feedback (slot, feedback_id, updated_at)
                           VALUES ('{free}', decode(repeat('00', 16), 'hex'), now())""",
    "a slot has another feedback": """UPDATE collector.current_feedback
                                       SET feedback_id = decode(repeat('01', 16), 'hex')""",
    "a value was retracted": "UPDATE collector.current_feedback SET label = NULL",
    "waiting feedback was sent": "DELETE FROM collector.waiting",
}


@pytest.mark.parametrize("race", _RACES)
async def test_a_write_whose_snapshot_is_outdated_changes_nothing(
    writer: Writer, migrated_dsn: Callable[..., str], race: str
) -> None:
    said = {"kind": "label", "value": "bad", "user": "ann", "execution_id": "e0"}
    await writer.in_one_statement(parse([(("feedback", said), "k0")], 0))
    group = [
        (("feedback", {**said, "value": "good"}), "k1"),
        (("feedback", {**said, "user": "bob"}), "k2"),
        (("executions", {"target": "bot", "id": "e0"}), "k3"),
    ]
    items = parse(group, 1)
    _, plan = await writer.plan(items)
    assert plan is not None
    assert plan.write.replacements
    assert plan.write.joined
    first, claim = plan.write.first_feedback[0], plan.write.claims[0]
    await writer.pg.execute(_RACES[race].format(free=f"\\x{first.slot.hex()}", claim=f"\\x{claim.key.hex()}"))
    before = await contents(writer.pg)
    assert not await GroupRepository(writer.pg, SHARDS).write(plan.write)
    assert await contents(writer.pg) == before
    statuses = await writer.in_one_statement(items)
    assert not any(isinstance(status, Mismatch) for status in statuses)


async def test_keys_are_looked_up_by_index(writer: Writer) -> None:
    """This includes empty tables: the statements are planned once."""
    session = ("feedback", {"kind": "label", "value": "good", "session": "s0"})
    items = parse([*EXAMPLE[0], *EXAMPLE[3], (session, "k9")], 0)
    read: list[str] = []

    async def fetch(sql: str, *values: object) -> list[Any]:
        rows: list[Any] = await writer.pg.fetch(f"EXPLAIN {sql}", *values)
        read.extend(row[0] for row in rows)
        return []

    await GroupRepository(type("Explaining", (), {"fetch": staticmethod(fetch)}), SHARDS).read(references_of(items))
    assert not [line for line in read if "Seq Scan" in line]
    assert sum("Index Scan" in line for line in read) == 7, "\n".join(read)
