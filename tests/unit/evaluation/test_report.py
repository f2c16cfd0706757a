"""The report as JSON: reproducible digest, and nothing that differs from run to run inside of it."""

import json
from dataclasses import replace
from typing import Any

from ratchet.prompt import Prompt
from ratchet.prompt.canonical import canonical_bytes, digest_of
from ratchet_evaluation.domain.answers import AppAnswer, failed_answer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.near_duplicates import find_near_duplicates
from ratchet_evaluation.domain.report import EvaluationReport
from ratchet_evaluation.domain.settings import RunSettings
from tests.support.evaluation import BASELINE, CANDIDATE, golden_set, run


def report(latency_ms: float = 5.0, output: str = "yes", cases: GoldenSet | None = None) -> EvaluationReport:
    def respond(prompt: Prompt, case: GoldenCase) -> AppAnswer:
        if case.id == "case-3":
            return failed_answer("timeout", "no answer within 2 s")
        return AppAnswer(output, latency_ms=latency_ms, cost=latency_ms)

    cases = cases or golden_set(5, tags=["a"])
    settings, duplicates = RunSettings(min_pass_rate=0.5), find_near_duplicates(cases.cases)
    result = run(respond, cases, settings)
    return EvaluationReport("cases", cases, "my_app:answer", settings, CANDIDATE, BASELINE, duplicates, result)


def test_same_inputs_have_the_same_digest() -> None:
    assert report(latency_ms=5.0).digest() == report(latency_ms=70.0).digest()


def test_digest_covers_outputs_settings_and_cases() -> None:
    first = report()
    found = {first.digest(), report(output="yes!").digest(), report(cases=golden_set(5)).digest(),
             replace(first, settings=RunSettings()).digest(), replace(first, candidate=BASELINE).digest()}  # fmt: skip
    assert len(found) == 5


def test_digest_can_be_verified_from_the_written_report() -> None:
    written: dict[str, Any] = json.loads(json.dumps(report().to_json()))
    assert digest_of(canonical_bytes(written["content"])) == written["digest"]


def test_content_has_verdict_scores_and_failures() -> None:
    written = report().to_json()
    content = written["content"]
    assert content["candidate"] == CANDIDATE.digest
    assert content["verdict"] == "inconclusive"
    assert [check["name"] for check in content["checks"]] == ["comparison", "pass rate"]
    failed = content["cases"][3]["candidate"][0]
    assert failed["failure"] == {"kind": "timeout", "message": "no answer within 2 s"}
    assert content["cases"][0]["candidate"][0]["scores"][0]["digest"].startswith("sha256:")
    assert written["measurements"]["candidate"] == {"answers": 5, "mean_latency_ms": 5.0, "mean_cost": 5.0}
