"""Operator actions in other services are recorded in the audit chain once per event, by ids."""

from typing import Any
from uuid import uuid4

import pytest

from gatekeeper.handlers.audit import AuditHandlers
from shared.errors import Permanent
from shared.events.metrics import DeclaredMetric, MetricDeclared
from shared.events.operations import DeadLetterSettled, OperationPerformed
from shared.messaging.cloudevents import Received
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import SystemClock
from tests.support.gatekeeper import World, received


def settled(gate: World, **parts: Any) -> Received[Any]:
    """Return the analyzer's event after the reviewer replayed a dead letter there."""
    values: dict[str, Any] = {
        "project": "default", "environment": "production", "letter_id": uuid4(), "service": "analyzer",
        "consumer": "analyzer.quality", "letter_topic": "feedback.created", "outcome": "replayed", "by": "reviewer",
        "key_id": gate.keys["reviewer_key"].split("_")[1], **parts,
    }  # fmt: skip
    return received(DeadLetterSettled(**values))


async def arrive(gate: World, *events: Received[Any]) -> None:
    async with SqlStore(gate.service, "gatekeeper").begin() as tx:
        await AuditHandlers(gate.signer, SystemClock()).on_settled(tx, events)


async def entries(gate: World) -> list[dict[str, Any]]:
    items = (await gate.ask("maker_key", "GET", "/v1/audit?limit=1000")).json()["items"]
    return [entry for entry in items if entry["kind"].startswith("dead-letter.")]


async def test_each_settlement_is_recorded_once(gate: World) -> None:
    replayed, discarded = settled(gate), settled(gate, outcome="discarded")
    for _ in range(2):
        await arrive(gate, replayed, discarded)
    first, second = await entries(gate)
    assert (first["kind"], second["kind"]) == ("dead-letter.replayed", "dead-letter.discarded")
    found = {name: first[name] for name in ("letter_id", "service", "consumer", "topic", "by", "key_id")}
    assert found == {
        "letter_id": str(replayed.event.letter_id), "service": "analyzer", "consumer": "analyzer.quality",
        "topic": "feedback.created", "by": "reviewer", "key_id": replayed.event.key_id,
    }  # fmt: skip
    assert (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()["ok"] is True


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"by": "somebody else"}, "unknown-key"),
        ({"key_id": "made-up"}, "unknown-key"),
        ({"project": "nowhere"}, "unknown-project"),
        ({"letter_topic": "what the user wrote"}, "not-ids"),
        ({"consumer": "x" * 101}, "not-ids"),
        ({"service": ""}, "not-ids"),
    ],
)
async def test_a_settlement_with_a_wrong_subject_is_refused(gate: World, parts: dict[str, str], code: str) -> None:
    with pytest.raises(Permanent, match=code):
        await arrive(gate, settled(gate, **parts))
    assert await entries(gate) == []


async def test_the_gatekeepers_own_dead_letters_are_recorded(gate: World) -> None:
    """End to end: from the operator's request through the outbox to the chain."""
    await gate.sql(
        """INSERT INTO gatekeeper.dead_letters (id, consumer, topic, partition, "offset", headers, payload, reason,
                                                detail, project)
           VALUES (:id, 'gatekeeper.observed', 'prompt.observed', 0, 0, '[]', 'x', 'malformed', 'x', 'default')""",
        id=uuid4(),
    )
    [letter] = (await gate.ask("reviewer_key", "GET", "/v1/ops/gatekeeper/dead-letters")).json()["items"]
    path = f"/v1/ops/gatekeeper/dead-letters/{letter['id']}/discard"
    assert (await gate.ask("reviewer_key", "POST", path)).status_code == 200
    [payload] = await gate.sql(
        "SELECT convert_from(payload, 'UTF8') FROM gatekeeper.outbox_messages WHERE topic = 'dead_letter.settled'"
    )
    await arrive(gate, received(DeadLetterSettled.model_validate_json(payload[0])))
    [entry] = await entries(gate)
    assert (entry["kind"], entry["letter_id"], entry["by"]) == ("dead-letter.discarded", letter["id"], "reviewer")


