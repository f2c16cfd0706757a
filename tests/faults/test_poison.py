"""Messages that cannot be processed do not delay others: they become dead letters, which can be replayed."""

import asyncio
import json
import time
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer

from shared.events.feedback import ExecutionFacts, FeedbackCreated
from shared.events.message import OutgoingMessage
from shared.messaging.cloudevents import encode
from shared.messaging.producer import KafkaProducer
from shared.messaging.send_result import SendResult
from tests.faults.conftest import MakeFleet
from tests.support.eventually import eventually
from tests.support.fleet import Fleet
from tests.support.load import Load, posts
from tests.support.messaging import NOW, ScratchSettings, envelope, feedback
from tests.support.summary import query_rows, verify_counts, wait_until_processed

_KEY = "default/bot"
"""The poison messages share the partition of the target that the load posts about."""
pytestmark = pytest.mark.timeout(1200)  # longer than our own deadlines, whose messages say more


@pytest.fixture(scope="module")
def fleet(make_fleet: MakeFleet) -> Fleet:
    fleet = make_fleet()
    fleet.start()
    return fleet


def rejected_feedback() -> FeedbackCreated:
    """Return a valid event that a constraint in the database rejects."""
    facts = ExecutionFacts(execution_id="e", occurred_at=NOW)
    return feedback(target="cursed").model_copy(
        update={"project": "default", "environment": "production", "execution": facts}
    )


def poison_messages() -> list[OutgoingMessage]:
    """Return an unreadable message, one of a future major version, and one on which the handler fails."""
    valid = encode(envelope(rejected_feedback()))
    headers = dict(valid.headers)
    future_headers = tuple({**headers, "ce_type": "ratchet.feedback.created.v2", "ce_id": str(UUID(int=2))}.items())
    return [
        OutgoingMessage(valid.topic, _KEY, b"garbage", (("ce_id", "\N{SNOWMAN}"),)),
        OutgoingMessage(valid.topic, _KEY, valid.value, future_headers),
        OutgoingMessage(valid.topic, _KEY, valid.value, valid.headers),
    ]


async def _send(fleet: Fleet, messages: list[OutgoingMessage]) -> None:
    producer = KafkaProducer(ScratchSettings(database_url="postgresql://unused", kafka_bootstrap=fleet.kafka))
    assert set(await producer.send(messages)) == {SendResult.SENT}
    await producer.close()


async def test_poison_delays_no_other_event_and_can_be_replayed(fleet: Fleet) -> None:
    await query_rows(fleet.dsn, "ALTER TABLE analyzer.streams ADD CONSTRAINT refuses CHECK (target <> 'cursed')")
    load = Load([fleet.first_instance("collector").url], fleet.keys["ingest_key"], posts(300, "behind"), rate=200)
    await _send(fleet, poison_messages())
    await load.run()
    acknowledged = time.monotonic()
    await wait_until_processed(fleet.dsn, fleet.kafka, within=180)
    print(f"\nall posts counted {time.monotonic() - acknowledged:.2f} s after the last acknowledgement")
    assert (await verify_counts(fleet.dsn, load)).clean

    letters = {letter["reason"]: letter for letter in await _letters(fleet, "analyzer")}
    assert set(letters) == {"malformed", "unknown-type", "exhausted"}
    assert {letter["reason"] for letter in await _letters(fleet, "proposer")} == {"malformed", "unknown-type"}
    assert letters["malformed"]["payload"] == "garbage"
    origins = [letter["origin"] for letter in letters.values()]
    assert {(origin["topic"], origin["partition"]) for origin in origins} == {("feedback.created", _partition(origins))}
    assert await _mirrored(fleet, 5) >= {letter["id"] for letter in letters.values()}

    await _replay_after_repair(fleet, letters["exhausted"])
    assert await _post_operation(fleet, letters["unknown-type"], "replay") == (409, "replay-failed")
    assert await _post_operation(fleet, letters["malformed"], "discard") == (200, None)
    assert [letter["reason"] for letter in await _letters(fleet, "analyzer")] == ["unknown-type"]
    outcomes = {"dead-letter.replayed": "exhausted", "dead-letter.discarded": "malformed"}
    settled = [(kind, letters[reason]["id"]) for kind, reason in outcomes.items()]
    await eventually(lambda: _audit_has(fleet, settled))
    await eventually(lambda: _reports_topic_health(fleet))


