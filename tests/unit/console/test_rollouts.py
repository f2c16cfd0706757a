"""The rollout of a prompt, on the prompt's page: shares, bounds, message, and what a reviewer can do."""

from typing import Any

from tests.support.console import DIGEST, NOW, OTHER, FakeServices, console_client
from tests.unit.console.test_prompt import managed


def rolling(api: FakeServices, state: str = "running", **parts: Any) -> None:
    """A rollout of `answer` at 5 %, with one guarded metric."""
    managed(api)
    difference = {"base": 1900, "candidate": 100, "mean": -0.098, "low": -0.141, "high": -0.052}
    metric = {
        "name": "thumb",
        "bounded": True,
        "margin": 0.03,
        "difference": difference,
        "verdict": "worse",
        "unit": "pp",
    }
    verdict = {"phase": "waiting", "message": "at 5 %, needs <more>", "reason": None, "metrics": [metric],
               "arms": {"base": 1900, "candidate": 100, "unassigned": 7}}  # fmt: skip
    steps = [{"weight": weight, "min_values": 100, "min_seconds": 600} for weight in (100, 500)]
    change = {"revision": 2, "kind": "advanced", "step": 1, "weight": 500, "by": "gatekeeper", "reason": "not-worse",
              "message": "5 % next", "verdict": verdict, "at": NOW}  # fmt: skip
    by_hand = {**change, "verdict": None}
    whole = {
        "id": "r1", "name": "answer", "state": state, "step": 1, "weight": 500, "revision": 2, "plan": {"steps": steps},
        "assessment": verdict, "changes": [by_hand, change], "candidate_digest": OTHER, "base_digest": DIGEST, **parts,
    }  # fmt: skip
    api.answers |= {"/v1/rollouts": {"items": [whole]}, "/v1/rollouts/r1": whole}


async def page_of(api: FakeServices) -> str:
    async with console_client(api) as client:
        return (await client.get("/prompts/answer")).text


async def test_a_running_rollout_shows_bounds_with_their_numbers(api: FakeServices) -> None:
    rolling(api)
    page = await page_of(api)
    assert "−9.8 pp (−14.1 to −5.2)" in page
    assert "100 and 1900" in page
    assert "<b>1 %</b> → <b>5 %</b> → " in page
    assert "the candidate gets 5 % of the traffic" in page
    assert "at 5 %, needs &lt;more&gt;" in page
    assert "unassigned 7" in page
    for opens in ("rollout-back", "rollout-pause", "rollout-advance"):
        assert f'data-opens="{opens}"' in page
    assert "/v1/rollouts/r1/rollback" in page


async def test_a_paused_rollout_can_be_resumed(api: FakeServices) -> None:
    rolling(api, "paused")
    page = await page_of(api)
    assert 'data-opens="rollout-resume"' in page
    assert 'data-opens="rollout-pause"' not in page


async def test_a_rollout_that_ended_keeps_its_numbers_and_has_no_buttons(api: FakeServices) -> None:
    ended: dict[str, Any] = {
        "phase": "ended",
        "message": "worse than the base",
        "reason": None,
        "metrics": [],
        "arms": {},
    }
    rolling(api, "rolled_back", assessment=ended, weight=0)
    page = await page_of(api)
    assert "−9.8 pp" in page
    assert "worse than the base" in page
    assert 'data-opens="rollout-' not in page


async def test_only_reviewers_steer(api: FakeServices) -> None:
    rolling(api)
    api.sign_in("read", role="viewer")
    assert 'data-opens="rollout-' not in await page_of(api)