REPUBLISHED = {"operation": "events_republished", "events": 7, "republished_topic": "feedback.created", "lacking": True}
RESUMED = {"operation": "consumer_resumed", "consumer": "analyzer.quality"}
DIGEST = f"sha256:{'a' * 64}"


def reported(gate: World, event: type[OperationPerformed] | type[MetricDeclared], **parts: Any) -> Received[Any]:
    """Return the analyzer's report about the reviewer."""
    values: dict[str, Any] = {
        "project": "default", "environment": "production", "service": "analyzer", "metric": "label.verdict",
        "revision": 2, "declared": DeclaredMetric(), "digest": DIGEST, "by": "reviewer",
        "key_id": gate.keys["reviewer_key"].split("_")[1], **parts,
    }  # fmt: skip
    return received(event(**values))


async def record(gate: World, *events: Received[Any]) -> None:
    async with SqlStore(gate.service, "gatekeeper").begin() as tx:
        for event in events:
            handlers = AuditHandlers(gate.signer, SystemClock())
            handle = handlers.on_operation if isinstance(event.event, OperationPerformed) else handlers.on_declared
            await handle(tx, [event])


async def acts(gate: World) -> list[dict[str, Any]]:
    items = (await gate.ask("maker_key", "GET", "/v1/audit?limit=1000")).json()["items"]
    return [entry for entry in items if entry["kind"].startswith(("operation.", "metric."))]


async def test_operations_and_declarations_are_recorded_once(gate: World) -> None:
    declared = DeclaredMetric(scale=(0.0, 12.5), labels={"fine": "good"})
    events = [
        reported(gate, OperationPerformed, **REPUBLISHED),
        reported(gate, OperationPerformed, **RESUMED),
        reported(gate, MetricDeclared, target="bot", declared=declared),
        reported(gate, MetricDeclared),
    ]
    for _ in range(2):
        await record(gate, *events)
    keys = ("kind", "topic", "events", "lacking", "consumer", "target", "metric", "scale_high", "labels", "digest")
    assert [{key: entry[key] for key in keys if key in entry} for entry in await acts(gate)] == [
        {"kind": "operation.events_republished", "topic": "feedback.created", "events": 7, "lacking": True},
        {"kind": "operation.consumer_resumed", "consumer": "analyzer.quality"},
        {"kind": "metric.declared", "target": "bot", "metric": "label.verdict", "scale_high": "12.5", "labels": 1,
         "digest": DIGEST},
        {"kind": "metric.withdrawn", "metric": "label.verdict", "digest": DIGEST},
    ]  # fmt: skip
    assert {(entry["by"], entry["environment"]) for entry in await acts(gate)} == {("reviewer", "production")}
    assert (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()["ok"] is True


@pytest.mark.parametrize(
    ("event", "parts", "code"),
    [
        (OperationPerformed, {**RESUMED, "by": "somebody else"}, "unknown-key"),
        (OperationPerformed, {**RESUMED, "project": "nowhere"}, "unknown-project"),
        (OperationPerformed, {**RESUMED, "consumer": "what the user wrote"}, "not-ids"),
        (OperationPerformed, {**REPUBLISHED, "republished_topic": "x" * 101}, "not-ids"),
        (MetricDeclared, {"key_id": "made-up"}, "unknown-key"),
        (MetricDeclared, {"digest": "what the user wrote"}, "not-ids"),
        (MetricDeclared, {"metric": "x" * 301}, "not-ids"),
    ],
)
async def test_an_operation_with_a_wrong_subject_is_refused(
    gate: World, event: type[OperationPerformed], parts: dict[str, Any], code: str
) -> None:
    with pytest.raises(Permanent, match=code):
        await record(gate, reported(gate, event, **parts))
    assert await acts(gate) == []
