"""An event loop in a thread, on which the judges of `ratchet eval` work while processes answer."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluators.definition import EvaluatorScore
from ratchet_evaluation.domain.judges.agreement_with_people import JudgeFigures
from ratchet_evaluation.domain.judges.definition import JudgeDefinition
from ratchet_evaluation.domain.judges.judged_text import JudgedText
from ratchet_evaluation.domain.judges.spend import JudgeSpend
from ratchet_evaluation.endpoints.model_client import ModelClient
from ratchet_evaluation.judges.panel import JudgePanel, JudgeScore, score_answer_by
from ratchet_evaluation.judges.ragas_judge import RagasJudge

T = TypeVar("T")


class JudgeThread:
    """Scores answers by a panel, on a thread of its own. A context manager: its end cancels what still runs."""

    def __init__(self, panel: JudgePanel, client: ModelClient, ragas: RagasJudge) -> None:
        self._panel, self._client, self._ragas = panel, client, ragas
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="judges", daemon=True)
        self.judges: Sequence[JudgeFigures] = ()

    @property
    def spend(self) -> JudgeSpend:
        """What was used since the start."""
        return self._panel.ledger.spend

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._end()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def submit(self, case: GoldenCase, answer: "Future[AppAnswer]") -> "Future[tuple[EvaluatorScore, ...]]":
        """Return the scores of an answer that may still be awaited."""
        return self._run(self._judge(case, answer))

    def score_all(self, judge: JudgeDefinition, texts: Sequence[JudgedText]) -> list[JudgeScore]:
        """Return a judge's scores of texts; it blocks until all are known."""

        async def score() -> list[JudgeScore]:
            return await asyncio.gather(*(self._panel.score(judge, text) for text in texts))

        return self._run(score()).result()

    async def _judge(self, case: GoldenCase, answer: "Future[AppAnswer]") -> tuple[EvaluatorScore, ...]:
        return await score_answer_by(self._panel, self.judges, case, await asyncio.wrap_future(answer))

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._ragas.close()
        await self._client.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)
