"""Overview, regressions and proposals, with fake services."""

from typing import Any

import pytest

from console.domain.target_summary import targets
from ratchet.prompt import from_text
from tests.support.console import DIGEST, NOW, OTHER, FakeServices, console_client

EVIL = "<script>alert(1)</script>\x1b[31m"
BASE, FIXED = from_text("Answer.").to_dict(), from_text("Answer.\nCite.").to_dict()
MEASURED = {"n": 100, "mean": 0.6, "low": 0.5, "high": 0.7, "level": 0.95}


def regression(**parts: Any) -> dict[str, Any]:
    return {
        "id": "00000000-0000-0000-0000-000000000001", "state": "open", "metric": "thumb", "target": EVIL,
        "environment": "production", "direction": "higher_is_better", "returned": False, "certain": True,
        "opened_at": NOW, "resolved_at": None, "resolved_by": None, "recovered": None, "terms": [], "losing": [],
        "window": {"start": NOW, "end": NOW}, "change": {"at": NOW, "low": NOW, "high": NOW},
        "baseline": {**MEASURED, "mean": 0.9}, "current": MEASURED,
        "delta_pp": -30.0, "low_pp": -40.0, "high_pp": -20.0,
        "causes": [{"kind": "prompt_version", "name": "answer", "before": DIGEST, "after": OTHER, "where": None,
                    "explains_pp": -30.0, "n": 100, "since": None, "evidence": EVIL}],
        "affected_executions": ["e1"], "good_executions": [],
        "explanation": {"what": EVIL, "reasons": [EVIL], "causes": [], "counter_evidence": []},
        **parts,
    }  # fmt: skip


def proposal(**parts: Any) -> dict[str, Any]:
    return {
        "id": "00000000-0000-0000-0000-000000000002", "state": "open", "name": EVIL, "kind": "restore", "target": "bot",
        "project": "acme", "environment": "production", "author": "proposer", "author_kind": "service",
        "base_digest": DIGEST, "digest": OTHER, "opened_at": NOW, "document": FIXED, "rollback": BASE,
        "rollback_digest": DIGEST, "decision": None, "grant": None, "example_sets": [],
        "evaluation": None, "evaluation_rule": "advisory",
        "evidence": {"summary": EVIL, "regression_id": None, "execution_ids": ["e1"], "feedback_ids": []},
        "acceptance": [{"metric": "thumb", "comparison": ">=", "threshold": 0.85, "n": 100, "outcome": None}],
        **parts,
    }  # fmt: skip


@pytest.fixture
def site(api: FakeServices) -> FakeServices:
    """Services with one regression and one proposal."""
    api.answers |= {
        f"/v1/regressions/{regression()['id']}": regression(),
        "/v1/regressions": {"items": [regression()], "next": 7},
        f"/v1/proposals/{proposal()['id']}": proposal(),
        "/v1/proposals": {"items": [proposal()], "next": NOW},
        "/v1/executions": {"items": [{"id": "e1", "input": EVIL, "output": EVIL, "received_at": NOW, "occurred_at": NOW,
                                      "prompts": []}]},
        "/v1/drafts": {"items": [], "next": None},
        "/v1/people": {"items": [{"subject": "bob", "scopes": ["review"]}], "next": None},
    }  # fmt: skip
    return api


async def page_of(api: FakeServices, path: str) -> str:
    async with console_client(api) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    assert "<script>alert" not in answer.text
    assert "\x1b" not in answer.text
    return answer.text


async def test_regression_shows_size_confidence_and_cause(site: FakeServices) -> None:
    text = await page_of(site, f"/regressions/{regression()['id']}")
    for sentence in (
        "90.0 %",
        "60.0 %",
        "−30.0 pp",
        "between −40.0 and −20.0",
        "prompt version answer",
        "n=100",
        "&lt;U+001B&gt;",
    ):
        assert sentence in text, sentence
    assert "Not enough windows" in text, "without windows the page states that there is no chart"
    assert "None are stored" in text


async def test_drafts_of_instructions_are_shown_with_state_and_spend(site: FakeServices) -> None:
    candidate = {"digest": OTHER, "intent": EVIL, "added_tokens": 3, "verdict": "pass", "difference": 0.2, "low": 0.1,
                 "high": 0.3, "level": 0.95, "cases": 60}  # fmt: skip
    draft = {"regression_id": regression()["id"], "base_digest": DIGEST, "source": "model", "state": "evaluating",
             "detail": EVIL, "calls": 2, "tokens": 900, "usd": None, "candidates": [candidate], "proposal_id": None,
             "changed_at": NOW}  # fmt: skip
    waiting = {**draft, "candidates": [{**candidate, "verdict": None}], "usd": 0.5, "source": "clauses"}
    site.answers["/v1/instruction-drafts"] = {"items": [draft, waiting]}
    site.answers["/v1/drafts"]["items"] = [{"proposal_id": None, "suggestion": {"kind": "model", "text": "Go back."}}]
    text = await page_of(site, f"/regressions/{regression()['id']}")
    for part in ("pass, +20 pp [+10, +30], n=60", "not evaluated yet", "2 calls of the model, 900 tokens", "Go back.",
                 "US dollars unknown", "0.5000 US dollars", "from the clause library"):  # fmt: skip
        assert part in text, part


