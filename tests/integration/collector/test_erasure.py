"""Erasure of a user from the collector: nothing of theirs is left, everything of others is, and nothing comes back."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from collector.app import build_app
from collector.settings import CollectorSettings
from collector.storage.group_repository import GroupRepository
from shared.events import Envelope
from shared.events.base import execution_reference
from shared.events.erasure import ErasureCompleted
from shared.messaging.cloudevents import Received
from tests.support.databases import as_role, psql
from tests.support.erasure import tables_with
from tests.support.logged import deliver, sent
from tests.support.messaging import NOW

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

MARKER = "zanzibarverse"
EXECUTIONS: list[dict[str, Any]] = [
    {"id": "mine", "target": "bot", "user": "u", "session": f"s {MARKER}", "trace_id": "t-u", "input": f"I {MARKER}",
     "output": f"O {MARKER}", "contexts": [f"C {MARKER}"], "attributes": {"note": MARKER}},
    {"id": "theirs", "target": "bot", "user": "v", "input": "harmless", "output": "fine"},
]  # fmt: skip
FEEDBACK: list[dict[str, Any]] = [
    {"execution_id": "mine", "kind": "thumb", "value": "up", "user": "u", "comment": f"T {MARKER}"},
    {"execution_id": "mine", "kind": "comment", "value": f"about {MARKER}", "user": "v"},
    {"execution_id": "theirs", "kind": "label", "value": MARKER, "user": "u"},
    {"execution_id": "theirs", "kind": "rating", "value": 5, "user": "v"},
    {"execution_id": "unknown", "kind": "correction", "value": f"W {MARKER}", "user": "u"},
]


class Eraser:
    """A collector with data of two users, and the client of a person who may erase."""

    def __init__(self, collector: "Running", client: httpx.AsyncClient) -> None:
        self.collector = collector
        self.client = client

    async def request(self, **body: str) -> dict[str, Any]:
        answer = await self.client.post("/v1/erasures", json=body)
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def status(self, erasure_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/v1/erasures/{erasure_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def hits(self) -> dict[str, int]:
        return await tables_with(self.collector.dsn, MARKER)


def admin_key(dsn: str, kind: str = "person", *scopes: str) -> str:
    """Insert the key of an admin. Return its text."""
    secret = "s" * 43
    psql(
        dsn,
        f"""INSERT INTO collector.api_keys (key_id, revision, secret_hash, subject, subject_kind, project,
              environment, scopes, revoked)
            VALUES ('{kind}', 1, '{sha256(secret.encode()).hexdigest()}', 'ada', '{kind}', 'shop', 'production',
              '{{{",".join(scopes or ("admin",))}}}', false)""",
    )
    return f"rk_{kind}_{secret}"


@pytest.fixture
async def eraser(collector: "Running") -> AsyncIterator[Eraser]:
    for body in EXECUTIONS:
        assert (await collector.post("executions", body)).status_code == 200
    for body in FEEDBACK:
        assert (await collector.post("feedback", body)).status_code == 200
    await deliver(collector)
    settings = CollectorSettings(
        database_url=as_role(collector.dsn, "ratchet_collector"), kafka_bootstrap="127.0.0.1:9"
    )
    app = build_app(settings, collector.clock)
    headers = {"Authorization": f"Bearer {admin_key(collector.dsn)}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://collector", headers=headers) as client:
        yield Eraser(collector, client)
    await app.state.keys._engine.dispose()


async def test_everything_of_the_user_is_erased_and_nothing_else(eraser: Eraser) -> None:
    collector = eraser.collector
    before = await eraser.hits()
    tables = ("executions", "execution_log", "feedback_log", "outbox", "waiting", "current_feedback")
    assert before.keys() == {f"collector.{table}" for table in tables}
    erasure = await eraser.request(user_id="u")
    assert not await collector.parts.erasure_job.run_once()
    assert await eraser.hits() == {}
    assert (await eraser.status(erasure["id"]))["services"][1] == {
        "service": "collector",
        "completed_at": collector.clock.now().isoformat().replace("+00:00", "Z"),
        "erased": {
            "executions": 1, "waiting_feedback": 1, "outbox_messages": 4, "logged_executions": 1,
            "logged_feedback": 3, "current_feedback": 3, "views": 0, "dead_letters": 0,
        },
    }  # fmt: skip
    assert psql(collector.dsn, "SELECT body IS NOT NULL, user_hash IS NOT NULL FROM collector.execution_log") == "t|t"
    assert [event["facts"]["execution_id"] for event in collector.events("execution.recorded")] == ["theirs"]
    left = collector.events("feedback.created")
    assert [event["kind"] for event in left] == ["rating"]
    assert collector.count("feedback_log") == 1
    assert collector.count("erasure_references") == 0
    (told,) = collector.events("executions.erased")
    assert (told["part"], told["last"], told["by"]) == (1, True, "ada")
    assert told["references"] == [str(execution_reference("shop", "production", "mine"))]


async def test_late_and_repeated_events_are_dropped_and_counted(eraser: Eraser) -> None:
    collector = eraser.collector
    late = sent(collector)
    erasure = await eraser.request(user_id="u")
    await collector.parts.erasure_job.run_once()
    rows = {table: collector.count(table) for table in ("executions", "execution_log", "feedback_log", "outbox")}
    new = {**EXECUTIONS[0], "id": "new"}
    assert (await collector.post("executions", new)).json() == {"id": "new", "status": "erased"}
    answer = await collector.post("executions", [EXECUTIONS[0], {**EXECUTIONS[1], "id": "other"}])
    assert [each["status"] for each in answer.json()["results"]] == ["duplicate", "accepted"]
    assert (await collector.put("mine", {**EXECUTIONS[0], "latency_ms": 3})).json()["status"] == "erased"
    feedback = {"execution_id": "theirs", "kind": "comment", "value": MARKER, "user": "u"}
    assert (await collector.post("feedback", feedback)).json()["status"] == "erased"
    # Kafka delivers events of before again, whose positions an inbox no longer knows.
    again = [Envelope(uuid4(), each.time, each.source, each.event, each.correlation_id) for each in late]
    await deliver(collector, again)
    assert await eraser.hits() == {}
    grown = {"executions": 1, "execution_log": 0, "feedback_log": 0, "outbox": 1}
    assert {table: collector.count(table) - count for table, count in rows.items()} == grown
    dropped = collector.parts.platform.metrics.registry.get_sample_value("ratchet_erased_subject_events_total")
    assert dropped == 3 + len(late) - 2, "three posts, and all events but those of the other user alone"
    assert (await eraser.request(user_id="u"))["id"] == erasure["id"]


async def test_group_that_was_read_before_the_erasure_is_not_written_after_it(
    eraser: Eraser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Feedback of another user is joined with texts that were read; the user is erased before it is written."""
    collector, write = eraser.collector, GroupRepository.write
    erased = asyncio.Event()

    async def erase_first(self: GroupRepository, group: Any) -> bool:
        if not erased.is_set():
            erased.set()
            await eraser.request(user_id="u")
            await collector.parts.erasure_job.run_once()
        return await write(self, group)

    monkeypatch.setattr(GroupRepository, "write", erase_first)
    body = {"execution_id": "mine", "kind": "rating", "value": 2, "user": "v"}
    assert (await collector.post("feedback", body)).json()["status"] == "accepted"
    assert erased.is_set()
    assert await eraser.hits() == {}
    assert collector.count("waiting") == 1, "its execution is unknown by now"


