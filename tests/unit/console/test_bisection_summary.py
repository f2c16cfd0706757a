"""The bisection on the page of a proposal."""

from typing import Any

import pytest

from console.domain.bisection_summary import BisectedChange, summarize_bisection
from tests.support.console import FakeServices, console_client
from tests.unit.console.test_quality_pages import proposal

EFFECT = {"cases": 38, "difference": -0.31, "low": -0.45, "high": -0.18}
CAUSAL = {"path": "messages[0] line 2", "before": "Cite <b>your</b> sources.", "after": None, "effect": EFFECT}
FOUND: dict[str, Any] = {
    "state": "completed",
    "result": {
        "reason": "1 of 3 changes made answers worse; the others together did not",
        "causal": [CAUSAL],
        "answers": 212,
    },
}


def test_causal_changes_have_their_effect() -> None:
    found = summarize_bisection(FOUND)
    assert found.line == "1 of 3 changes made answers worse; the others together did not. The app answered 212 times."
    effect = "-31.0 pp (95 % interval -45.0 to -18.0 pp, 38 independent cases)"
    assert found.changes == (BisectedChange("messages[0] line 2", "Cite <b>your</b> sources.", None, effect),)


@pytest.mark.parametrize("state", ["waiting", "running", "cancelled"])
def test_bisection_without_a_result_says_how_far_it_is(state: str) -> None:
    found = summarize_bisection({"state": state, "result": None})
    assert found.line.endswith(".")
    assert found.changes == ()


async def test_page_of_a_fix_shows_it(api: FakeServices) -> None:
    evidence = {"summary": "s", "regression_id": "r1", "execution_ids": [], "feedback_ids": []}
    it = proposal(name="answer", evidence=evidence)
    api.answers |= {
        f"/v1/proposals/{it['id']}": it,
        "/v1/people": {"items": [], "next": None},
        "/v1/bisections": {"items": [FOUND], "next": None},
    }
    async with console_client(api) as client:
        page = (await client.get(f"/proposals/{it['id']}")).text
    assert "Bisection of the edit" in page
    assert "− Cite &lt;b&gt;your&lt;/b&gt; sources." in page