async def test_proposal_of_an_instruction_shows_worth_and_cost(site: FakeServices) -> None:
    drafted = {"source": "model", "intent": EVIL, "candidates": 3, "cases": 60, "difference": 0.3, "low": 0.2,
               "high": 0.4, "level": 0.95, "added_tokens": 12, "drafting_tokens": 110, "drafting_usd": None,
               "compared_answers": 360}  # fmt: skip
    evidence = {**proposal()["evidence"], "instruction": drafted}
    site.answers[f"/v1/proposals/{proposal()['id']}"] = proposal(kind="instruction", evidence=evidence)
    text = await page_of(site, f"/proposals/{proposal()['id']}")
    for part in ("Edit an instruction of", "+300 good answers (95 % interval +200 to +400, n=60)", "360",
                 "110 tokens, US dollars unknown", "<dd>unknown</dd>"):  # fmt: skip
        assert part in text, part


async def test_regression_is_shown_without_optional_parts(site: FakeServices) -> None:
    for part in ("/v1/executions", "/v1/drafts", "/v1/quality/series"):
        site.answers[part] = None
    whole = regression(change=None, causes=[], low_pp=None, high_pp=None, baseline={**MEASURED, "n": 0})
    site.answers[f"/v1/regressions/{whole['id']}"] = whole
    text = await page_of(site, f"/regressions/{whole['id']}")
    for sentence in ("unknown", "interval unknown", "not available now", "no change was found"):
        assert sentence in text.lower() or sentence in text, sentence


async def test_paging_keeps_the_filter(site: FakeServices) -> None:
    assert 'href="/regressions?state=open&amp;cursor=7"' in await page_of(site, "/regressions?state=open")
    assert "cursor=2026-01-02" in await page_of(site, "/proposals?state=open")
    assert site.queries("/v1/regressions")[0]["state"] == "open"
    assert site.queries("/v1/proposals")[0]["brief"] == "true"


async def test_proposal_shows_its_changes_and_digest(site: FakeServices) -> None:
    text = await page_of(site, f"/proposals/{proposal()['id']}")
    assert "<ins>  Cite.</ins>" in text
    assert f'name="digest" value="{OTHER}"' in text
    assert "thumb ≥ 85.0 % over 100 values" in text
    assert "is not managed by Ratchet yet" in text
    assert "bob" in text


async def test_proposal_with_variables_unknown_to_apps_warns(site: FakeServices) -> None:
    asked = from_text("Answer {{whom}}.").to_dict()
    site.answers[f"/v1/proposals/{proposal()['id']}"] = proposal(document=asked)
    text = await page_of(site, f"/proposals/{proposal()['id']}")
    assert "Unlike the version that it replaces, it needs the variable whom." in text
    site.answers[f"/v1/proposals/{proposal()['id']}"] = proposal(document=BASE, rollback=asked)
    assert "Unlike the version" not in await page_of(site, f"/proposals/{proposal()['id']}"), (
        "a variable may be removed"
    )


async def test_proposal_with_an_outdated_base_says_so(site: FakeServices) -> None:
    site.answers[f"/v1/proposals/{proposal()['id']}"] = proposal(name="answer")
    site.answers["/v1/prompts/answer"] = {"digest": DIGEST, "sequence": 3, "occurred_at": NOW}
    assert "it can't be approved" not in await page_of(site, f"/proposals/{proposal()['id']}")
    site.answers["/v1/prompts/answer"]["digest"] = OTHER
    assert "it can't be approved" in await page_of(site, f"/proposals/{proposal()['id']}")


async def test_effective_fix_says_so(site: FakeServices) -> None:
    known = regression(state="resolved", resolved_at=NOW, recovered={**MEASURED, "mean": 0.88})
    site.answers[f"/v1/regressions/{known['id']}"] = known
    decision = {"id": "d", "verdict": "approved", "by": "bob", "at": NOW, "reason": "", "expires_at": NOW, "hash": "h"}
    evidence = {**proposal()["evidence"], "regression_id": known["id"]}
    fix = proposal(state="approved", decision=decision, evidence=evidence, name="answer")
    site.answers[f"/v1/proposals/{fix['id']}"] = fix
    text = await page_of(site, f"/proposals/{fix['id']}")
    assert ">recovered</span> thumb is at 88.0 % [50.0 %, 70.0 %] n=100" in text
    assert 'data-live="proposal prompt regression loop evaluation"' in text, "it is reported while the page is open"
    site.answers[f"/v1/regressions/{known['id']}"] = {
        **known,
        "state": "open",
        "recovered": None,
        "resolved_at": None,
    }
    assert "recovered" not in await page_of(site, f"/proposals/{fix['id']}")