async def test_request_waits_for_writers_and_holds_up_later_ones(eraser: Eraser) -> None:
    """A transaction that has read the tombstones commits before the erasure begins, so its rows are found."""
    collector = eraser.collector
    engine = collector.parts.platform.engine
    async with engine.connect() as writer:
        assert await collector.parts.subjects.find_erased(writer, ["shop/nobody"]) == set()
        request = asyncio.create_task(eraser.request(user_id="u"))
        done, _ = await asyncio.wait([request], timeout=0.5)
        assert not done
        await writer.rollback()
        await request


async def test_dead_letters_and_their_mirrors_are_emptied(eraser: Eraser) -> None:
    collector = eraser.collector
    submitted = json.dumps({"key_id": "k", "body": json.dumps({"user": "u", "input": MARKER})})
    other = json.dumps({"key_id": "k", "body": json.dumps({"user": "v", "input": "harmless"})})
    for number, payload in enumerate((submitted, other)):
        psql(
            collector.dsn,
            f"""INSERT INTO collector.dead_letters (id, consumer, topic, partition, "offset", headers, payload, reason,
                  detail, project) VALUES (gen_random_uuid(), 'collector.submitted', 'execution.submitted', 0, {number},
                  '[]', convert_to('{payload}', 'UTF8'), 'permanent', 'invalid', 'shop')""",
        )
    assert "collector.dead_letters" in await eraser.hits()
    await eraser.request(user_id="u")
    await collector.parts.erasure_job.run_once()
    assert await eraser.hits() == {}
    rows = psql(collector.dsn, 'SELECT status, length(payload) > 0 FROM collector.dead_letters ORDER BY "offset"')
    assert rows.split() == ["discarded|f", "parked|t"]


