"""Judges: definitions and digests, the cache, agreement, and what they change in an evaluation."""

import asyncio
import json
from concurrent.futures import Future
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ratchet.prompt import parse
from ratchet_evaluation.domain.answers import AppAnswer, failed_answer
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import GoldenCase, parse_case
from ratchet_evaluation.domain.evaluators.definition import EvaluatorScore
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.judges.agreement_with_people import (
    JudgeFigures,
    known_score,
    measure_agreement,
    unknown_score,
)
from ratchet_evaluation.domain.judges.definition import parse_judge
from ratchet_evaluation.domain.judges.estimate import estimate_spend
from ratchet_evaluation.domain.judges.judged_text import judged_text, judged_text_from_json
from ratchet_evaluation.domain.judges.spend import JudgeSpend, TokenPrices
from ratchet_evaluation.domain.report import EvaluationReport
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.endpoints.model_endpoint import EndpointError, ModelEndpoint
from ratchet_evaluation.judge_files import JudgeFileError, read_judges, read_labels
from ratchet_evaluation.judges.endpoint_variables import endpoint_from_environment
from ratchet_evaluation.judges.judge_cache import JudgeCache
from ratchet_evaluation.judges.panel import JudgePanel, JudgeScore, score_answer_by
from ratchet_evaluation.judges.rubric_judge import RubricJudge
from ratchet_evaluation.reports import phrases
from ratchet_evaluation.runner import run_evaluation
from tests.support.judges import JUDGED, FakeEndpoint, graded, rubric_judge, unlimited

CASE = parse_case({"id": "a", "input": "Hello?", "expected": "Hi", "evaluators": ["exact"]})
PROMPT = parse({"schema": "ratchet.prompt/1", "messages": [{"role": "system", "content": "Answer."}]})


