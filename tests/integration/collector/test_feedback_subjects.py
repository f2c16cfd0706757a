"""Feedback about traces and sessions: which execution it is joined with, and when it counts for no version."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support.databases import psql
from tests.support.logged import deliver

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running


def execution(number: int, version: str = "1", **fields: Any) -> dict[str, Any]:
    prompts = [{"name": "p", "version": version}]
    return {"id": f"e{number}", "target": "bot", "prompts": prompts, "session": "s1", "trace_id": "t1", **fields}


async def record(collector: "Running", *executions: dict[str, Any]) -> None:
    """Post executions one after the other, a second apart."""
    for each in executions:
        collector.clock.advance(timedelta(seconds=1))
        await collector.post("executions", each)


def created(collector: "Running") -> list[tuple[Any, ...]]:
    """Return the joined execution, whether versions are mixed, and the retracted value of each feedback."""
    return [
        (
            event.get("execution", {}).get("execution_id"),
            event.get("mixed", False),
            event.get("replaces", {}).get("value"),
        )
        for event in collector.events("feedback.created")
    ]


@pytest.mark.parametrize("about", [{"session": "s1"}, {"trace_id": "t1"}])
async def test_feedback_counts_for_the_only_version_and_for_none_after_another_one(
    collector: "Running", about: dict[str, str]
) -> None:
    up = {**about, "kind": "thumb", "value": True}
    await record(collector, execution(1), execution(2), execution(3, "2", parent_id="e1"))
    await record(collector, execution(4, "2", target="another"))
    await collector.post("feedback", up)
    await collector.post("executions", execution(5, "2"))
    for value in (False, True):
        await collector.post("feedback", {**up, "value": value})
    await collector.post("feedback", {**up, "user": "bob"})
    assert created(collector) == [("e1", False, None), ("e1", True, 1.0), ("e1", True, None), ("e1", True, None)]


@pytest.mark.parametrize("about", [{"session": "s1"}, {"trace_id": "t1"}])
async def test_versions_of_one_request_are_compared(collector: "Running", about: dict[str, str]) -> None:
    await record(collector, execution(1))
    collector.clock.advance(timedelta(seconds=1))
    up = {**about, "kind": "thumb", "value": True}
    # A new digest needs a transaction; the others are written in one statement.
    digest = f"sha256:{7:064}"
    await collector.post("executions", [execution(2), execution(3, prompts=[{"name": "p", "digest": digest}])])
    await collector.post("feedback", [up, {**up, "value": False}])
    assert created(collector) == [("e1", True, None), ("e1", True, None)]
    assert psql(collector.dsn, "SELECT count(value) FROM collector.current_feedback") == "0"


async def test_feedback_about_a_session_waits_for_its_first_execution(collector: "Running") -> None:
    about = {"session": "mail ann@example.com", "kind": "abandon"}
    await collector.post("feedback", about)
    assert collector.events("feedback.created") == []
    await collector.post("executions", execution(1, session="mail ann@example.com"))
    (event,) = collector.events("feedback.created")
    assert (event["about"], event["session"], event["execution"]["session"]) == ("session", *["mail [email]"] * 2)
    assert "trace_id" not in event


async def test_a_session_that_is_completed_later_is_found(collector: "Running") -> None:
    await collector.post("executions", {"id": "e1", "target": "bot"})
    await collector.post("executions", {"id": "e2", "target": "bot", "parent_id": "e1"})
    up = {"session": "s1", "kind": "thumb", "value": True}
    await collector.put("e2", {"target": "bot", "session": "s1"})
    await collector.post("feedback", up)
    assert collector.events("feedback.created") == []
    await collector.put("e1", {"target": "bot", "session": "s1"})
    await collector.post("feedback", {**up, "user": "bob"})
    assert await collector.parts.maintenance.run_once() == 1
    assert created(collector) == [("e1", False, None)] * 2


async def test_maintenance_does_not_count_feedback_that_missed_several_versions(collector: "Running") -> None:
    await collector.post("feedback", {"session": "s2", "kind": "thumb", "value": True})
    await record(collector, execution(1), execution(2, "2"))
    # Simulates concurrent transactions: none of them saw what the others wrote.
    psql(
        collector.dsn,
        """UPDATE collector.waiting SET reference = (SELECT DISTINCT session FROM collector.executions);
           UPDATE collector.executions SET session = (SELECT reference FROM collector.waiting)""",
    )
    assert await collector.parts.maintenance.run_once() == 1
    assert created(collector) == [("e1", True, None)]


async def test_a_session_of_very_many_executions_counts_for_none(collector: "Running") -> None:
    await collector.post("executions", [execution(number) for number in range(201)])
    await collector.post("feedback", {"session": "s1", "kind": "thumb", "value": True})
    assert [mixed for _, mixed, _ in created(collector)] == [True]


async def test_the_first_of_execution_trace_and_session_counts(collector: "Running") -> None:
    await collector.post("executions", execution(1))
    thumb = {"kind": "thumb", "value": True}
    await collector.post("feedback", {**thumb, "execution_id": "e1", "trace_id": "t1", "session": "s1"})
    await collector.post("feedback", {**thumb, "trace_id": "t1", "session": "s1"})
    found = collector.events("feedback.created")
    assert [event.get("about", "execution") for event in found] == ["execution", "trace"]
    assert ["replaces" in event for event in found] == [False, False]
    answer = await collector.post("feedback", thumb)
    assert answer.json()["errors"][0]["field"] == "execution_id"


async def test_feedback_about_a_session_and_a_trace_is_shown(collector: "Running", reader: httpx.AsyncClient) -> None:
    await record(collector, execution(1), execution(2, "2"))
    for about in ({"session": "s1"}, {"trace_id": "t1"}):
        await collector.post("feedback", {**about, "kind": "rating", "value": 2, "comment": "slow"})
    await deliver(collector)

    def shown(feedback: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return [(each["about"], each["mixed"], each["value"], each["text"]) for each in feedback]

    page = (await reader.get("/v1/executions?session=s1")).json()
    trace = (await reader.get("/v1/traces/t1")).json()
    first = (await reader.get("/v1/executions/e1")).json()
    assert shown(page["feedback"]) == [("session", True, 2.0, "slow")]
    assert shown(trace["feedback"]) == [("trace", True, 2.0, "slow")]
    assert sorted(shown(first["feedback"])) == [*shown(page["feedback"]), *shown(trace["feedback"])]
    assert (await reader.get("/v1/executions")).json()["feedback"] is None
    assert (await reader.get("/v1/executions?session=s9")).json()["feedback"] == []


async def test_a_next_step_without_its_execution_is_not_retracted(collector: "Running") -> None:
    about = {"session": "s1", "kind": "requery"}
    await collector.post("feedback", about)
    collector.clock.advance(timedelta(hours=24, seconds=1))
    assert await collector.parts.maintenance.run_once() == 1
    await record(collector, execution(1))
    for step in ("continue", "abandon"):
        await collector.post("feedback", {**about, "kind": step})
    unjoined, first, second = collector.events("feedback.created")
    assert ("execution" in unjoined, unjoined["target"]) == (False, "")
    assert first["replaces"] == {"feedback_id": unjoined["feedback_id"], "value": None, "label": None}
    assert second["replaces"] == {"feedback_id": first["feedback_id"], "value": 1.0, "label": "continue"}
