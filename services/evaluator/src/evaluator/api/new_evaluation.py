"""HTTP API that starts an evaluation by hand: of any two documents, without a proposal."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header
from pydantic import Field

from evaluator.api.evaluation_models import EvaluationView
from evaluator.api.evaluations import evaluation_to_json
from evaluator.domain.evaluation_run import EvaluationRun, RequestOrigin
from evaluator.judge_agreement import JudgeFiguresService
from evaluator.judge_service import JudgeService
from evaluator.storage.evaluation_views import EvaluationViewRepository
from evaluator.storage.evaluations import EvaluationRunRepository
from evaluator.storage.judges import JudgeRepository
from ratchet.prompt import Prompt, PromptError, parse, prompt_name
from ratchet_evaluation.domain.judges.agreement_with_people import JudgeFigures
from ratchet_evaluation.domain.settings import RunSettings
from shared.auth.principal import Principal
from shared.events import derived_id, new_id
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Tx
from shared.problems import Problem, invalid
from shared.runtime.clock import Clock
from shared.web.authentication import require
from shared.web.correlation import correlation_id
from shared.web.json_body import Label, RequestBody, body_operation, json_body
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response

Tuner = Annotated[Principal, Depends(require("tune"))]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
ExecutionId = Annotated[str, Field(min_length=1, max_length=256)]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=200)]


class EvaluationSettings(RequestBody):
    """What the candidate has to show: see `ratchet eval --help`, whose flags have the same names."""

    goal: Literal["better", "not-worse"] = "not-worse"
    margin: Share = 0.05
    metric: Label = "pass"
    min_pass_rate: Share | None = None
    repeats: Annotated[int, Field(ge=1, le=20)] = 1
    all_cases: bool = False


class NewEvaluation(RequestBody):
    """Two documents to compare on a golden set of `target`; by default its latest one.

    `judges`: names of judges that score each answer, too; one decides only where its agreement with people is shown.
    `execution_ids`: `document` was made from them, so that cases made from them don't count.
    """

    target: Label
    name: Label
    dataset: Label | None = None
    base: dict[str, Any] | None = None
    document: dict[str, Any]
    judges: list[Label] = Field(default_factory=list, max_length=5)
    execution_ids: list[ExecutionId] = Field(default_factory=list, max_length=1000)
    settings: EvaluationSettings = EvaluationSettings()


_MESSAGES = {"schema": "ratchet.prompt/1", "messages": [{"role": "system", "content": "Answer in one sentence."}]}
_EXAMPLE = {"target": "support-bot", "name": "answer", "base": _MESSAGES, "document": _MESSAGES}


def new_evaluation_router(
    store: SqlStore, clock: Clock, judges: JudgeService, figures: JudgeFiguresService
) -> APIRouter:
    """Return the route that starts an evaluation."""
    router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"])

    @router.post(
        "",
        status_code=202,
        responses=describe_response(EvaluationView, 202) | problems({422: ["idempotency-mismatch"]}),
        openapi_extra=body_operation(NewEvaluation, _EXAMPLE),
    )
    async def start(
        principal: Tuner,
        body: Annotated[NewEvaluation, Depends(json_body(NewEvaluation))],
        idempotency_key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Start an evaluation; evaluation workers answer its cases, and no proposal has its result.

        A repeat with the same `Idempotency-Key` and body returns the evaluation of the first request.
        """
        run = _requested(principal, body, idempotency_key, clock)
        async with store.begin() as tx:
            runs = EvaluationRunRepository(tx.conn)
            if body.judges:
                run = replace(run, judges=await _judges(tx, run, body.judges, judges, figures))
            if not await runs.save_request(run, "waiting", clock.now()) and not await runs.is_same_request(run):
                raise Problem(422, "idempotency-mismatch", "This Idempotency-Key came with another body before")
            views = EvaluationViewRepository(tx.conn, principal.project, principal.environment)
            found = await views.get_evaluation(run.id, clock.now())
        assert found is not None
        return evaluation_to_json(found, clock.now())

    return router


def _requested(principal: Principal, body: NewEvaluation, key: str | None, clock: Clock) -> EvaluationRun:
    """Return the evaluation of a body. Raises Problem 422 that names the field."""
    document, base = _prompt(body.document, "document"), None if body.base is None else _prompt(body.base, "base")
    now = clock.now()
    scope = (principal.project, principal.environment)
    return EvaluationRun(
        id=new_id(now) if key is None else derived_id("evaluation", principal.key_id, key),
        project=scope[0],
        environment=scope[1],
        target=body.target,
        name=_name(body.name),
        proposal_id=None,
        base_digest=None if base is None else base.digest,
        base=None if base is None else base.to_dict(),
        digest=document.digest,
        document=document.to_dict(),
        execution_ids=tuple(body.execution_ids),
        settings=RunSettings(**body.settings.model_dump()),
        origin=RequestOrigin(correlation_id()),
        requested_at=now,
        dataset=body.dataset,
    )


async def _judges(
    tx: Tx, run: EvaluationRun, names: list[str], service: JudgeService, figures: JudgeFiguresService
) -> tuple[JudgeFigures, ...]:
    """Return the judges with their agreement. Raises Problem 422 for one that is unknown, or may not be the metric."""
    if not service.available:
        raise invalid("judges", "must be empty: no judge's endpoint is configured (RATCHET_JUDGE_URL)")
    found = []
    for index, name in enumerate(names):
        judge = await JudgeRepository(tx.conn).get_judge(run.project, run.environment, name)
        if judge is None or name in names[:index]:
            raise invalid(f"judges[{index}]", "is not the name of a judge, or is listed twice")
        found.append((await figures.get_agreement(tx.conn, judge)).figures)
        if run.settings.metric == judge.definition.score_name and not found[-1].decides:
            raise invalid("settings.metric", f"is a judge that does not decide: {found[-1].reason}")
    return tuple(found)


def _prompt(document: dict[str, Any], field: str) -> Prompt:
    try:
        return parse(document, field)
    except PromptError as error:
        raise invalid(error.field, error.reason) from None


def _name(value: str) -> str:
    try:
        return prompt_name(value)
    except PromptError as error:
        raise invalid("name", error.reason) from None
