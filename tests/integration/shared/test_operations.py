"""Operator tasks with a real database: dead letters, republishing, keys, health, outdated schemas."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import generate_latest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ratchet.signing import key_bytes, new_private_key, public_key, sign
from shared.auth.keys import KeyStore
from shared.auth.principal import hash_secret
from shared.auth.tables import key_table
from shared.errors import Permanent
from shared.events.feedback import FeedbackCreated
from shared.events.message import OutgoingMessage
from shared.events.promotion import KeyChanged, Signature
from shared.messaging.bus import Bus
from shared.messaging.cloudevents import Received
from shared.messaging.delivery import Delivery
from shared.messaging.republish import RepublishScope, republish
from shared.messaging.retention import delete_expired
from shared.messaging.sql_dead_letters import DeadLetterRepository
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Subscription, Tx
from shared.messaging.topic_stats import TopicStats
from shared.problems import Problem
from shared.runtime.database import SchemaOutdated, check_schema, metadata_for
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.bus import FakeRecord
from shared.testing.clock import FakeClock
from shared.web.error_handlers import install_problems
from shared.web.health import health_router
from shared.web.operations_api import operations_router
from shared.web.operator_actions import OperatorActions
from tests.support.databases import as_role, psql
from tests.support.messaging import NOW, SCHEMA, ScratchSettings, async_dsn, envelope, feedback, record, scratch_engine

CONSUMER = f"{SCHEMA}.effects"
PRIVATE = new_private_key()


@dataclass
class OperationsFixture:
    """A consumer with one dead letter, and an operator who uses the HTTP API."""

    engine: AsyncEngine
    store: SqlStore
    keys: KeyStore
    app: FastAPI = field(default_factory=FastAPI)
    metrics: Metrics = field(default_factory=lambda: Metrics(SCHEMA))
    taken: list[UUID] = field(default_factory=list)
    broken: bool = True
    parked: FakeRecord = field(default_factory=lambda: record(envelope(feedback()), offset=4))
    delivery: Delivery = field(init=False)

    async def handle(self, _: Tx, events: Sequence[Received[Any]]) -> None:
        if self.broken:
            raise Permanent
        self.taken += [received.id for received in events]

    def client(self, scope: str) -> httpx.AsyncClient:
        return self.client_of("operator" if scope == "operate" else "reader")

    def client_of(self, key_id: str) -> httpx.AsyncClient:
        token = f"rk_{key_id}_secret"
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://scratch",
            headers={"authorization": f"Bearer {token}"},
        )


class NoProblems:
    problems: tuple[str, ...] = ()


@pytest.fixture
async def ops(postgres_dsn: str) -> AsyncIterator[OperationsFixture]:
    engine = await scratch_engine(postgres_dsn)
    metadata = metadata_for(SCHEMA)
    key_table(metadata)
    async with engine.begin() as conn:
        await conn.run_sync(metadata.create_all)
    store, clock = SqlStore(engine, SCHEMA), FakeClock(NOW)
    ops = OperationsFixture(engine, store, KeyStore(engine, SCHEMA))
    for key_id, scope in (("operator", "operate"), ("reader", "read")):
        await process(ops, key(key_id, scope))
    await process(ops, key("stranger", "operate", project="other"))
    await process(ops, key("tester", "operate", environment="staging"))
    await process(ops, key("admin", "operate", "admin"))
    settings = ScratchSettings(
        database_url="postgresql://unused", kafka_bootstrap="127.0.0.1:9", instance="one", embedded_bus=True
    )
    subscription = Subscription("effects", (FeedbackCreated,), ops.handle)
    bus = Bus(settings, [subscription], [], store, clock, ops.metrics)
    ops.delivery = bus.deliveries[CONSUMER]
    await ops.delivery.process([ops.parked])
    ops.app.state.keys = ops.keys
    install_problems(ops.app)
    letters = DeadLetterRepository(engine, SCHEMA)
    traffic = TopicStats(settings, engine, bus, ops.metrics, NOW)
    ops.app.include_router(operations_router(SCHEMA, letters, traffic, OperatorActions(store, bus.deliveries, clock)))
    ops.app.include_router(health_router(engine, NoProblems(), ops.metrics.backlog))
    yield ops
    await engine.dispose()


def key(
    key_id: str, *scopes: str, revision: int = 1, revoked: bool = False, private: str = PRIVATE,
    project: str = "acme", environment: str = "production", origins: tuple[str, ...] = (),
) -> KeyChanged:  # fmt: skip
    """Return a signed event about a key."""
    fields: dict[str, Any] = {
        "project": project, "environment": environment, "key_id": key_id, "revision": revision,
        "secret_hash": hash_secret("secret"), "subject": key_id, "subject_kind": "person", "scopes": scopes,
        "revoked": revoked, "origins": origins,
    }  # fmt: skip
    signature = Signature(key_id="signer", value=sign(private, key_bytes(fields)))
    return KeyChanged(**fields, signature=signature)


async def process(ops: OperationsFixture, event: KeyChanged) -> None:
    received = Received(event, uuid4(), NOW, "gatekeeper", "c", None, None, "key.changed", 0, 0)
    async with ops.store.begin() as tx:
        await ops.keys.save(tx, [received], [public_key(PRIVATE)])


async def test_dead_letter_is_shown_replayed_and_removed(ops: OperationsFixture) -> None:
    async with ops.client("operate") as operator:
        (letter,) = (await operator.get(f"/v1/ops/{SCHEMA}/dead-letters")).json()["items"]
        assert letter["origin"] == {"topic": "feedback.created", "partition": 0, "offset": 4}
        assert letter["reason"] == "permanent"
        assert '"kind":"thumb"' in letter["payload"]
        path = f"/v1/ops/{SCHEMA}/dead-letters/{letter['id']}"
        refused = await operator.post(f"{path}/replay")
        assert (refused.status_code, refused.json()["code"]) == (409, "replay-failed")
        ops.broken = False
        assert (await operator.post(f"{path}/replay")).json()["status"] == "replayed"
        assert len(ops.taken) == 1
        assert (await operator.post(f"{path}/replay")).status_code == 404
        assert (await operator.get(f"/v1/ops/{SCHEMA}/dead-letters")).json()["items"] == []
        assert (await operator.get(f"/v1/ops/{SCHEMA}/dead-letters?status=replayed")).json()["items"] != []


async def test_pages_of_dead_letters_of_one_moment(ops: OperationsFixture) -> None:
    path = f"/v1/ops/{SCHEMA}/dead-letters"
    async with ops.store.begin() as tx:
        await tx.conn.execute(
            text(
                f"""INSERT INTO {SCHEMA}.dead_letters (id, consumer, topic, partition, "offset", headers, payload,
                                                       reason, detail, project, environment, parked_at)
                    SELECT gen_random_uuid(), consumer, topic, partition, n, headers, payload, reason, detail, project,
                           environment, parked_at FROM {SCHEMA}.dead_letters, generate_series(100, 102) AS n"""
            )
        )
    async with ops.client("operate") as operator:
        whole = (await operator.get(path)).json()
        first = (await operator.get(f"{path}?limit=2")).json()
        second = (await operator.get(path, params={"limit": 2, "cursor": first["next"]})).json()
        foreign = await operator.get(path, params={"status": "replayed", "cursor": first["next"]})
    assert whole["next"] is None
    assert len(whole["items"]) == 4
    assert first["items"] + second["items"] == whole["items"]
    assert (foreign.status_code, foreign.json()["errors"][0]["field"]) == (422, "cursor")


async def test_a_dead_letter_can_be_discarded(ops: OperationsFixture) -> None:
    async with ops.client("operate") as operator:
        (letter,) = (await operator.get(f"/v1/ops/{SCHEMA}/dead-letters")).json()["items"]
        path = f"/v1/ops/{SCHEMA}/dead-letters/{letter['id']}/discard"
        assert (await operator.post(path)).json()["status"] == "discarded"
        ops.broken = False
        await ops.delivery.process([ops.parked])
        assert ops.taken == [], "a redelivered message stays discarded"
        assert (await operator.post(path)).json()["code"] == "dead-letter-unknown"


@pytest.mark.parametrize(("verb", "outcome"), [("replay", "replayed"), ("discard", "discarded")])
async def test_operator_actions_are_reported_once_by_ids(ops: OperationsFixture, verb: str, outcome: str) -> None:
    ops.broken = False
    async with ops.client("operate") as operator:
        (letter,) = (await operator.get(f"/v1/ops/{SCHEMA}/dead-letters")).json()["items"]
        for _ in range(2):
            await operator.post(f"/v1/ops/{SCHEMA}/dead-letters/{letter['id']}/{verb}")
    (message,) = [each for each in await unsent(ops.store) if not each.topic.endswith(".dlq")]
    assert (message.topic, message.key) == ("dead_letter.settled", "acme")
    assert json.loads(message.value) == {
        "project": "acme", "environment": "production", "letter_id": letter["id"], "service": SCHEMA,
        "consumer": CONSUMER, "letter_topic": "feedback.created", "outcome": outcome,
        "by": "operator", "key_id": "operator",
    }  # fmt: skip


async def test_topics_show_backlogs_and_unmeasured_values_as_unknown(
    ops: OperationsFixture,
) -> None:
    async with ops.store.begin() as tx:
        await tx.emit(envelope())
    async with ops.client("operate") as operator:
        shown = (await operator.get(f"/v1/ops/{SCHEMA}/topics")).json()
        (letter,) = (await operator.get(f"/v1/ops/{SCHEMA}/dead-letters")).json()["items"]
    assert (shown["instance"], shown["since"]) == ("one", "2026-01-01T00:00:00+00:00")
    assert [(topic.pop("topic"), topic.pop("oldest_unsent_at")[:2]) for topic in shown["topics"]] == [
        ("feedback.created", "20"), ("feedback.created.dlq", "20"),
    ]  # fmt: skip
    assert shown["topics"] == [{"rate_per_s": None, "sent": 0, "unsent": 1}] * 2
    assert shown["consumers"] == [
        {"consumer": CONSUMER, "topic": "feedback.created", "rate_per_s": None, "lag": None,
         "oldest_unprocessed_at": None, "paused": False},
    ]  # fmt: skip
    assert shown["dead_letters"] == [
        {"topic": "feedback.created", "consumer": CONSUMER, "parked": 1, "oldest_parked_at": letter["parked_at"]}
    ]
    assert shown["gaps"] == []


@pytest.mark.parametrize("who", ["stranger", "tester"])
async def test_dead_letter_is_visible_only_in_its_project_and_environment(ops: OperationsFixture, who: str) -> None:
    async with ops.client("operate") as operator, ops.client_of(who) as other:
        (letter,) = (await operator.get(f"/v1/ops/{SCHEMA}/dead-letters")).json()["items"]
        assert letter["project"] == "acme"
        assert (await other.get(f"/v1/ops/{SCHEMA}/dead-letters")).json()["items"] == []
        assert (await other.get(f"/v1/ops/{SCHEMA}/topics")).json()["dead_letters"] == []
        for verb in ("replay", "discard"):
            answer = await other.post(f"/v1/ops/{SCHEMA}/dead-letters/{letter['id']}/{verb}")
            assert (answer.status_code, answer.json()["code"]) == (404, "dead-letter-unknown")
        assert len((await operator.get(f"/v1/ops/{SCHEMA}/dead-letters")).json()["items"]) == 1


async def test_dead_letter_of_unknown_project_is_shown_to_admins_without_content(ops: OperationsFixture) -> None:
    secret = FakeRecord("feedback.created", 0, 9, b"key", b"garbage of a user", (("h", b"v"),))
    await ops.delivery.process([secret])
    async with ops.client("operate") as operator, ops.client_of("admin") as admin:
        assert len((await operator.get(f"/v1/ops/{SCHEMA}/dead-letters")).json()["items"]) == 1
        items = (await admin.get(f"/v1/ops/{SCHEMA}/dead-letters")).json()["items"]
        (unknown,) = [item for item in items if item["project"] is None]
        assert (unknown["payload"], unknown["headers"], unknown["reason"]) == ("", {}, "malformed")
        path = f"/v1/ops/{SCHEMA}/dead-letters/{unknown['id']}/discard"
        assert (await operator.post(path)).status_code == 404
        assert (await admin.post(path)).status_code == 200


async def test_project_republishes_only_its_own_events(ops: OperationsFixture) -> None:
    async with ops.store.begin() as tx:
        await tx.emit(envelope(), envelope(feedback().model_copy(update={"project": "acme2"})))
        await tx.conn.execute(text(f"UPDATE {SCHEMA}.outbox SET sent_at = now()"))
    async with ops.client_of("stranger") as stranger, ops.client("operate") as operator:
        path, body = f"/v1/ops/{SCHEMA}/republish", {"topic": "feedback.created"}
        assert (await stranger.post(path, json=body)).json() == {"republished": 0}
        assert (await operator.post(path, json=body)).json() == {"republished": 1}
        assert (await operator.post(path, json={"topic": "what a user wrote"})).status_code == 422
    waiting = await unsent(ops.store)
    assert [message.key for message in waiting if message.topic == "feedback.created"] == ["acme/bot"]
    reports = {message.key: json.loads(message.value) for message in waiting if message.topic == "operation.performed"}
    assert reports["other"]["events"] == 0
    assert reports["acme"] == {
        "project": "acme", "environment": "production", "operation": "events_republished", "service": SCHEMA,
        "consumer": None, "events": 1, "republished_topic": "feedback.created", "since": None, "lacking": False,
        "by": "operator", "key_id": "operator",
    }  # fmt: skip


async def test_an_operator_resumes_a_paused_consumer(ops: OperationsFixture) -> None:
    async with ops.store.begin() as tx:
        await tx.pause(CONSUMER, ["feedback.created"], "too many dead letters")
    await ops.delivery.refresh()
    path = f"/v1/ops/{SCHEMA}/consumers/{CONSUMER}/resume"
    async with ops.client("operate") as operator, ops.client("read") as reader:
        assert (await operator.get(f"/v1/ops/{SCHEMA}/topics")).json()["consumers"][0]["paused"]
        assert f'ratchet_consumer_paused{{consumer="{CONSUMER}"}} 1.0' in generate_latest(ops.metrics.registry).decode()
        assert (await reader.post(path)).status_code == 403
        assert (await operator.post(path)).json() == {"consumer": CONSUMER, "status": "running"}
        assert (await operator.post(path)).json()["code"] == "not-paused"
        assert (await operator.post(f"/v1/ops/{SCHEMA}/consumers/x/resume")).json()["code"] == "consumer-unknown"
        assert not (await operator.get(f"/v1/ops/{SCHEMA}/topics")).json()["consumers"][0]["paused"]
    sent = await unsent(ops.store)
    (report,) = [json.loads(message.value) for message in sent if message.topic == "operation.performed"]
    assert (report["operation"], report["consumer"], report["by"]) == ("consumer_resumed", CONSUMER, "operator")


async def test_operations_are_for_operators(ops: OperationsFixture) -> None:
    async with ops.client("read") as reader:
        for answer in (
            await reader.get(f"/v1/ops/{SCHEMA}/topics"),
            await reader.get(f"/v1/ops/{SCHEMA}/dead-letters"),
            await reader.post(f"/v1/ops/{SCHEMA}/dead-letters/{uuid4()}/replay"),
            await reader.post(f"/v1/ops/{SCHEMA}/republish", json={}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")


async def test_only_rows_with_events_missing_from_an_inbox_are_republished(ops: OperationsFixture) -> None:
    sent = [envelope(feedback()) for _ in range(4)]
    async with ops.store.begin() as tx:
        await tx.emit(*sent[:2])
        await tx.emit(*sent[2:])
        await tx.claim(CONSUMER, [event.id for event in sent[:3]])
        await tx.conn.execute(text(f"UPDATE {SCHEMA}.outbox SET sent_at = now()"))
        await tx.conn.execute(text(f"INSERT INTO {SCHEMA}.subscriptions VALUES ('{CONSUMER}', 'feedback.created')"))
    async with ops.client("operate") as operator:
        answer = await operator.post(f"/v1/ops/{SCHEMA}/republish", json={"lacking": True})
    assert answer.json() == {"republished": 2}
    assert await republish(ops.engine, SCHEMA, RepublishScope(topic="prompt.live")) == 0
    assert await republish(ops.engine, SCHEMA, RepublishScope(topic="feedback.created")) == 2
    assert len([message for message in await unsent(ops.store) if message.topic == "feedback.created"]) == 4
    waiting = {message.topic for message in await unsent(ops.store)}
    assert waiting == {"feedback.created", "operation.performed"}


async def test_only_signed_keys_are_stored(ops: OperationsFixture) -> None:
    with pytest.raises(Permanent, match="not signed"):
        await process(ops, key("intruder", "operate", private=new_private_key()))
    forged = key("operator", "operate").model_copy(update={"scopes": ("review",), "revision": 2})
    with pytest.raises(Permanent, match="not signed"):
        await process(ops, forged)
    assert (await ops.keys.authenticate("Bearer rk_operator_secret")).scopes == {"operate"}


async def test_origins_are_stored_as_they_were_signed(ops: OperationsFixture) -> None:
    event = key("web", "browser-ingest", origins=("https://shop.example",))
    for forged in ((), ("https://shop.example", "https://evil.example")):
        with pytest.raises(Permanent, match="not signed"):
            await process(ops, event.model_copy(update={"origins": forged}))
    await process(ops, event)
    assert (await ops.keys.authenticate("Bearer rk_web_secret")).origins == {"https://shop.example"}


async def test_revoked_key_is_rejected_and_stays_revoked(ops: OperationsFixture) -> None:
    await process(ops, key("operator", "operate", revision=3, revoked=True))
    await process(ops, key("operator", "operate", revision=2))
    with pytest.raises(Problem, match="valid API key"):
        await ops.keys.authenticate("Bearer rk_operator_secret")
    with pytest.raises(Problem, match="valid API key"):
        await ops.keys.authenticate("Bearer rk_reader_wrong")


async def test_health_reports_database_availability(ops: OperationsFixture) -> None:
    async with ops.client("read") as anybody:
        assert (await anybody.get("/health/live")).json() == {"status": "live"}
        ready = {"status": "ready", "problems": [], "outbox": {"oldest_unsent_s": 0.0}}
        assert (await anybody.get("/health/ready")).json() == ready


async def test_health_reports_the_age_of_the_oldest_unsent_message(ops: OperationsFixture) -> None:
    async with ops.client("read") as anybody:
        ops.metrics.backlog.observe(61.0)
        stuck = (await anybody.get("/health/ready")).json()
        assert (stuck["status"], len(stuck["problems"])) == ("degraded", 1)
        assert stuck["outbox"]["oldest_unsent_s"] >= 61
        ops.metrics.backlog.observe(None)
        assert (await anybody.get("/health/ready")).json()["status"] == "ready"
    exposed = generate_latest(ops.metrics.registry).decode()
    assert "ratchet_outbox_oldest_unsent_seconds 0.0" in exposed


async def test_health_reports_a_read_only_database(ops: OperationsFixture) -> None:
    @event.listens_for(ops.engine.sync_engine, "begin")
    def read_only(conn: Connection) -> None:
        conn.exec_driver_sql("SET TRANSACTION READ ONLY")

    async with ops.client("read") as anybody:
        answer = (await anybody.get("/health/ready")).json()
    assert (answer["status"], answer["problems"]) == ("degraded", ["database: read-only, no writes are accepted"])


async def test_outdated_schema_is_named(ops: OperationsFixture) -> None:
    with pytest.raises(SchemaOutdated, match="is at revision none, but 0001 is needed"):
        await check_schema(ops.engine, SCHEMA, ["0001"])


async def test_texts_are_deleted_before_inbox_entries(ops: OperationsFixture) -> None:
    async with ops.store.begin() as tx:
        await tx.emit(envelope(), envelope(key("reader", "read")))
        await tx.claim(CONSUMER, [uuid4()])
        for table, column in (("outbox", "sent_at"), ("dead_letters", "parked_at"), ("inbox", "received_at")):
            await tx.conn.execute(text(f"UPDATE {SCHEMA}.{table} SET {column} = now() - interval '5 hours'"))
    await delete_expired(ops.engine, SCHEMA, retention_hours=4)

    async def rows(table: str) -> int:
        async with ops.engine.connect() as conn:
            return int((await conn.execute(text(f"SELECT count(*) FROM {SCHEMA}.{table}"))).scalar_one())

    assert [await rows(table) for table in ("outbox", "dead_letters", "inbox")] == [1, 1, 1], (
        "an open dead letter is not deleted"
    )
    async with ops.engine.begin() as conn:
        await conn.execute(
            text(f"UPDATE {SCHEMA}.dead_letters SET status = 'discarded', settled_at = now() - interval '5 hours'")
        )
    await delete_expired(ops.engine, SCHEMA, retention_hours=4)
    assert await rows("dead_letters") == 0
    assert [message.topic for message in await remaining(ops.store)] == ["key.changed"]


async def test_republished_events_are_deleted_before_their_inbox_entries(ops: OperationsFixture) -> None:
    async with ops.store.begin() as tx:
        await tx.emit(envelope(), envelope(key("reader", "read")))
        await tx.conn.execute(text(f"UPDATE {SCHEMA}.outbox SET created_at = now() - interval '9 hours'"))
        await tx.conn.execute(text(f"UPDATE {SCHEMA}.outbox SET sent_at = now() WHERE topic <> 'feedback.created.dlq'"))
    await delete_expired(ops.engine, SCHEMA, retention_hours=4)
    assert [message.topic for message in await unsent(ops.store)] == ["feedback.created.dlq"]
    assert {message.topic for message in await remaining(ops.store)} == {"feedback.created.dlq", "key.changed"}


async def remaining(store: SqlStore) -> list[OutgoingMessage]:
    """Return what is left in the outbox, as if it were unsent."""
    await republish(store.engine, SCHEMA, RepublishScope())
    return await unsent(store)


async def unsent(store: SqlStore) -> list[OutgoingMessage]:
    return [message for row in await store.pending(range(4), 100) for message in row.messages]


async def test_service_can_read_only_missing_event_ids_of_others(migrated_dsn: Callable[..., str]) -> None:
    owner = migrated_dsn("collector", "analyzer")
    engine = create_async_engine(async_dsn(as_role(owner, "ratchet_collector")))
    store = SqlStore(engine, "collector")
    async with store.begin() as tx:
        await tx.emit(envelope(feedback()))
        await tx.conn.execute(text("UPDATE collector.outbox SET sent_at = now()"))
    assert await republish(engine, "collector", RepublishScope(lacking=True)) == 0, "there is no subscriber yet"
    psql(owner, "INSERT INTO analyzer.subscriptions VALUES ('analyzer.feedback', 'feedback.created')")
    assert await republish(engine, "collector", RepublishScope(lacking=True)) == 1
    for table in ("outbox", "dead_letters", "api_keys"):
        with pytest.raises(DBAPIError, match="permission denied"):
            await _read(engine, f"analyzer.{table}")
    await engine.dispose()


async def _read(engine: AsyncEngine, table: str) -> None:
    async with engine.connect() as conn:
        await conn.execute(text(f"SELECT * FROM {table}"))
