"""The rubric judge: one chat request, with structured output where the endpoint has it."""

from typing import Any, Protocol

from ratchet_evaluation.domain.evaluators.definition import UnknownScore
from ratchet_evaluation.domain.judges.definition import JudgeDefinition
from ratchet_evaluation.domain.judges.grading_prompt import OutputForm, read_grade, rubric_request
from ratchet_evaluation.domain.judges.judged_text import JudgedText
from ratchet_evaluation.domain.judges.spend import SpendLedger
from ratchet_evaluation.endpoints.model_client import ModelClient, RequestRejected

_FORMS: tuple[OutputForm, ...] = ("json_schema", "json_object", "plain")
_UNSUPPORTED = (400, 404, 415, 422)
"""How endpoints refuse a form of output that they don't have."""


class Judge(Protocol):
    """Scores one text from 0 (worst) to 1 (best). The port: our rubric judge, Ragas, and fakes in tests."""

    async def score(self, definition: JudgeDefinition, judged: JudgedText, ledger: SpendLedger) -> float:
        """Return the score. Raises UnknownScore, with the reason, whatever goes wrong."""
        ...


class RubricJudge:
    """Judges by a rubric. It remembers the form of output that the endpoint accepts."""

    def __init__(self, client: ModelClient) -> None:
        self._client = client
        self._form = 0

    async def score(self, definition: JudgeDefinition, judged: JudgedText, ledger: SpendLedger) -> float:
        """Return the score. Raises UnknownScore."""
        reply = await self._ask(definition, judged, ledger)
        return read_grade(reply)

    async def _ask(self, definition: JudgeDefinition, judged: JudgedText, ledger: SpendLedger) -> dict[str, Any]:
        for number in range(self._form, len(_FORMS)):
            body = rubric_request(
                definition.rubric or "", definition.model, definition.parameters, judged, _FORMS[number]
            )
            try:
                reply = await self._client.post("/chat/completions", body, ledger)
            except RequestRejected as error:
                if error.status not in _UNSUPPORTED or number + 1 == len(_FORMS):
                    raise
            else:
                self._form = number
                return reply
        raise UnknownScore("the endpoint accepts no form of output")