async def test_missing_permission_to_decide_is_explained(site: FakeServices) -> None:
    site.sign_in("read", role="viewer", subject="tom")
    text = await page_of(site, f"/proposals/{proposal()['id']}")
    assert "Only reviewers decide" in text
    assert "bob can decide" in text
    assert 'id="approve"' not in text


async def test_decision_is_shown_with_its_outcome(site: FakeServices) -> None:
    decision = {
        "id": "d",
        "verdict": "approved",
        "by": "bob",
        "at": NOW,
        "reason": EVIL,
        "expires_at": NOW,
        "hash": "h",
    }
    site.answers[f"/v1/proposals/{proposal()['id']}"] = proposal(state="approved", decision=decision, name="answer")
    site.answers["/v1/prompts/answer"] = {"digest": OTHER, "sequence": 3, "occurred_at": NOW}
    text = await page_of(site, f"/proposals/{proposal()['id']}")
    assert "Approved by bob" in text
    assert "as number 3" in text


def test_overview_shows_the_version_measured_now() -> None:
    def stream(identity: str, verdict: str) -> dict[str, Any]:
        return {"target": "bot", "metric": "thumb", "identity": identity, "verdict": verdict, "measurement": MEASURED,
                "compared_with": None if identity == "old" else "old"}  # fmt: skip

    def window(identity: str, start: int) -> dict[str, Any]:
        return {"target": "bot", "metric": "thumb", "identity": identity, "start": f"{start}", **MEASURED}

    quality = [stream("old", "holds"), stream("new", "inconclusive")]
    seen = [{"observed": [{"target": "bot", "reviewed": False}, {"target": "other", "reviewed": False}]}]
    [found] = targets(
        quality, [window("old", 1), window("new", 2), window("old", 2)], [{"target": "bot"}, {"target": "x"}], seen
    )
    assert (found.metrics[0].identity, found.metrics[0].verdict) == ("new", "inconclusive")
    assert (found.unreviewed, found.open) == (1, 1)
    went_back = [window("old", 1), window("new", 2), window("new", 3), window("old", 3)]
    assert targets(quality, went_back, [], [])[0].metrics[0].identity == "old"
    [without_series] = targets([*quality, stream("bad", "regressed")], [], [], [])
    assert (without_series.metrics[0].identity, without_series.metrics[0].sparkline) == ("bad", None)
    assert not without_series.metrics[0].own_baseline
    [alone] = targets(quality[:1], [], [], [])
    assert alone.metrics[0].own_baseline


def test_feedback_metrics_come_before_operational_ones() -> None:
    names = (
        "cost_usd",
        "implicit.copy",
        "implicit.regenerate",
        "implicit.thumb",
        "latency_ms",
        "thumb",
        "error_rate",
        "score.tone",
    )
    streams = [
        {"target": "bot", "metric": name, "identity": "a", "verdict": "holds", "measurement": MEASURED,
         "compared_with": "b"} for name in names
    ]  # fmt: skip
    [found] = targets(streams, [], [], [])
    metrics = [row.metric for row in found.metrics]
    assert metrics == [
        "score.tone",
        "thumb",
        "implicit.thumb",
        "implicit.regenerate",
        "implicit.copy",
        "cost_usd",
        "error_rate",
        "latency_ms",
    ]


def test_incomplete_window_is_not_drawn_as_a_drop() -> None:
    stream = {"target": "bot", "metric": "thumb", "identity": "a", "verdict": "holds", "measurement": MEASURED,
              "compared_with": "b"}  # fmt: skip
    full = [{"target": "bot", "metric": "thumb", "identity": "a", "start": f"{at}", **MEASURED} for at in range(3)]
    begun = {**full[0], "start": "3", "n": 3, "mean": 0.0, "low": 0.0, "high": 0.9}
    [whole], [with_begun] = (targets([stream], course, [], []) for course in (full, [*full, begun]))
    assert whole.metrics[0].sparkline == with_begun.metrics[0].sparkline


async def test_a_regression_of_a_judges_scores_shows_the_judges_agreement(site: FakeServices) -> None:
    judged = {**regression(), "metric": "judge.helpful"}
    site.answers[f"/v1/regressions/{judged['id']}"] = judged
    agreement = {"value": 0.61, "low": 0.48, "high": 0.72, "n": 124}
    site.answers["/v1/judges/helpful"] = {"name": "helpful", "agreement": agreement}
    async with console_client(site) as client:
        page = (await client.get(f"/regressions/{judged['id']}")).text
        del site.answers["/v1/judges/helpful"]
        unknown = (await client.get(f"/regressions/{judged['id']}")).text
    assert "Cohen’s kappa with people is 0.61 [0.48, 0.72] (n=124)" in page
    assert "its agreement with people is not measured here" in unknown
