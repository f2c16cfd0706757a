"""Time of the paired report of a large run, from the answers to the canonical JSON with its digest.

    python -m benchmarks.evaluation_report [--cases 10000] [--runs 3]

Each case has two evaluators, and an answer of some 200 characters for each of two prompts. All cases are counted.
"""

import argparse
import statistics
import time

from benchmarks.rows import Row, add_rows_option, write_rows
from evaluator.domain.run_plan import plan_run
from evaluator.domain.run_progress import AnswerKey, RunProgress
from ratchet.prompt import from_text
from ratchet.prompt.canonical import canonical_bytes, digest_of
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import parse_case
from ratchet_evaluation.domain.contamination import exclude_contaminated
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.near_duplicates import NearDuplicate, find_near_duplicates
from ratchet_evaluation.domain.report import EvaluationReport
from ratchet_evaluation.domain.settings import RunSettings

_CANDIDATE, _BASE = from_text("Answer the question, and say the price."), from_text("Answer the question.")
_SETTINGS = RunSettings(all_cases=True)


def build_set(cases: int) -> GoldenSet:
    """Return a set whose cases have different words, so that few are near-duplicates."""
    evaluators = [{"name": "contains", "values": ["yes"]}, {"name": "length", "max": 400}]
    return GoldenSet(
        tuple(
            parse_case(
                {"id": f"case-{i}", "input": f"{i * 7919 % 100003} {i * 104729 % 1000003}?", "evaluators": evaluators}
            )
            for i in range(cases)
        )
    )


def run_report(golden_set: GoldenSet, near_duplicates: list[NearDuplicate]) -> tuple[float, int]:
    """Return the seconds of one report, and its bytes. Near-duplicates are known from the start of a run."""
    plan = plan_run(golden_set, _CANDIDATE.digest, _BASE.digest, 1)
    answers = {
        AnswerKey(task.case_id, task.arm, task.repeat): AppAnswer(
            ("yes " if (task.ordinal * 31) % 10 else "no ") + "and so on " * 20, latency_ms=5.0
        )
        for task in plan.tasks()
    }
    start = time.perf_counter()
    progress = RunProgress(plan, _SETTINGS)
    progress.advance(answers)
    result = progress.finish(answers)
    assert result is not None
    report = EvaluationReport("cases", golden_set, "app", _SETTINGS, _CANDIDATE, _BASE, near_duplicates, result)
    written = canonical_bytes(report.content())
    digest_of(written)
    return time.perf_counter() - start, len(written)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    add_rows_option(parser)
    options = parser.parse_args()
    golden_set = build_set(options.cases)
    start = time.perf_counter()
    exclude_contaminated(golden_set, ["execution"])
    near_duplicates = find_near_duplicates(golden_set.cases)
    print(f"near-duplicates and exclusions: {time.perf_counter() - start:.2f} s, {len(near_duplicates)} pairs")
    cpu = time.process_time()
    found = [run_report(golden_set, near_duplicates) for _ in range(options.runs)]
    process_s = (time.process_time() - cpu) / options.runs
    seconds = statistics.median(seconds for seconds, _ in found)
    print(f"{options.cases} cases: report of {found[0][1] / 1e6:.1f} MB in {seconds:.2f} s")
    row = Row(f"evaluation: paired report of {options.cases:,} cases", "s", seconds, "low", limit=2.0, item="report",
              process_s=process_s)  # fmt: skip
    write_rows(options.rows, [row])


if __name__ == "__main__":
    main()
