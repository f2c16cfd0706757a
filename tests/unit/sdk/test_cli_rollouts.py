"""The command line about rollouts, and the plan of an approval."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.ratchet_server import FakeServer
from tests.unit.sdk.test_cli import DIGEST, Run, run, sent, server

__all__ = ["run", "server"]

STEPS = [{"weight": 500, "min_values": 100, "min_seconds": 600}]
ROLLOUT: dict[str, Any] = {
    "id": "r1", "name": "answer", "state": "running", "step": 0, "weight": 500, "revision": 3, "by": "gatekeeper",
    "since": "2026-01-01T00:00:00Z", "message": "started", "candidate_digest": DIGEST, "plan": {"steps": STEPS},
    "assessment": {"phase": "waiting", "message": "at 5 %, needs more", "arms": {"base": 19, "candidate": 1}},
    "changes": [{"at": "now", "kind": "started", "by": "ann", "message": "by the approval"}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _rollout(server: FakeServer) -> None:
    server.pages |= {
        "GET /v1/rollouts": {"items": [ROLLOUT]},
        "GET /v1/rollouts/r1": ROLLOUT,
        **{f"POST /v1/rollouts/r1/{change}": ROLLOUT for change in ("advance", "pause", "resume", "rollback")},
    }


def test_an_approval_names_its_plan(run: Run, server: FakeServer, tmp_path: Path) -> None:
    assert run("approve", "p1", "--plan", "canary", "--yes").exit_code == 0
    assert sent(server)["rollout_plan"] == "canary"
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"steps": STEPS}))
    assert run("approve", "p1", "--plan", str(plan), "--yes").exit_code == 0
    assert sent(server)["rollout_plan"] == {"steps": STEPS}
    assert run("approve", "p1", "--plan", "at-once", "--yes").exit_code == 0
    assert "rollout_plan" not in sent(server)


def test_an_unknown_plan_is_wrong_usage(run: Run) -> None:
    result = run("approve", "p1", "--plan", "slowly", "--yes")
    assert result.exit_code == 2
    assert "at-once, canary, 48h-at-5" in result.stderr


def test_a_rollout_is_shown_with_its_numbers(run: Run) -> None:
    assert "running" in run("rollouts").stdout
    shown = run("rollouts", "show", "r1").stdout
    assert "waiting: at 5 %, needs more" in shown
    assert "base 19, candidate 1" in shown


@pytest.mark.parametrize("change", ["advance", "pause", "resume", "rollback"])
def test_a_change_is_about_the_revision_that_was_seen(run: Run, server: FakeServer, change: str) -> None:
    result = run("rollouts", change, "r1", "--reason", "because", "--yes")
    assert result.exit_code == 0
    assert sent(server) == {"revision": 3, "reason": "because"}
    assert run("rollouts", change, "r1").exit_code == 6
