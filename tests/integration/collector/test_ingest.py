"""Posted items are stored, joined and put into the outbox, once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from ratchet.prompt import parse
from shared.events.feedback import ExecutionRecorded, FeedbackCreated, PromptObserved
from tests.support.databases import psql
from tests.support.soak import scaled

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

EXECUTION = {"id": "e1", "target": "answers", "output": "42", "user": "ann"}
DOWN = {"execution_id": "e1", "kind": "thumb", "value": "down", "user": "ann"}
DOCUMENT = {"schema": "ratchet.prompt/1", "messages": [{"role": "system", "content": "Be kind."}]}


async def test_feedback_is_emitted_with_the_facts_of_its_execution(collector: "Running") -> None:
    posted = await collector.post("executions", EXECUTION)
    assert (posted.status_code, posted.json()) == (200, {"id": "e1", "status": "accepted"})
    assert (await collector.post("feedback", DOWN)).status_code == 200
    (event,) = collector.events("feedback.created")
    created = FeedbackCreated.model_validate(event)
    assert created.execution is not None
    assert (created.target, created.execution.output, created.value) == ("answers", "42", 0.0)
    assert created.user == created.execution.user != "ann"
    ExecutionRecorded.model_validate(collector.events("execution.recorded")[0])


async def test_text_is_scrubbed_before_it_is_stored(collector: "Running") -> None:
    await collector.post("executions", {**EXECUTION, "input": "I am ann@example.com", "contexts": ["+49 170 1234567"]})
    await collector.post("feedback", {**DOWN, "kind": "comment", "value": "call 4111 1111 1111 1111"})
    kept = str(collector.events("feedback.created") + collector.events("execution.recorded"))
    assert "I am [email]" in kept
    assert "call [card]" in kept
    assert not any(secret in kept for secret in ("example.com", "4111 1111", "170 1234567", "'ann'"))


async def test_same_key_is_a_duplicate_and_with_another_body_a_conflict(collector: "Running") -> None:
    first = await collector.post("feedback", DOWN, Idempotency_Key="k1")
    again = await collector.post("feedback", DOWN, Idempotency_Key="k1")
    other = await collector.post("feedback", {**DOWN, "value": "up"}, Idempotency_Key="k1")
    assert (first.json()["status"], again.json()["status"]) == ("accepted", "duplicate")
    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-conflict")
    assert collector.count("waiting") == 1


async def test_rejected_retry_does_not_claim_its_id(collector: "Running") -> None:
    await collector.post("feedback", DOWN, Idempotency_Key="k1")
    own = {**DOWN, "id": str(uuid4())}
    assert (await collector.post("feedback", own, Idempotency_Key="k1")).status_code == 422
    assert (await collector.post("feedback", own)).json()["status"] == "accepted"


async def test_id_used_with_another_body_is_a_conflict(collector: "Running") -> None:
    body = {**DOWN, "id": str(uuid4())}
    assert (await collector.post("feedback", body)).json()["status"] == "accepted"
    changed = await collector.post("feedback", {**body, "value": "up"})
    assert (changed.status_code, changed.json()["code"]) == (409, "id-conflict")
    assert "new id" in changed.json()["detail"]
    assert changed.json()["errors"][0]["field"] == "id"
    several = await collector.post("feedback", [body, {**body, "user": "bob"}, {**DOWN, "user": "eve"}])
    assert [result["status"] for result in several.json()["results"]] == ["duplicate", "refused", "accepted"]
    assert collector.count("waiting") == 2


async def test_numbers_are_compared_by_value(collector: "Running") -> None:
    rating = {**DOWN, "id": str(uuid4()), "kind": "rating", "value": 4}
    answers = [await collector.post("feedback", {**rating, "value": value}) for value in (4, 4.0, 4.5)]
    assert [answer.json().get("status") for answer in answers] == ["accepted", "duplicate", 409]
    keyed = [{**DOWN, "kind": "rating", "value": value} for value in (3.0, 3, 2)]
    codes = [(await collector.post("feedback", body, Idempotency_Key="k")).status_code for body in keyed]
    assert codes == [200, 200, 422]


async def test_query_parameters_are_rejected_by_name(collector: "Running") -> None:
    refused = await collector.post("feedback?dry_run=1", DOWN)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "dry_run")
    assert (await collector.put("e1?force", EXECUTION)).json()["code"] == "unknown-parameter"
    assert collector.count("receipts") == 0


async def test_execution_is_completed_once_by_any_sender(collector: "Running") -> None:
    early = {"id": "a/b", "target": "answers", "input": "Why?"}
    rest = {"target": "answers", "output": "42", "latency_ms": 7}
    assert (await collector.put("a%2Fb", early)).json() == {"id": "a/b", "status": "accepted"}
    answers = await asyncio.gather(*(collector.put("a%2Fb", rest) for _ in range(3)))
    assert Counter(answer.json()["status"] for answer in answers) == {"accepted": 1, "duplicate": 2}
    other = await collector.put("a%2Fb", {**rest, "output": "43", "cost": 1})
    assert (other.status_code, [error["field"] for error in other.json()["errors"]]) == (409, ["output"])
    scored = {"id": "a/b", "target": "answers", "scores": {"x": 1.0}}
    for _ in range(2):
        assert (await collector.post("executions", [scored], Idempotency_Key="k")).status_code == 200
    assert (await collector.post("executions", [{**scored, "cost": 1}], Idempotency_Key="k")).status_code == 422
    await collector.post("feedback", {**DOWN, "execution_id": "a/b"})
    events = [ExecutionRecorded.model_validate(event) for event in collector.events("execution.recorded")]
    measured = [(event.revision, event.latency_ms, event.scores, event.facts.output) for event in events]
    assert measured == [(1, None, {}, None), (2, 7.0, {}, "42"), (3, None, {"x": 1.0}, "42")]
    (created,) = collector.events("feedback.created")
    assert (created["execution"]["input"], created["execution"]["output"]) == ("Why?", "42")


async def test_an_execution_and_its_completion_may_come_together(collector: "Running") -> None:
    parts = [{"id": "e1", "target": "answers", name: 1} for name in ("cost", "latency_ms", "cost")]
    answer = await collector.post("executions", [*parts, {**parts[0], "cost": 2}])
    assert [result["status"] for result in answer.json()["results"]] == ["accepted", "accepted", "duplicate", "refused"]
    found = [ExecutionRecorded.model_validate(event) for event in collector.events("execution.recorded")]
    assert [(event.cost, event.latency_ms) for event in found] == [(1.0, None), (None, 1.0)]
    psql(collector.dsn, "UPDATE collector.executions SET recorded_values = NULL")
    refused = await collector.put("e1", {"target": "answers", "output": "42"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, "id")
    assert (await collector.client.put("/v1/executions/e1", content=b"{}")).status_code == 401
    assert (await collector.client.delete("/v1/executions/e1")).text == "elsewhere"


async def test_retry_may_have_a_new_time_and_omit_a_known_document(collector: "Running") -> None:
    use = {"name": "p", "digest": parse(DOCUMENT).digest}
    first = {**EXECUTION, "occurred_at": "2026-11-21T11:00:00Z", "prompts": [{**use, "document": DOCUMENT}]}
    again = dict(reversed({**EXECUTION, "occurred_at": "2026-11-21T11:05:00Z", "prompts": [use]}.items()))
    assert (await collector.post("executions", first)).json()["status"] == "accepted"
    assert (await collector.post("executions", again)).json()["status"] == "duplicate"
    assert len(collector.events("execution.recorded")) == 1


async def test_id_stored_without_a_body_hash_is_a_duplicate(collector: "Running") -> None:
    body = {**DOWN, "id": str(uuid4())}
    await collector.post("feedback", body)
    psql(collector.dsn, "UPDATE collector.receipts SET body = decode(repeat('00', 16), 'hex')")
    assert (await collector.post("feedback", {**body, "value": "up"})).json()["status"] == "duplicate"


async def test_each_item_of_an_array_has_its_part_of_the_key(collector: "Running") -> None:
    items = [DOWN, {**DOWN, "user": "bob"}]
    first = await collector.post("feedback", items, Idempotency_Key="k1")
    again = await collector.post("feedback", [*items, {**DOWN, "user": "eve"}], Idempotency_Key="k1")
    assert [result["status"] for result in first.json()["results"]] == ["accepted"] * 2
    assert [result["status"] for result in again.json()["results"]] == ["duplicate", "duplicate", "accepted"]


async def test_id_is_accepted_once_even_within_an_array(collector: "Running") -> None:
    one = {**DOWN, "id": str(uuid4())}
    answer = await collector.post("feedback", [one, one])
    assert [result["status"] for result in answer.json()["results"]] == ["accepted", "duplicate"]
    assert (await collector.post("feedback", one)).json() == {"id": one["id"], "status": "duplicate"}
    assert (await collector.post("executions", [EXECUTION, EXECUTION])).json()["duplicate"] == 1
    assert len(collector.events("execution.recorded")) == 1


async def test_later_feedback_replaces_the_previous_one(collector: "Running") -> None:
    await collector.post("executions", EXECUTION)
    await collector.post("feedback", DOWN)
    await collector.post("feedback", [{**DOWN, "value": True}, {**DOWN, "value": False}])
    await collector.post("feedback", {**DOWN, "user": "bob"})
    await collector.post("feedback", {**DOWN, "kind": "rating", "value": 4})
    first, second, third, bob, rating = collector.events("feedback.created")
    assert "replaces" not in first
    assert second["replaces"] == {"feedback_id": first["feedback_id"], "value": 0.0, "label": None}
    assert third["replaces"]["feedback_id"] == second["feedback_id"]
    assert "replaces" not in bob
    assert "replaces" not in rating
    assert collector.count("current_feedback") == 3


async def test_implicit_feedback_does_not_replace_explicit_feedback(collector: "Running") -> None:
    await collector.post("executions", EXECUTION)
    implicit = {**DOWN, "source": "implicit"}
    await collector.post("feedback", [DOWN, implicit, {**implicit, "value": "up"}])
    explicit, implicit, implicit_again = collector.events("feedback.created")
    assert ("replaces" in explicit, "replaces" in implicit) == (False, False)
    assert implicit_again["replaces"]["feedback_id"] == implicit["feedback_id"]


async def test_a_feedback_without_consent_is_replaced_without_its_value(collector: "Running") -> None:
    await collector.post("executions", EXECUTION)
    refused = {**DOWN, "consent": {"quality": False}}
    for body in (DOWN, refused, [refused, DOWN]):
        await collector.post("feedback", body)
    taken_back = [event.get("replaces", {}).get("value") for event in collector.events("feedback.created")]
    assert taken_back == [None, 0.0, None, None]


async def test_executions_without_user_have_one_anonymous_user(collector: "Running") -> None:
    await collector.post("executions", EXECUTION)
    anonymous = {"execution_id": "e1", "kind": "label", "value": "wrong"}
    await collector.post("feedback", anonymous)
    await collector.post("feedback", {**anonymous, "value": "right"})
    assert collector.events("feedback.created")[1]["replaces"]["label"] == "wrong"


async def test_feedback_waits_for_its_execution(collector: "Running") -> None:
    await collector.post("feedback", DOWN)
    await collector.post("feedback", {**DOWN, "value": "up"})
    assert collector.events("feedback.created") == []
    await collector.post("executions", EXECUTION)
    down, up = collector.events("feedback.created")
    assert (down["value"], up["value"]) == (0.0, 1.0)
    assert up["target"] == "answers"
    assert up["replaces"]["feedback_id"] == down["feedback_id"]
    assert collector.count("waiting") == 0


async def test_feedback_on_a_trace_refers_to_its_root_execution(collector: "Running") -> None:
    about = {"trace_id": "t1", "kind": "thumb", "value": True}
    await collector.post("feedback", about)
    await collector.post("executions", {**EXECUTION, "id": "leaf", "trace_id": "t1", "parent_id": "root"})
    assert collector.events("feedback.created") == []
    await collector.post("executions", {**EXECUTION, "id": "root", "trace_id": "t1"})
    await collector.post("feedback", {**about, "user": "bob"})
    assert [event["execution"]["execution_id"] for event in collector.events("feedback.created")] == ["root"] * 2


async def test_feedback_is_emitted_unjoined_after_a_day(collector: "Running") -> None:
    await collector.post("feedback", DOWN)
    collector.clock.advance(timedelta(hours=23))
    assert await collector.parts.maintenance.run_once() == 0
    collector.clock.advance(timedelta(hours=1, seconds=1))
    assert await collector.parts.maintenance.run_once() == 1
    (event,) = collector.events("feedback.created")
    created = FeedbackCreated.model_validate(event)
    assert (created.target, created.execution) == ("", None)
    assert await collector.parts.maintenance.run_once() == 0


async def test_feedback_emitted_unjoined_is_not_corrected(collector: "Running") -> None:
    await collector.post("feedback", [DOWN, {**DOWN, "user": "bob"}])
    collector.clock.advance(timedelta(hours=2))
    # Ann's feedback waits together with what it replaces.
    await collector.post("feedback", [{**DOWN, "value": "up"}, DOWN])
    collector.clock.advance(timedelta(hours=22, seconds=1))
    assert await collector.parts.maintenance.run_once() == 2
    await collector.post("executions", EXECUTION)
    await collector.post("feedback", {**DOWN, "user": "bob", "value": "up"})
    first, bobs, second, third, bobs_last = collector.events("feedback.created")
    assert [("execution" in event) for event in (first, bobs, second, third, bobs_last)] == [False] * 2 + [True] * 3
    assert second["replaces"]["feedback_id"] == first["feedback_id"]
    assert bobs_last["replaces"]["feedback_id"] == bobs["feedback_id"]
    taken_back = [event["replaces"].get("value") for event in (second, third, bobs_last)]
    assert taken_back == [None, 1.0, None]
    for event in (second, third, bobs_last):
        FeedbackCreated.model_validate(event)


async def test_feedback_joined_after_waiting_is_corrected(collector: "Running") -> None:
    await collector.post("feedback", DOWN)
    collector.clock.advance(timedelta(hours=25))
    await collector.post("executions", EXECUTION)
    await collector.post("feedback", {**DOWN, "value": "up"})
    assert await collector.parts.maintenance.run_once() == 0
    assert collector.events("feedback.created")[1]["replaces"]["value"] == 0.0


async def test_maintenance_joins_feedback_that_missed_its_execution(collector: "Running") -> None:
    await collector.post("executions", EXECUTION)
    await collector.post("feedback", {**DOWN, "execution_id": "e2"})
    # Simulates two concurrent transactions: neither saw what the other wrote.
    psql(
        collector.dsn,
        "UPDATE collector.waiting SET reference = (SELECT reference FROM collector.executions)",
    )
    assert await collector.parts.maintenance.run_once() == 1
    assert collector.events("feedback.created")[0]["execution"]["execution_id"] == "e1"
    assert collector.count("waiting") == 0


async def test_old_rows_are_deleted(collector: "Running") -> None:
    await collector.post("executions", EXECUTION)
    await collector.post("feedback", DOWN)
    await collector.parts.maintenance.run_once()
    collector.grow_old(91)
    collector.clock.advance(timedelta(hours=2))
    await collector.post("executions", {**EXECUTION, "id": "new"})
    await collector.parts.maintenance.run_once()
    assert (collector.count("executions"), collector.count("current_feedback")) == (1, 0)


async def test_clock_ahead_deletes_nothing_early(collector: "Running") -> None:
    await collector.post("executions", EXECUTION)
    psql(collector.dsn, "UPDATE collector.executions SET received_at = now()")
    collector.clock.advance(timedelta(days=10 * 365))
    await collector.parts.maintenance.run_once()
    assert collector.count("executions") == 1


async def test_digest_is_observed_once_and_again_with_its_document(collector: "Running") -> None:
    digest = parse(DOCUMENT).digest

    def used(number: int, **prompt: Any) -> dict[str, Any]:
        return {"id": f"e{number}", "target": "answers", "prompts": [{"name": "p", **prompt}]}

    await collector.post("executions", [used(1, digest=digest), used(2, digest=digest), used(3, version="7")])
    await collector.post("executions", used(4, document=DOCUMENT))
    await collector.post("executions", [used(5, document=DOCUMENT), used(6, digest=digest)])
    bare, with_document = [PromptObserved.model_validate(event) for event in collector.events("prompt.observed")]
    assert (bare.digest, bare.document) == (digest, None)
    assert (with_document.digest, with_document.document) == (digest, parse(DOCUMENT).to_dict())


async def test_served_digests_are_not_observed(collector: "Running") -> None:
    digest = parse(DOCUMENT).digest
    psql(collector.dsn, f"INSERT INTO collector.served VALUES ('shop', 'production', 'p', '{digest}')")
    await collector.post("executions", {**EXECUTION, "prompts": [{"name": "p", "document": DOCUMENT}]})
    assert collector.events("prompt.observed") == []


async def test_scope_of_a_key_is_required(collector: "Running", add_key: Callable[..., str]) -> None:
    unauthenticated = await collector.client.post("/v1/feedback", json=DOWN)
    assert (unauthenticated.status_code, unauthenticated.json()["code"]) == (401, "unauthenticated")
    browser = {"Authorization": f"Bearer {add_key(collector.dsn, 'browser', 'browser-ingest')}"}
    assert (await collector.client.post("/v1/feedback", json=DOWN, headers=browser)).status_code == 200
    refused = await collector.client.post("/v1/executions", json=EXECUTION, headers=browser)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope-missing")


async def test_projects_are_isolated(collector: "Running", add_key: Callable[..., str]) -> None:
    other = {"Authorization": f"Bearer {add_key(collector.dsn, 'other', 'ingest', project='bank')}"}
    own = {**DOWN, "id": str(uuid4())}
    await collector.post("executions", EXECUTION)
    await collector.post("feedback", own, Idempotency_Key="k")
    answer = await collector.client.post("/v1/feedback", json=own, headers={**other, "Idempotency-Key": "k"})
    assert answer.json()["status"] == "accepted"
    assert collector.count("waiting") == 1


async def test_other_paths_and_methods(collector: "Running") -> None:
    assert (await collector.client.get("/v1/feedback")).status_code == 405
    assert (await collector.client.get("/elsewhere")).text == "elsewhere"


async def test_key_over_its_quota_gets_retry_after(
    collector: "Running", instance: Callable[..., Any], add_key: Callable[..., str]
) -> None:
    async with instance(collector.dsn, collector.clock, rate_limit_key=2) as limited:
        limited.keys = collector.keys
        # The first request of a key, which is not cached yet, counts for its address.
        answers = [await limited.post("feedback", DOWN) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[2].headers["ratelimit"].startswith('"key";r=0;t=')
        assert answers[3].headers["content-type"] == "application/problem+json"
        assert int(answers[3].headers["retry-after"]) >= 1
        limited.keys["ingest"] = add_key(collector.dsn, "neighbour", "ingest")
        assert (await limited.post("feedback", DOWN)).status_code == 200
    assert limited.count("waiting") == 4


@pytest.mark.parametrize(
    ("path", "key", "content", "headers", "status"),
    [
        ("/v1/feedback", "wrong", b"{}", {}, 401),
        ("/v1/feedback", "reader", b"{}", {}, 403),
        ("/v1/feedback", "ingest", b"{", {}, 400),
        ("/v1/feedback", "ingest", b"{}", {}, 422),
        ("/v1/feedback?x=1", "ingest", b"{}", {}, 422),
        ("/v1/feedback", "ingest", b"x" * 2_100_000, {}, 413),
        ("/v1/feedback", "ingest", b"{}", {"Content-Type": "text/plain"}, 415),
        ("/v1/feedback", "wrong", b"{}", {"Content-Type": "application/x-ndjson"}, 401),
        ("/v1/feedback", "ingest", b"{", {"Content-Type": "application/x-ndjson"}, 422),
        ("/v1/traces", "wrong", b"{}", {"Content-Type": "application/json"}, 401),
        ("/v1/traces", "ingest", b"{", {"Content-Type": "application/json"}, 400),
        ("/v1/traces", "ingest", b"{}", {"Content-Type": "text/plain"}, 415),
    ],
)
async def test_refusals_tell_the_rest_of_the_quota(
    collector: "Running", add_key: Callable[..., str], path: str, key: str, content: bytes, headers: dict[str, str],
    status: int,
) -> None:  # fmt: skip
    keys = {"wrong": "rk_no_key", "ingest": collector.keys["ingest"], "reader": add_key(collector.dsn, "r", "read")}
    sent = {"Authorization": f"Bearer {keys[key]}", **headers}
    for _ in range(2):  # the second time, the key is known before it is looked up
        answer = await collector.client.post(path, content=content, headers=sent)
        assert answer.status_code == status, answer.text
        assert {"ratelimit", "ratelimit-policy"} <= answer.headers.keys()


async def test_public_key_may_send_only_small_bodies(collector: "Running", add_key: Callable[..., str]) -> None:
    ingest, browser = collector.keys["ingest"], add_key(collector.dsn, "web", "browser-ingest")
    comments = [{**DOWN, "user": str(number), "kind": "comment", "value": "x" * 900} for number in range(100)]
    collector.keys["ingest"] = browser
    refused = await collector.post("feedback", comments)
    assert (refused.status_code, refused.json()["code"]) == (413, "too-large")
    assert (await collector.post("feedback", comments[:10])).json()["accepted"] == 10
    collector.keys["ingest"] = ingest
    assert (await collector.post("feedback", comments[10:])).json()["accepted"] == 90


async def test_concurrent_retries_and_retries_after_a_restart_count_once(
    collector: "Running", instance: Callable[..., Any]
) -> None:
    """Reliability row H5: each key is retried concurrently, by clients that do not know the outcome.

    Refused with 429 or 503, a client tries again, as the SDK does; 400 requests are open at a time.
    """
    keys, retries = scaled(20, 1_000), scaled(5, 20)
    open_requests = asyncio.Semaphore(400)

    async def post(running: Any, number: int, value: str) -> httpx.Response:
        body = {**DOWN, "user": str(number), "value": value}
        while True:
            async with open_requests:
                answer: httpx.Response = await running.post("feedback", body, Idempotency_Key=f"k{number}")
            if answer.status_code not in (429, 503):
                return answer
            await asyncio.sleep(0.1)

    async def retry_all(running: Any) -> Counter[str]:
        answers = await asyncio.gather(
            *(post(running, number, "down") for number in range(keys) for _ in range(retries))
        )
        return Counter(answer.json()["status"] for answer in answers)

    assert await retry_all(collector) == {"accepted": keys, "duplicate": keys * (retries - 1)}
    async with instance(collector.dsn, collector.clock) as restarted:
        restarted.keys = collector.keys
        assert await retry_all(restarted) == {"duplicate": keys * retries}
        assert (await post(restarted, 0, "up")).status_code == 422
    assert collector.count("waiting") == keys
