"""Reports for people and CI: what they show, and that texts of models stay texts."""

import re
from functools import cache
from xml.etree import ElementTree

import pytest

from ratchet.prompt import Prompt
from ratchet_evaluation.domain.answers import AppAnswer, failed_answer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.near_duplicates import find_near_duplicates
from ratchet_evaluation.domain.report import EvaluationReport
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.reports.html import render_html
from ratchet_evaluation.reports.junit import render_junit
from ratchet_evaluation.reports.markdown import render_markdown
from ratchet_evaluation.reports.terminal import print_report
from tests.support.evaluation import BASELINE, CANDIDATE, golden_case, run

HOSTILE = "</pre><script>alert(1)</script>\x1b[31m`|@everyone](http://x)\x00\u202e ]]>"
GERMAN = [{"name": "language", "language": "de"}]


@cache
def cases() -> GoldenSet:
    """Return the cases; made at the first use, not at import, as recognising languages loads a model for a second."""
    return GoldenSet(
        (
            golden_case(id="fine"),
            golden_case(id="<b>`odd|id`", input="Odd?", protected=True, tags=["a|b"]),
            golden_case(id="silent", input="Silent?"),
            golden_case(id="short", input="Short?", evaluators=GERMAN),
        )
    )


def respond(prompt: Prompt, case: GoldenCase) -> AppAnswer:
    if case.id == "silent":
        return failed_answer("timeout", "no answer within 2 s", 2000.0)
    return AppAnswer(HOSTILE if case.protected and prompt == CANDIDATE else "yes", latency_ms=10.0)


@pytest.fixture(scope="module")
def report() -> EvaluationReport:
    settings = RunSettings(min_pass_rate=0.9)
    result = run(respond, cases(), settings)
    pairs = find_near_duplicates(cases().cases)
    return EvaluationReport("cases", cases(), "my_app:answer", settings, CANDIDATE, BASELINE, pairs, result)


def test_markdown_shows_verdict_checks_and_new_failures(report: EvaluationReport) -> None:
    text = render_markdown(report)
    assert text.startswith("### ❌ Prompt evaluation: fail\n")
    assert "**protected cases**: `new failures: <b>'odd¦id'`" in text
    assert "- new: `<b>'odd¦id'`, protected: `contains` answered `" in text
    assert report.digest() in text


def test_markdown_keeps_texts_of_models_in_code_spans(report: EvaluationReport) -> None:
    for line in render_markdown(report).splitlines():
        outside = "".join(line.split("`")[::2])
        assert "<b>" not in outside
        assert "@" not in outside
        assert "script" not in outside
        assert line.count("`") % 2 == 0
    assert "\x1b" not in render_markdown(report)


def test_markdown_is_bounded() -> None:
    cases = GoldenSet(tuple(golden_case(id=f"{i}" * 40, input=f"{i}?", tags=[f"tag {i}"]) for i in range(10, 400)))
    settings = RunSettings(min_pass_rate=0.5)
    result = run(lambda prompt, case: AppAnswer("x" * 9000), cases, settings, baseline=None)
    text = render_markdown(EvaluationReport("cases", cases, "a:b", settings, CANDIDATE, None, (), result))
    assert len(text) < 30_000
    assert "- and 370 more" in text


def test_junit_has_a_test_for_each_check_and_case(report: EvaluationReport) -> None:
    root = ElementTree.fromstring(render_junit(report))
    checks, cases = root.findall("testsuite")
    assert [(case.get("name"), [each.get("type") for each in case]) for case in checks] == [
        ("comparison", ["inconclusive"]), ("pass rate", ["fail"]), ("protected cases", ["fail"]),
    ]  # fmt: skip
    assert (cases.get("tests"), cases.get("failures"), cases.get("errors"), cases.get("skipped")) == (
        "4",
        "1",
        "1",
        "1",
    )
    found = {case.get("name"): [each.tag for each in case] for case in cases}
    assert found == {"fine": [], "<b>`odd|id`": ["failure"], "silent": ["error"], "short": ["skipped"]}
    silent = next(case for case in cases if case.get("name") == "silent")
    assert (silent.get("time"), silent[0].get("message")) == ("2.000", "timeout: no answer within 2 s")


def test_page_escapes_texts_and_shows_both_answers(report: EvaluationReport) -> None:
    page = render_html(report)
    assert "<script>" not in page
    assert "\x00" not in page
    assert "&lt;/pre&gt;&lt;script&gt;" in page
    assert "new failure" in page
    assert re.search(r"\+ +Answer the question, and say the price\.", page)
    assert report.digest() in page


def test_page_without_a_baseline() -> None:
    settings = RunSettings(min_pass_rate=0.5)
    result = run(respond, cases(), settings, baseline=None)
    page = render_html(EvaluationReport("cases", cases(), "a:b", settings, CANDIDATE, None, (), result))
    assert "Change of the prompt" not in page


def test_terminal_shows_verdict_table_and_failures(
    report: EvaluationReport, capsys: pytest.CaptureFixture[str]
) -> None:
    print_report(report)
    out = capsys.readouterr().out
    assert out.startswith("fail: prompt ")
    assert "protected cases: new failures: <b>`odd|id`" in out
    assert "new failure: <b>`odd|id`: contains" in out
    assert "failure: silent: timeout: no answer within 2 s" in out
    assert "\x1b" not in out
