"""A panel of judges: each answer's scores, from the cache or from the judge."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluators.definition import EvaluatorScore, UnknownScore
from ratchet_evaluation.domain.judges.agreement_with_people import (
    JudgeFigures,
    failed_score,
    known_score,
    unknown_score,
)
from ratchet_evaluation.domain.judges.definition import JudgeDefinition, JudgeMethod
from ratchet_evaluation.domain.judges.judged_text import JudgedText, judged_text
from ratchet_evaluation.domain.judges.spend import JudgeSpend, SpendLedger
from ratchet_evaluation.endpoints.model_client import ModelClient
from ratchet_evaluation.judges.judge_cache import JudgeCache
from ratchet_evaluation.judges.rubric_judge import Judge, RubricJudge


@dataclass(frozen=True, slots=True)
class JudgeScore:
    """What a judge gave: a value from 0 to 1, or None and the reason."""

    value: float | None
    reason: str | None = None


class JudgePanel:
    """Scores texts by judges. `methods` has the judge of each method; one that is missing is unknown, with a reason."""

    def __init__(
        self,
        methods: Mapping[JudgeMethod, Judge],
        ledger: SpendLedger,
        cache: JudgeCache | None = None,
        today: Callable[[], date] = date.today,
    ) -> None:
        self._methods, self._cache, self._today = methods, cache, today
        self.ledger = ledger
        self._saved = JudgeSpend()
        self._running: dict[tuple[str, str], asyncio.Task[JudgeScore]] = {}

    async def score(self, judge: JudgeDefinition, judged: JudgedText) -> JudgeScore:
        """Return a judge's score. The same text is judged once, also if it is asked for twice at the same time."""
        key = (judge.digest, judged.digest)
        known = self._cache.get(*key) if self._cache else None
        if known is not None:
            return JudgeScore(known)
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._ask(judge, judged))
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, judge: JudgeDefinition, judged: JudgedText) -> JudgeScore:
        method = self._methods.get(judge.method)
        if method is None:
            return JudgeScore(None, f"the method {judge.method} is not available")
        try:
            value = await method.score(judge, judged, self.ledger)
        except UnknownScore as error:
            return JudgeScore(None, str(error))
        finally:
            self._save_spend()
        if not 0.0 <= value <= 1.0:  # also NaN
            return JudgeScore(None, "the judge's score is not between 0 and 1")
        if self._cache:
            with suppress(OSError):
                self._cache.put(judge.digest, judged.digest, value)
        return JudgeScore(value)

    def _save_spend(self) -> None:
        """Add what was used since the last time to the day's spend, which other processes read."""
        spend, before = self.ledger.spend, self._saved
        usd = None if spend.usd is None else spend.usd - (before.usd or 0.0)
        new = JudgeSpend(
            spend.calls - before.calls, spend.input_tokens - before.input_tokens,
            spend.output_tokens - before.output_tokens, usd, spend.estimated - before.estimated,
        )  # fmt: skip
        self._saved = spend
        if self._cache and new.calls:
            with suppress(OSError):
                self._cache.add_spend(self._today(), new)


def methods_of(client: ModelClient, ragas: Judge) -> Mapping[JudgeMethod, Judge]:
    """Return the judge of each method."""
    metrics: dict[JudgeMethod, Judge] = dict.fromkeys(("faithfulness", "answer_relevancy", "context_precision"), ragas)
    return {"rubric": RubricJudge(client), **metrics}


async def score_answer_by(
    panel: JudgePanel, judges: Sequence[JudgeFigures], case: GoldenCase, answer: AppAnswer
) -> tuple[EvaluatorScore, ...]:
    """Return the scores of an answer by all judges, in their order."""
    if answer.failure:
        return tuple(failed_score(each.judge, answer.failure.message, each.decides) for each in judges)
    judged = judged_text(case, answer)
    found = await asyncio.gather(*(panel.score(each.judge, judged) for each in judges))
    return tuple(
        unknown_score(each.judge, score.reason or "unknown", each.decides)
        if score.value is None
        else known_score(each.judge, score.value, each.decides)
        for each, score in zip(judges, found, strict=True)
    )