@pytest.mark.parametrize("stop", range(8))
async def test_erasure_that_is_killed_after_any_step_goes_on(eraser: Eraser, stop: int) -> None:
    """Each step commits what it deletes before the next; a step that was done but not noted is done again."""
    collector, job = eraser.collector, eraser.collector.parts.erasure_job
    erasure = await eraser.request(user_id="u")
    steps = list(job._steps.items())
    if stop < len(steps):
        name, step = steps[stop]

        async def killed(erased: Any) -> Any:
            await step(erased)
            raise KeyboardInterrupt

        job._steps[name] = killed
        with pytest.raises(KeyboardInterrupt):
            await job.run_once()
        job._steps[name] = step
    assert not await job.run_once()
    assert not await job.run_once(), "nothing is left"
    assert await eraser.hits() == {}
    erased = (await eraser.status(erasure["id"]))["services"][1]["erased"]
    assert (erased["executions"], erased["logged_feedback"], erased["outbox_messages"]) == (1, 3, 4), "counted once"
    assert len(collector.events("erasure.completed")) == 1


async def test_is_complete_when_all_services_have_reported(eraser: Eraser) -> None:
    collector = eraser.collector
    erasure = await eraser.request(user_id="u")
    (requested,) = collector.events("erasure.requested")
    assert requested["subject"].startswith("k1:")
    assert "u" not in (requested["subject"], requested["by"])
    await collector.parts.erasure_job.run_once()
    for service in ("analyzer", "evaluator", "proposer", "gatekeeper", "gatekeeper"):
        status = await eraser.status(erasure["id"])
        assert not status["complete"] or service == "gatekeeper"
        event = ErasureCompleted(
            project="shop", environment="production", erasure_id=erasure["id"], subject=requested["subject"],
            service=service, erased={"examples": 2}, completed_at=NOW,
        )  # fmt: skip
        received: Received[ErasureCompleted] = Received(event, uuid4(), NOW, "test", "c", None, None, "t", 0, 0)
        async with collector.parts.platform.store.begin() as tx:
            await collector.parts.erasures.on_completed(tx, [received])
    status = await eraser.status(erasure["id"])
    assert (status["complete"], status["waits_for"]) == (True, [])
    assert (await eraser.request(user_hash=requested["subject"]))["id"] != erasure["id"], "it may be requested again"


@pytest.mark.parametrize("body", [{}, {"user_id": "u", "user_hash": "k1:" + "0" * 32}, {"user_hash": "u"}, {"user": 1}])
async def test_request_names_the_wrong_field(eraser: Eraser, body: dict[str, Any]) -> None:
    answer = await eraser.client.post("/v1/erasures", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] in ("user_id", "user_hash", "user")


async def test_hash_of_another_project_erases_nothing_there(eraser: Eraser, add_key: Callable[..., str]) -> None:
    collector = eraser.collector
    collector.keys["ingest"] = add_key(collector.dsn, "elsewhere", "ingest", project="bank")
    await collector.post("executions", {"id": "bank", "target": "t", "user": "u", "input": "kept"})
    await deliver(collector)
    subject = psql(collector.dsn, "SELECT user_hash FROM collector.execution_log WHERE project = 'bank'")
    await eraser.request(user_hash=subject)
    await collector.parts.erasure_job.run_once()
    assert psql(collector.dsn, "SELECT count(*) FROM collector.execution_log WHERE project = 'bank'") == "1"
    again = {"id": "bank2", "target": "t", "user": "u", "input": "kept"}
    assert (await collector.post("executions", again)).json()["status"] == "accepted"


async def test_only_persons_with_the_scope_admin_may_erase(eraser: Eraser) -> None:
    dsn = eraser.collector.dsn
    for key, code in (
        (admin_key(dsn, "service"), "person-required"),
        (eraser.collector.keys["ingest"], "scope-missing"),
    ):
        headers = {"Authorization": f"Bearer {key}"}
        answer = await eraser.client.post("/v1/erasures", json={"user_id": "u"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, code)
    answer = await eraser.client.get(f"/v1/erasures/{uuid4()}")
    assert (answer.status_code, answer.json()["code"]) == (404, "erasure-unknown")
