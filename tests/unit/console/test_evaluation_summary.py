"""The evaluation on the page of a proposal."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.domain.evaluation_summary import estimate_words, summarize_evaluation
from tests.support.console import DIGEST, NOW, FakeServices, console_client
from tests.unit.console.test_quality_pages import proposal

LATER = datetime.fromisoformat(NOW) + timedelta(hours=1)
PASSED = {
    "id": "00000000-0000-0000-0000-000000000009", "report_digest": DIGEST, "completed_at": NOW, "verdict": "pass",
    "reason": "shown to be better than the baseline", "dataset": "lumen", "dataset_digest": DIGEST, "cases": 46,
    "excluded": 0, "difference": 0.314, "low": 0.12, "high": 0.5, "earlier_verdicts": [],
}  # fmt: skip


def test_result_has_its_number_of_cases_and_interval() -> None:
    found = summarize_evaluation(proposal(evaluation=PASSED, evaluation_rule="required"), None, LATER)
    assert (found.verdict, found.kind, found.allows, found.report_digest) == ("pass", "good", True, DIGEST)
    assert found.lines == (
        "Pass rate: +31.4 pp against the version that it replaces (95 % interval +12.0 to +50.0 pp).",
        "Shown to be better than the baseline.",
        "46 independent cases of the golden set lumen.",
    )


def test_earlier_verdicts_are_shown() -> None:
    found = summarize_evaluation(
        proposal(evaluation={**PASSED, "earlier_verdicts": ["inconclusive", "fail"]}), None, LATER
    )
    assert found.lines[3] == "Earlier verdicts of this proposal: inconclusive, fail."


def test_repeated_attempt_says_that_it_had_to_show_more() -> None:
    found = summarize_evaluation(proposal(evaluation={**PASSED, "level": 0.9875}), None, LATER)
    assert "(98.75 % interval" in found.lines[0]
    assert found.lines[3].endswith("by chance, one of all attempts passes in at most 5 %.")


def test_old_verdict_allows_no_approval_where_one_is_required() -> None:
    later = LATER + timedelta(hours=24)
    required = summarize_evaluation(proposal(evaluation=PASSED, evaluation_rule="required"), None, later)
    assert not required.allows
    assert "older than 24 hours. Another evaluation is requested within minutes" in required.lines[-1]
    awaited = {"requested_at": NOW, "by": None, "attempt": 1}
    waiting = proposal(evaluation=PASSED, evaluation_rule="required", awaited_evaluation=awaited)
    assert summarize_evaluation(waiting, None, later).lines[-1].endswith("an approval waits for its verdict.")
    assert summarize_evaluation(proposal(evaluation=PASSED), None, later).allows


@pytest.mark.parametrize("run", [None, {"state": "completed"}])
def test_verdict_that_is_on_the_way_is_awaited(run: dict[str, Any] | None) -> None:
    assert summarize_evaluation(proposal(), run, LATER).awaited


def test_excluded_cases_and_an_unknown_difference_are_said() -> None:
    parts = {**PASSED, "verdict": "inconclusive", "cases": 1, "excluded": 3, "difference": None}
    found = summarize_evaluation(proposal(evaluation=parts), None, LATER)
    assert found.lines[0] == "The difference of the pass rates is unknown."
    assert found.lines[2].startswith("1 independent case of the golden set lumen; 3 left out")


@pytest.mark.parametrize(
    ("rule", "verdict", "allows"),
    [
        ("required", None, False),
        ("required", "fail", False),
        ("required", "inconclusive", False),
        ("required", "pass", True),
        ("advisory", "fail", True),
        ("none", None, True),
    ],
)
def test_required_evaluation_must_have_passed(rule: str, verdict: str | None, allows: bool) -> None:
    found = None if verdict is None else {**PASSED, "verdict": verdict}
    assert summarize_evaluation(proposal(evaluation=found, evaluation_rule=rule), None, LATER).allows is allows


@pytest.mark.parametrize(
    ("state", "line", "awaited"),
    [
        ("waiting for a dataset", "Not running: why. It starts when one is published.", False),
        ("waiting to start", "Not running: why.", True),
        ("queued", "Not running: why.", True),
        ("waiting for a worker", "Not running: why. It waits for an evaluation worker", True),
        ("waiting for the budget", "Not running: why.", True),
        ("waiting for judges", "Not running: why.", True),
        ("running", "An evaluation is running: 12 of at most 92 answers.", True),
    ],
)
def test_run_without_verdict_says_what_it_waits_for(state: str, line: str, awaited: bool) -> None:
    run = {"state": state, "progress": {"answered": 12, "total": 92},
           "waiting_reason": None if state == "running" else "why"}  # fmt: skip
    found = summarize_evaluation(proposal(), run, LATER)
    assert found.lines[0].startswith(line)
    assert found.awaited is awaited


async def shown(api: FakeServices, **parts: Any) -> str:
    it = proposal(name="answer", evidence={"summary": "s", "regression_id": None, "execution_ids": [],
                                           "feedback_ids": []}, **parts)  # fmt: skip
    api.answers |= {f"/v1/proposals/{it['id']}": it, "/v1/people": {"items": [], "next": None}}
    async with console_client(api) as client:
        return (await client.get(f"/proposals/{it['id']}")).text


async def test_page_offers_no_approval_without_the_required_verdict(api: FakeServices) -> None:
    page = await shown(api, evaluation_rule="required")
    assert 'data-opens="approve" disabled aria-describedby="evaluation-rule"' in page
    assert 'name="evaluation_digest"' not in page


async def test_approval_sends_the_report_that_is_shown(api: FakeServices) -> None:
    lately = {**PASSED, "completed_at": datetime.now(UTC).isoformat()}
    page = await shown(api, evaluation_rule="required", evaluation=lately)
    assert f'name="evaluation_digest" value="{DIGEST}"' in page
    assert "disabled" not in page
    assert f"/v1/evaluations/{PASSED['id']}/report?format=html" in page


async def test_kind_that_is_not_evaluated_has_no_section(api: FakeServices) -> None:
    assert "evaluation-title" not in await shown(api, evaluation_rule="none")


ESTIMATE: dict[str, Any] = {
    "target": "bot", "dataset": "lumen", "answers": 92, "judges": ["helpful"], "calls": 92, "tokens": 61_000,
    "usd": 0.42, "minutes": 18.4,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "and 92 calls of helpful: about 61,000 tokens, about $0.42, 18 minutes at the endpoint's pace."),
        ({"minutes": 0.02}, "about $0.42, less than 2 minutes at the endpoint's pace."),
        ({"usd": None, "minutes": None}, "about 61,000 tokens, cost unknown."),
        ({"judges": [], "calls": 0, "tokens": 0, "usd": 0.0}, "At most 92 answers of the app on lumen; no judge is"),
    ],
)
def test_what_an_evaluation_may_use_is_said_before_it_is_requested(changed: dict[str, Any], words: str) -> None:
    assert words in estimate_words({**ESTIMATE, **changed})
    assert estimate_words(None) == ""


async def test_the_dialog_of_another_evaluation_shows_the_estimate(api: FakeServices) -> None:
    api.answers["/v1/evaluation-estimates"] = ESTIMATE
    assert "92 calls of helpful" in await shown(api, evaluation=PASSED)
