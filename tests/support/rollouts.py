"""A gatekeeper with an open rollout of the prompt `greeting`, and what is measured of its arms."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx

from gatekeeper.handlers.evaluations import EvaluationHandlers
from gatekeeper.use_cases.rollout_monitor import RolloutMonitor
from ratchet.client.prompt_verification import LivePrompt, Trust, verify_live_prompt
from shared.events.quality import ArmChanges, GroupChanges, Measurement, QualityMeasured, Window
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import SystemClock
from shared.statistics.unit_groups import GROUPS
from tests.support.gatekeeper import World, digest, document, received

BASE, CANDIDATE, OTHER = document("One"), document("Two"), document("Three")


def plan(*weights: int, **parts: Any) -> dict[str, Any]:
    """Return a plan with these steps (5 % and 50 % by default), 50 values and no minimum time each."""
    steps = [{"weight": weight, "min_values": 50, "min_seconds": 0} for weight in weights or (500, 5000)]
    return {"steps": steps, "metrics": [{"name": "thumb", "margin": 500}], **parts}


async def approve(gate: World, candidate: dict[str, Any], base: dict[str, Any], plan: object) -> httpx.Response:
    """Propose a candidate and approve it with a plan."""
    proposal = await gate.propose(candidate, digest(base))
    body = {"verdict": "approved", "reason": "", "digest": proposal["digest"], "rollout_plan": plan}
    return await gate.ask("reviewer_key", "POST", f"/v1/proposals/{proposal['id']}/decisions", body)


async def started(gate: World, plan: object) -> dict[str, Any]:
    """Return the rollout of an approved candidate over a live base."""
    await gate.promote(BASE)
    answer = await approve(gate, CANDIDATE, BASE, plan)
    assert answer.status_code == 200, answer.text
    return await latest(gate)


async def latest(gate: World) -> dict[str, Any]:
    """Return the newest rollout with its changes and assessment."""
    [found, *_] = (await gate.ask("maker_key", "GET", "/v1/rollouts?name=greeting")).json()["items"]
    return dict((await gate.ask("maker_key", "GET", f"/v1/rollouts/{found['id']}")).json())


async def measure(gate: World, arm: str, n: int, good: int, metric: str = "thumb", **parts: Any) -> None:
    """Handle `n` values of an arm, each of another user, `good` of which are 1 and the others 0."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "project": "default", "environment": "production", "target": "bot", "prompt": "greeting",
        "identity": digest(CANDIDATE if arm == "candidate" else BASE), "metric": metric,
        "direction": "higher_is_better", "window": Window(start=now, end=now), "arm": arm,
        "measurement": Measurement(n=n, mean=good / n, low=0.0, high=1.0),
        "arm_sums": ArmChanges(n=n, total=good, squares=good, bounded=True, users=users_of(n, good)), **parts,
    }  # fmt: skip
    async with SqlStore(gate.service, "gatekeeper").begin() as tx:
        await EvaluationHandlers(gate.signer, SystemClock()).on_quality(tx, [received(QualityMeasured(**values))])


def users_of(n: int, good: int) -> GroupChanges:
    """Return the sums of `n` users by group, `good` of whom have the value 1 and the others 0."""
    counts, totals = Counter(each % GROUPS for each in range(n)), Counter(each % GROUPS for each in range(good))
    return tuple((group, count, float(totals[group])) for group, count in counts.items())


async def assess(gate: World) -> dict[str, Any]:
    """Let the gatekeeper assess all rollouts once; return the newest one."""
    monitor: RolloutMonitor = gate.app.state.rollouts
    await monitor.assess_all()
    return await latest(gate)


async def served(gate: World) -> LivePrompt:
    """Return what an app verifies of the live version."""
    live = await gate.live()
    return verify_live_prompt(live, Trust({gate.signer.key_id: gate.signer.public}), None)


async def steer(gate: World, rollout: dict[str, Any], change: str, by: str = "reviewer_key") -> tuple[int, str]:
    """Change a rollout as a person; return the status, and the new state or the problem's code."""
    answer = await gate.ask(by, "POST", f"/v1/rollouts/{rollout['id']}/{change}", {"reason": "because"})
    return answer.status_code, answer.json()["state" if answer.status_code == 200 else "code"]
