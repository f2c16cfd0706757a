"""The report of an evaluation in the forms that are stored."""

from evaluator.domain.evaluation_run import EvaluationRun
from evaluator.storage.evaluations import RunReport
from ratchet.prompt.canonical import canonical_bytes, digest_of
from ratchet_evaluation.domain.evaluation import EvaluationResult
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.judges.spend import JudgeSpend
from ratchet_evaluation.domain.near_duplicates import find_near_duplicates
from ratchet_evaluation.domain.report import EvaluationReport
from ratchet_evaluation.reports.html import render_html


def build_report(
    run: EvaluationRun, golden_set: GoldenSet, result: EvaluationResult, judge_spend: JudgeSpend | None = None
) -> RunReport:
    """Return the report of a result on a published set. It is slow for large sets: call it in a thread.

    As the app that answered it names the target: which workers did so makes no difference.
    """
    report = EvaluationReport(
        run.dataset or "",
        golden_set,
        run.target,
        run.settings,
        run.candidate_prompt,
        run.base_prompt,
        find_near_duplicates(golden_set.cases),
        result,
        run.excluded,
        run.judges,
        judge_spend,
    )
    content = canonical_bytes(report.content())
    return RunReport(digest_of(content), content.decode(), report.measurements(), render_html(report))
