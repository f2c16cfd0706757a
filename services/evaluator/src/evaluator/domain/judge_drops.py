"""When the judges of a proposal's evaluation are dropped: then the verdict of the other evaluators stands."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from evaluator.domain.run_progress import RunProgress
from ratchet_evaluation.domain.evaluation import EvaluationResult
from ratchet_evaluation.domain.judges.agreement_with_people import JudgeFigures


def reason_to_drop(pending: int, used_up: str | None, deadline: datetime, now: datetime) -> str | None:
    """Return why judges are dropped while answers wait for them; None if they are not.

    `pending`: answers that are not judged yet. `used_up`: the limit of their budget that was reached.
    """
    if used_up is not None:
        return used_up
    if pending and now >= deadline:
        return f"{pending} answers were not judged by {deadline:%Y-%m-%d %H:%M} UTC"
    return None


def reason_to_drop_at_end(result: EvaluationResult, progress: RunProgress) -> str | None:
    """Return why judges are dropped although all answers are judged; None if their result stands.

    A result that is inconclusive because scores stayed unknown says less than the one without judges.
    """
    scores = [score for found in progress.judged.values() for score in found if score.decides]
    unknown = sum(score.passed is None for score in scores)
    if result.verdict != "inconclusive" or not unknown:
        return None
    return f"{unknown} of {len(scores)} judgements stayed unknown"


def drop_judges(judges: Sequence[JudgeFigures], reason: str) -> tuple[JudgeFigures, ...]:
    """Return the judges, of which none decides any more."""
    return tuple(replace(each, dropped=reason) if each.decides else each for each in judges)