async def _audit_has(fleet: Fleet, settled: list[tuple[str, str]]) -> bool:
    """Return whether the audit, stored by another service, has exactly these entries."""
    status, body = await asyncio.to_thread(
        fleet.first_instance("gatekeeper").get, "/v1/audit?kind=dead-letter", fleet.keys["reviewer_key"]
    )
    assert status == 200, body
    return [(entry["kind"], entry["letter_id"]) for entry in json.loads(body)["items"]] == settled


async def _reports_topic_health(fleet: Fleet) -> bool:
    """Return whether the analyzer reports its rate, its lag and the remaining dead letter."""
    status, body = await asyncio.to_thread(
        fleet.first_instance("analyzer").get, "/v1/ops/analyzer/topics", fleet.keys["reviewer_key"]
    )
    assert status == 200, body
    topics = json.loads(body)
    [feedback_in] = [row for row in topics["consumers"] if row["topic"] == "feedback.created"]
    assert [(row["topic"], row["parked"]) for row in topics["dead_letters"]] == [("feedback.created", 1)]
    assert (feedback_in["lag"], feedback_in["oldest_unprocessed_at"], feedback_in["paused"]) == (0, None, False)
    return bool(feedback_in["rate_per_s"])


async def _replay_after_repair(fleet: Fleet, letter: dict[str, Any]) -> None:
    counted = "SELECT state::json ->> 'n' FROM analyzer.streams WHERE target = 'cursed'"
    assert await _post_operation(fleet, letter, "replay") == (409, "replay-failed")
    await query_rows(fleet.dsn, "ALTER TABLE analyzer.streams DROP CONSTRAINT refuses")
    assert await query_rows(fleet.dsn, counted) == []
    assert await _post_operation(fleet, letter, "replay") == (200, None)
    assert len(await query_rows(fleet.dsn, counted)) == 1
    assert await _post_operation(fleet, letter, "replay") == (404, "dead-letter-unknown")


def _partition(origins: list[dict[str, Any]]) -> int:
    return int(origins[0]["partition"])


async def _letters(fleet: Fleet, service: str) -> list[dict[str, Any]]:
    path, key = f"/v1/ops/{service}/dead-letters", fleet.keys["reviewer_key"]
    status, body = await asyncio.to_thread(fleet.first_instance(service).get, path, key)
    assert status == 200, body
    return list(json.loads(body)["items"])


async def _post_operation(fleet: Fleet, letter: dict[str, Any], operation: str) -> tuple[int, str | None]:
    """Return the status, and the problem's code if there is one."""
    path = f"/v1/ops/analyzer/dead-letters/{letter['id']}/{operation}"
    status, body = await asyncio.to_thread(fleet.first_instance("analyzer").post, path, fleet.keys["reviewer_key"])
    return status, json.loads(body).get("code")


async def _mirrored(fleet: Fleet, count: int) -> set[str]:
    """Return the ids of the dead letters on the mirror topic, once there are at least `count`."""
    consumer = AIOKafkaConsumer(
        "feedback.created.dlq", bootstrap_servers=fleet.kafka, auto_offset_reset="earliest", group_id=None
    )
    found: set[str] = set()

    async def enough() -> bool:
        for batch in (await consumer.getmany(timeout_ms=200)).values():
            found.update(dict(message.headers)["dlq_id"].decode() for message in batch)
        return len(found) >= count

    await consumer.start()
    try:
        await eventually(enough)
    finally:
        await consumer.stop()
    return found
