"""The report as JUnit XML: a suite with the checks, and one with the cases. CI systems show both as tests."""

from xml.etree import ElementTree as ET  # written, never parsed

from ratchet.sanitize import visible, visible_lines
from ratchet_evaluation.domain.outcomes import CaseOutcome
from ratchet_evaluation.domain.report import EvaluationReport
from ratchet_evaluation.reports import phrases


def render_junit(report: EvaluationReport) -> str:
    """Return the XML: a failed case is a failure, one without an answer an error, and an unknown one is skipped."""
    root = ET.Element("testsuites", name=visible(f"ratchet eval {report.dataset}"))
    checks = ET.SubElement(root, "testsuite", name="ratchet.checks")
    for check in report.result.checks:
        case = ET.SubElement(checks, "testcase", classname="ratchet.checks", name=check.name)
        if check.verdict != "pass":
            ET.SubElement(case, "failure", type=check.verdict, message=visible(check.reason))
    cases = ET.SubElement(root, "testsuite", name="ratchet.cases")
    for outcome in report.result.outcomes:
        _add_case(cases, outcome, report.dataset)
    for suite in root:
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(attribute, str(sum(1 for _ in suite.iter(tag))))
        suite.set("tests", str(len(suite)))
    ET.indent(root)
    return ET.tostring(root, "unicode", xml_declaration=True) + "\n"


def _add_case(suite: ET.Element, outcome: CaseOutcome, dataset: str) -> None:
    answers = outcome.answers["candidate"]
    seconds = sum(answer.answer.latency_ms or 0.0 for answer in answers) / 1000
    name = {"classname": visible(dataset), "name": visible(outcome.case.id), "time": f"{seconds:.3f}"}
    case = ET.SubElement(suite, "testcase", name)
    reasons = "; ".join(phrases.failure_reasons(outcome))
    if outcome.unanswered("candidate"):
        ET.SubElement(case, "error", message=visible(reasons))
    elif phrases.fails(outcome):
        kind = "new" if phrases.is_new_failure(outcome) else "failure"
        failure = ET.SubElement(case, "failure", type=kind, message=visible(reasons))
        failure.text = "\n\n".join(visible_lines(answer.answer.text) for answer in answers if answer.passed is False)
    elif not all(answer.passed for answer in answers):
        unknown = {score.reason for answer in answers for score in answer.scores if score.passed is None}
        ET.SubElement(case, "skipped", message=visible("unknown: " + "; ".join(sorted(filter(None, unknown)))))
