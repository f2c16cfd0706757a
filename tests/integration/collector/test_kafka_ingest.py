"""Raw feedback from Kafka is validated like a post; served prompts are recorded."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from collector.handlers import Handlers
from ratchet.prompt import parse
from ratchet.signing import secret_hash, submission_signature
from ratchet.submission import KafkaMessage, execution_message, feedback_message
from shared.errors import Permanent
from shared.events.feedback import ExecutionSubmitted, FeedbackSubmitted, SubmittedItem
from shared.events.promotion import Authorisation, PromptLive, Signature
from shared.messaging.cloudevents import Received
from shared.messaging.dead_letter_writer import DeadLetterBudget
from shared.messaging.delivery import Delivery
from shared.messaging.erased_subjects import ErasedSubjects
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.bus import FakeRecord
from tests.support.databases import psql

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "s" * 43
DOCUMENT = {"schema": "ratchet.prompt/1", "messages": [{"role": "system", "content": "Be kind."}]}


def received(event: Any) -> Received[Any]:
    return Received(event, uuid4(), START, "app", "c", None, None, event.topic, 0, 0)


async def submit(collector: "Running", *events: Any) -> None:
    """Pass events to their handler as delivery does: after a claim, in one transaction."""
    handlers = Handlers(collector.parts.service, collector.parts.platform.keys, ErasedSubjects("collector"), 4)
    handler = handlers.ingest_submitted if isinstance(events[0], SubmittedItem) else handlers.add_ever_served_digests
    batch = [received(event) for event in events]
    async with collector.parts.platform.store.begin() as tx:
        await tx.claim("collector.test", [one.id for one in batch])
        await handler(tx, batch)


def submitted(collector: "Running", key: str | None = None, **body: Any) -> FeedbackSubmitted:
    fields = {"execution_id": "e1", "kind": "thumb", "value": True, **body}
    return FeedbackSubmitted.model_validate_json(_message(collector, key, **fields).value)


def _message(collector: "Running", key: str | None = None, **fields: Any) -> KafkaMessage:
    return feedback_message(collector.keys["ingest"], fields, idempotency_key=key, now=START)


def sign_unchecked(**fields: str) -> FeedbackSubmitted:
    """Return a submission that `feedback_message` would not make, signed by the key `ingest`."""
    given: dict[str, Any] = {"key_id": "ingest", "submitted_at": START.isoformat(), "idempotency_key": None, **fields}
    signature = submission_signature(secret_hash(SECRET), FeedbackSubmitted.topic, **given)
    return FeedbackSubmitted(**given, signature=signature)


def submitted_execution(collector: "Running", **body: Any) -> ExecutionSubmitted:
    message = execution_message(collector.keys["ingest"], {"id": "e1", "target": "answers", **body}, now=START)
    return ExecutionSubmitted.model_validate_json(message.value)


async def test_submitted_feedback_is_stored_like_a_post(collector: "Running") -> None:
    await collector.post("executions", {"id": "e1", "target": "answers"})
    await submit(collector, submitted(collector, "k1"), submitted(collector, "k2", value=False))
    await submit(collector, submitted(collector, "k1"))
    first, second = collector.events("feedback.created")
    assert (first["value"], second["value"], second["target"]) == (1.0, 0.0, "answers")
    again = await collector.post("feedback", submitted(collector).body.encode(), Idempotency_Key="k1")
    assert again.json() == {"id": first["feedback_id"], "status": "duplicate"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"kind": "like"}, "invalid: kind"),
        ({"value": float("nan")}, "invalid: value"),
        ({"user": "a\0b"}, "invalid: user"),
        ({"user": "\ud800"}, "invalid: user"),
        ({"occurred_at": "2026-01-01T00:00:00"}, "invalid: occurred_at"),
        ({"Jane": 1, "Doe": 2}, r"^invalid: \(undeclared\)$"),
    ],
)
async def test_invalid_submissions_become_dead_letters(
    collector: "Running", body: dict[str, Any], message: str
) -> None:
    event = sign_unchecked(body=json.dumps({"execution_id": "e1", "kind": "thumb", "value": True, **body}))
    with pytest.raises(Permanent, match=message):
        await submit(collector, event)
    assert collector.count("waiting") == 0


async def test_unknown_and_reused_keys_are_rejected(collector: "Running") -> None:
    for changed in (
        {"key_id": "x"},
        {"body": "{}"},
        {"signature": "é"},
        {"idempotency_key": "k"},
        {"submitted_at": "now"},
    ):
        with pytest.raises(Permanent, match="unauthenticated"):
            await submit(collector, submitted(collector).model_copy(update=changed))
    for time in ((START - timedelta(days=8)).isoformat(), "2026-11-21T11:00:00", "now"):
        with pytest.raises(Permanent, match="invalid: submitted_at"):
            await submit(collector, sign_unchecked(body="{}", submitted_at=time))
    await submit(collector, submitted(collector, "k1"))
    with pytest.raises(Permanent, match="idempotency-conflict"):
        await submit(collector, submitted(collector, "k2"), submitted(collector, "k1", value=False))
    feedback_id = str(uuid4())
    await submit(collector, submitted(collector, id=feedback_id))
    with pytest.raises(Permanent, match="id-conflict"):
        await submit(collector, submitted(collector, id=feedback_id, value=False))
    assert collector.count("waiting") == 2


@pytest.mark.parametrize("ahead", [timedelta(minutes=6), timedelta(days=1), timedelta(days=36_500)])
async def test_clock_ahead_rejects_no_feedback(collector: "Running", ahead: timedelta) -> None:
    await collector.post("executions", {"id": "e1", "target": "answers"})
    await submit(collector, submitted(collector, occurred_at=(START + ahead).isoformat()))
    (event,) = collector.events("feedback.created")
    assert datetime.fromisoformat(event["occurred_at"]) == START
    assert event["clock_skew_s"] == ahead.total_seconds()


async def test_concurrent_posts_and_batches_count_once(collector: "Running") -> None:
    await collector.post("executions", {"id": "e1", "target": "answers"})
    post = collector.post("feedback", submitted(collector).body.encode(), Idempotency_Key="k1")
    await asyncio.gather(post, submit(collector, submitted(collector, "k1")))
    assert len(collector.events("feedback.created")) == 1


async def test_live_prompts_are_recorded_as_served(collector: "Running") -> None:
    prompt = parse(DOCUMENT)
    live = PromptLive(
        project="shop", environment="production", name="p", target="answers", digest=prompt.digest, sequence=1,
        document=dict(prompt.to_dict()), examples={}, reason="promoted", occurred_at=START,
        authorisation=Authorisation(kind="decision", id=UUID(int=1), by="eve"),
        signature=Signature(key_id="k", value="s"),
    )  # fmt: skip
    await submit(collector, live, live)
    use = {"prompts": [{"name": "p", "digest": prompt.digest}], "target": "answers"}
    await collector.post("executions", use)
    assert collector.events("prompt.observed") == []


async def test_no_table_contains_an_api_key(collector: "Running") -> None:
    """Covers messages of previous versions, which contained the key, and signed ones."""
    raw = {"api_key": collector.keys["ingest"], "body": {"kind": "like"}}
    hidden = json.dumps(raw).replace("rk_", "\\u0072k_")
    good = submitted(collector, "k1")
    messages = [
        json.dumps(raw),
        hidden,
        hidden[:-1],
        sign_unchecked(body="{}").model_dump_json(),
        good.model_dump_json(),
    ]
    platform = collector.parts.platform
    handlers = Handlers(collector.parts.service, platform.keys, ErasedSubjects("collector"), 4)
    (subscription,) = (each for each in handlers.subscriptions() if each.name == "submitted")
    delivery = Delivery(
        "collector.submitted", subscription, platform.store, collector.clock, Metrics("t"), DeadLetterBudget(9)
    )
    key = collector.keys["ingest"].encode()
    records = [
        FakeRecord("feedback.submitted", 0, offset, key, text.encode(), (*_message(collector).headers, ("key", key)))
        for offset, text in enumerate(messages)
    ]
    await delivery.process(records)
    assert (collector.count("dead_letters"), collector.count("waiting")) == (4, 1)
    owners = psql(
        collector.dsn, "SELECT project FROM collector.dead_letters WHERE payload LIKE '%ingest%'::bytea ORDER BY 1"
    )
    assert owners.split() == ["shop"] * 3
    tables = psql(collector.dsn, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'collector'")
    kept = "".join(psql(collector.dsn, f"SELECT t::text FROM collector.{table} AS t") for table in tables.split())
    assert SECRET not in kept
    assert SECRET.encode().hex() not in kept


async def test_a_submitted_execution_is_stored_like_a_post(collector: "Running") -> None:
    await submit(collector, submitted(collector, "k1"), submitted_execution(collector, model="m", input="hi"))
    (recorded,) = collector.events("execution.recorded")
    assert (recorded["target"], recorded["facts"]["model"], recorded["facts"]["input"]) == ("answers", "m", "hi")
    (feedback,) = collector.events("feedback.created")
    assert feedback["target"] == "answers"
    again = await collector.post("executions", {"id": "e1", "target": "answers", "model": "m", "input": "hi"})
    assert again.json()["status"] == "duplicate"


async def test_a_submitted_execution_can_be_completed_but_not_changed(collector: "Running") -> None:
    await submit(collector, submitted_execution(collector))
    await submit(collector, submitted_execution(collector, output="hello"))
    assert [event["facts"].get("output") for event in collector.events("execution.recorded")] == [None, "hello"]
    with pytest.raises(Permanent, match="execution-mismatch: output"):
        await submit(collector, submitted_execution(collector, output="bye"))
    await submit(collector, submitted_execution(collector, attributes={"Jane": "1"}))
    with pytest.raises(Permanent, match=r"^execution-mismatch: attributes\.\(undeclared\)$"):
        await submit(collector, submitted_execution(collector, attributes={"Jane": "2"}))


async def test_a_signature_is_valid_for_its_topic_only(collector: "Running") -> None:
    """A reader of one topic can't submit its messages to the other one."""
    feedback = submitted(collector)
    with pytest.raises(Permanent, match="unauthenticated"):
        await submit(collector, ExecutionSubmitted(**feedback.model_dump()))
