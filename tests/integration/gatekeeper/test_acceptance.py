"""Acceptance criteria of a promoted proposal are checked on what is measured after the promotion."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gatekeeper.handlers.evaluations import EvaluationHandlers
from shared.events.proposals import Criterion
from shared.events.quality import Measurement, QualityMeasured, Window
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import SystemClock
from tests.support.gatekeeper import World, digest, document, ready, received

ONE, TWO = document("One"), document("Two")
CRITERIA = (
    Criterion(metric="thumb", comparison=">=", threshold=0.8, n=100),
    Criterion(metric="latency_ms", comparison="<=", threshold=900.0, n=50),
)


@pytest.fixture
async def proposal(gate: World) -> dict[str, Any]:
    """Return a fix with two criteria, which is approved."""
    await gate.promote(ONE)
    fix = ready(TWO, ONE, kind="restore", acceptance=CRITERIA)
    await gate.arrive(fix)
    before = await shown(gate, str(fix.proposal_id))
    assert [each["outcome"] for each in before["acceptance"]] == [None, None]
    assert (await gate.decide(before)).status_code == 200
    return before


async def shown(gate: World, proposal_id: str) -> dict[str, Any]:
    return dict((await gate.ask("reviewer_key", "GET", f"/v1/proposals/{proposal_id}")).json())


async def outcome(gate: World, proposal: dict[str, Any], metric: str) -> dict[str, Any]:
    found = await shown(gate, proposal["id"])
    return next(dict(each["outcome"]) for each in found["acceptance"] if each["metric"] == metric)


async def measure(gate: World, metric: str, n: int, mean: float, minutes: float = 1, **parts: Any) -> None:
    """Handle a window that began `minutes` after now."""
    start = datetime.now(UTC) + timedelta(minutes=minutes)
    values: dict[str, Any] = {
        "project": "default", "environment": "production", "target": "bot", "prompt": "greeting",
        "identity": digest(TWO), "metric": metric, "direction": "higher_is_better",
        "window": Window(start=start, end=start + timedelta(seconds=60)),
        "measurement": Measurement(n=n, mean=mean, low=0.0, high=1.0), **parts,
    }  # fmt: skip
    async with SqlStore(gate.service, "gatekeeper").begin() as tx:
        await EvaluationHandlers(gate.signer, SystemClock()).on_quality(tx, [received(QualityMeasured(**values))])


async def test_criterion_is_decided_when_there_are_enough_values(gate: World, proposal: dict[str, Any]) -> None:
    await measure(gate, "thumb", 60, 0.7)
    found = await outcome(gate, proposal, "thumb")
    assert (found["state"], found["counted"], found["needed"], found["decided_at"]) == ("open", 60, 100, None)
    await measure(gate, "thumb", 60, 1.0)
    found = await outcome(gate, proposal, "thumb")
    assert (found["state"], found["counted"], found["mean"]) == ("met", 120, pytest.approx(0.85))
    assert found["decided_at"] is not None
    listed = (await gate.ask("reviewer_key", "GET", "/v1/proposals")).json()["items"]
    assert not any("outcome" in each for item in listed for each in item["acceptance"])
    await measure(gate, "thumb", 500, 0.0)
    assert (await outcome(gate, proposal, "thumb"))["counted"] == 120, "what is decided stays"


@pytest.mark.parametrize(("mean", "state"), [(900.0, "met"), (901.0, "not_met")])
async def test_less_can_be_better(gate: World, proposal: dict[str, Any], mean: float, state: str) -> None:
    await measure(gate, "latency_ms", 50, mean)
    assert (await outcome(gate, proposal, "latency_ms"))["state"] == state
    assert (await outcome(gate, proposal, "thumb"))["mean"] is None


@pytest.mark.parametrize(
    "other", [{"minutes": -1}, {"identity": digest(ONE)}, {"target": "shop"}, {"environment": "staging"}]
)
async def test_values_of_before_or_of_others_do_not_count(
    gate: World, proposal: dict[str, Any], other: dict[str, Any]
) -> None:
    await measure(gate, "thumb", 200, 0.0, **other)
    assert (await outcome(gate, proposal, "thumb"))["counted"] == 0