def test_the_digest_is_of_what_changes_a_score() -> None:
    judge = rubric_judge()
    assert rubric_judge(name="kind", threshold=0.75, min_kappa=0.9).digest == judge.digest
    changed = [
        rubric_judge(**each) for each in ({"rubric": "Is it kind?"}, {"model": "m2"}, {"parameters": {"seed": 1}})
    ]
    assert len({judge.digest, *(each.digest for each in changed)}) == 4
    assert parse_judge(judge.to_json()) == judge


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"rubric": " "}, "rubric"),
        ({"rubric": None}, "rubric"),
        ({"method": "oracle"}, "method"),
        ({"method": "faithfulness"}, "rubric"),
        ({"model": None}, "model"),
        ({"threshold": 1.5}, "threshold"),
        ({"min_kappa": "high"}, "min_kappa"),
        ({"parameters": {"temperature": "hot"}}, "parameters.temperature"),
        ({"parameters": {"messages": []}}, "parameters.messages"),
        ({"parameters": {"max_tokens": 5}}, "parameters.max_tokens"),
        ({"prompt": "x"}, "prompt"),
    ],
)
def test_a_wrong_definition_names_its_field(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(CaseError) as caught:
        rubric_judge(**changed)
    assert caught.value.field == field


def test_ragas_needs_a_model_for_embeddings_only_where_it_embeds() -> None:
    assert parse_judge({"name": "f", "method": "faithfulness"}, "m").embedding_model is None
    with pytest.raises(CaseError, match="embedding_model"):
        parse_judge({"name": "r", "method": "answer_relevancy"}, "m")
    assert parse_judge({"name": "r", "method": "answer_relevancy"}, "m", "e").embedding_model == "e"


def test_a_judge_sees_the_contexts_that_the_app_used() -> None:
    case = parse_case({"input": {"q": 1}, "contexts": ["given"], "expected": 7, "evaluators": ["exact"]})
    judged = judged_text(case, AppAnswer("out"))
    assert judged.to_json() == {"input": '{"q":1}', "output": "out", "contexts": ["given"], "reference": "7"}
    assert judged_text_from_json(judged.to_json()) == judged


def test_without_an_endpoint_judges_are_unavailable_and_say_so() -> None:
    with pytest.raises(EndpointError, match="RATCHET_JUDGE_URL"):
        endpoint_from_environment({})


def test_the_environment_has_endpoint_limits_and_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    found = endpoint_from_environment(
        {
            "RATCHET_JUDGE_URL": "http://127.0.0.1:1/v1/",
            "RATCHET_JUDGE_MODEL": "m",
            "RATCHET_JUDGE_API_KEY_FILE": str(tmp_path / "key"),
            "RATCHET_JUDGE_DAY_USD": "2",
            "RATCHET_JUDGE_RUN_TOKENS": "1000",
            "RATCHET_JUDGE_INPUT_PRICE": "1",
            "RATCHET_JUDGE_OUTPUT_PRICE": "3",
        }
    )
    assert (found.url, found.model, found.api_key) == ("http://127.0.0.1:1/v1", "m", "secret")
    assert (found.calls_per_minute, found.day_limit.usd, found.run_limit.tokens) == (5.0, 2.0, 1000)
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [("CONCURRENCY", "0"), ("TIMEOUT_S", "soon"), ("API_KEY_FILE", "/none"), ("DAY_USD", "1"), ("URL", "ftp://x")],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(EndpointError, match="RATCHET_JUDGE_"):
        endpoint_from_environment({"RATCHET_JUDGE_URL": "http://x", f"RATCHET_JUDGE_{name}": value})


def panel_of(endpoint: FakeEndpoint, cache: JudgeCache | None = None) -> JudgePanel:
    return JudgePanel({"rubric": RubricJudge(endpoint.client())}, unlimited(), cache, lambda: date(2026, 11, 30))


def test_a_known_score_is_kept_on_disk_and_an_unknown_one_is_not(tmp_path: Path) -> None:
    cache, judge = JudgeCache(tmp_path), rubric_judge()
    endpoint = FakeEndpoint([graded("?"), graded(4)])

    async def ask() -> list[JudgeScore]:
        return [await panel_of(endpoint, cache).score(judge, JUDGED) for _ in range(3)]

    values = [score.value for score in asyncio.run(ask())]
    assert values == [None, 0.75, 0.75]
    assert len(endpoint.requests) == 2
    assert cache.get(rubric_judge(model="m2").digest, JUDGED.digest) is None
    assert cache.get_spend(date(2026, 11, 30)).calls == 2
    assert cache.get_spend(date(2026, 12, 1)) == JudgeSpend()


def test_the_same_text_is_judged_once_at_a_time() -> None:
    endpoint = FakeEndpoint([graded(4)])

    async def ask() -> list[JudgeScore]:
        panel = panel_of(endpoint)
        return await asyncio.gather(*(panel.score(rubric_judge(), JUDGED) for _ in range(8)))

    assert {score.value for score in asyncio.run(ask())} == {0.75}
    assert len(endpoint.requests) == 1


def test_a_method_that_is_not_installed_is_unknown() -> None:
    judge = parse_judge({"name": "f", "method": "faithfulness"}, "m")
    score = asyncio.run(panel_of(FakeEndpoint([graded(4)])).score(judge, JUDGED))
    assert score == JudgeScore(None, "the method faithfulness is not available")


def test_an_answer_that_the_app_did_not_give_is_judged_without_a_call() -> None:
    endpoint = FakeEndpoint([graded(5)])
    answer = failed_answer("timeout", "no answer within 60 s")
    [score] = asyncio.run(score_answer_by(panel_of(endpoint), [JudgeFigures(rubric_judge())], CASE, answer))
    assert (score.score, score.passed, endpoint.requests) == (0.0, False, [])


AGREEING = measure_agreement(rubric_judge(), [(1.0, 0.9), (0.0, 0.1)] * 50)
RANDOM = measure_agreement(rubric_judge(), [(1.0, 0.9), (0.0, 0.9), (1.0, 0.1), (0.0, 0.1)] * 25)
FEW = measure_agreement(rubric_judge(), [(1.0, 0.9), (0.0, 0.1)] * 4)


@pytest.mark.parametrize(
    ("agreement", "decides", "reason"),
    [
        (None, False, "agreement with people is unknown"),
        (AGREEING, True, "it decides"),
        (RANDOM, False, "not shown to reach 0.4"),
        (FEW, False, "too few"),
    ],
)
def test_a_judge_decides_only_if_it_agrees_with_people(agreement: Any, decides: bool, reason: str) -> None:
    figures = JudgeFigures(rubric_judge(), agreement)
    assert figures.decides is decides
    assert reason in figures.reason


class _Judging:
    """Gives each answer the same score, from a judge that may decide or not."""

    def __init__(self, score: EvaluatorScore) -> None:
        self.score = score

    def submit(self, case: GoldenCase, answer: "Future[AppAnswer]") -> "Future[tuple[EvaluatorScore, ...]]":
        return _done((self.score,))


class _App:
    def submit(self, prompt: Any, case: GoldenCase, repeat: int) -> "Future[AppAnswer]":
        return _done(AppAnswer("Hi"))


def _done(value: Any) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def _report(figures: JudgeFigures, score: EvaluatorScore | None) -> EvaluationReport:
    golden_set = GoldenSet(tuple(parse_case({**CASE.to_json(), "id": f"c{i}", "input": f"{i}"}) for i in range(3)))
    settings = RunSettings(min_pass_rate=0.9)
    result = run_evaluation(_App(), golden_set, PROMPT, None, settings, 2, judge=_Judging(score) if score else None)
    return EvaluationReport(
        "set",
        golden_set,
        "app",
        settings,
        PROMPT,
        None,
        (),
        result,
        judges=(figures,),
        judge_spend=JudgeSpend(3, 30, 3),
    )


@pytest.mark.parametrize(("agreement", "verdict"), [(AGREEING, "fail"), (RANDOM, "pass"), (None, "pass")])
def test_a_bad_score_fails_only_if_its_judge_decides(agreement: Any, verdict: str) -> None:
    figures = JudgeFigures(rubric_judge(), agreement)
    report = _report(figures, known_score(figures.judge, 0.0, figures.decides))
    assert report.result.verdict == verdict
    [metric] = [each for each in report.result.metrics if each.name == "judge.helpful"]
    assert metric.candidate == 0.0
    [judge] = report.content()["judges"]
    assert (judge["digest"], judge["decides"], judge["unknown"]) == (figures.judge.digest, figures.decides, 0)
    assert report.to_json()["measurements"]["judges"]["calls"] == 3
    assert "judges used 3 calls, 33 tokens, cost unknown" in list(phrases.about(report))


def test_an_unknown_score_is_counted_and_leaves_the_verdict_open() -> None:
    figures = JudgeFigures(rubric_judge(), AGREEING)
    report = _report(figures, unknown_score(figures.judge, "the judge refused", figures.decides))
    assert report.result.verdict == "inconclusive"
    assert report.content()["judges"][0]["unknown"] == 3
    assert any("3 answers unknown" in line for line in phrases.about(report))


def test_scores_of_a_judge_that_does_not_decide_are_shown_apart() -> None:
    figures = JudgeFigures(rubric_judge(), RANDOM)
    report = _report(figures, known_score(figures.judge, 0.0, figures.decides))
    [judge] = report.content()["judges"]
    assert (judge["decides"], judge["answers"], judge["unknown"], judge["not_judged"]) == (False, 3, 0, 0)
    names = {row.name: row.unknown for row in phrases.summary_rows(report)}
    assert names["judge.helpful (does not decide)"] == 0
    assert any(": it does not decide" in line for line in phrases.about(report))


def test_answers_that_were_not_judged_are_counted_apart() -> None:
    figures = replace(JudgeFigures(rubric_judge(), RANDOM), dropped="kappa 0.41 with people (n=120)")
    report = _report(figures, None)
    [judge] = report.content()["judges"]
    assert (judge["answers"], judge["unknown"], judge["not_judged"]) == (0, 0, 3)
    assert any(line.endswith("kappa 0.41 with people (n=120); 3 answers not judged") for line in phrases.about(report))


def test_the_report_of_a_run_without_judges_is_unchanged() -> None:
    golden_set = GoldenSet((CASE,))
    settings = RunSettings(min_pass_rate=0.9)
    result = run_evaluation(_App(), golden_set, PROMPT, None, settings, 2)
    report = EvaluationReport("set", golden_set, "app", settings, PROMPT, None, (), result)
    assert "judges" not in report.content()
    assert "judges" not in report.measurements()


def test_files_of_judges_and_labels(tmp_path: Path) -> None:
    judge, labels = tmp_path / "judge.json", tmp_path / "labels.jsonl"
    judge.write_text(json.dumps({"name": "helpful", "rubric": "Does it help?"}))
    labels.write_text(
        '{"input": "a", "output": "b", "people": true, "cluster": 4}\n\n{"input": {}, "output": 1, "people": 0.5}\n'
    )
    [found] = read_judges([judge], ModelEndpoint("http://x", "m"))
    assert (found.name, found.model) == ("helpful", "m")
    assert [(each.people, each.cluster) for each in read_labels(labels)] == [(1.0, "4"), (0.5, "3")]
    with pytest.raises(JudgeFileError, match="two judges are called helpful"):
        read_judges([judge, judge], ModelEndpoint("http://x", "m"))
    labels.write_text('{"input": "a", "output": "b", "people": 2}\n')
    with pytest.raises(JudgeFileError, match="line 1: people"):
        read_labels(labels)


def test_an_estimate_is_made_before_the_run() -> None:
    found = estimate_spend([rubric_judge()], GoldenSet((CASE,)), 2, [JUDGED], TokenPrices(1.0, 2.0))
    assert found.calls == 3
    assert found.tokens > 3 * 300
    assert found.usd is not None
    assert found.usd > 0
