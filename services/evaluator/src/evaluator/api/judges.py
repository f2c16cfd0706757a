"""`/v1/judges`: judges of the caller's environment, with digest, agreement with people, and spend."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from evaluator.api.judge_models import JudgePage, JudgeView
from evaluator.api.parameters import Reader, Tuner
from evaluator.domain.online_judgements import MOST_ANCHORS, RegisteredJudge, judge_json
from evaluator.judge_agreement import JudgeFiguresService
from evaluator.judge_service import JudgeService, midnight
from evaluator.storage.judgement_spend import JudgementSpendRepository
from evaluator.storage.judges import JudgeRepository
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.judges.definition import parse_judge
from ratchet_evaluation.domain.judges.judged_text import JudgedText
from ratchet_evaluation.endpoints.model_endpoint import ModelEndpoint
from shared.messaging.sql_store import SqlStore
from shared.problems import Problem, invalid
from shared.runtime.clock import Clock
from shared.web.json_body import RequestBody, body_operation, json_body
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response

JudgeName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"^[^\x00]*$")]
Line = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
_UNKNOWN = problems({404: ["unknown-judge"]})
_RUBRIC = "5: the customer knows what to do next. 1: the answer is wrong or evasive."
_EXAMPLE = {"rubric": _RUBRIC, "model": "gpt-4.1-mini"}


class AnchorBody(RequestBody):
    """A fixed case that the judge scores again and again: what was asked, and an answer to it."""

    input: Text
    output: Text
    contexts: list[Text] | None = Field(default=None, max_length=50)
    reference: Text | None = None


class JudgeBody(RequestBody):
    """A judge. `people_metric`: the metric of annotations that it is compared with; by default its own name."""

    method: str = "rubric"
    rubric: Text | None = None
    model: Line | None = None
    embedding_model: Line | None = None
    parameters: dict[str, Any] | None = None
    threshold: float = 0.5
    min_kappa: float = 0.4
    people_metric: Line | None = None
    anchors: list[AnchorBody] = Field(default_factory=list, max_length=MOST_ANCHORS)


def judges_router(
    store: SqlStore, engine: AsyncEngine, clock: Clock, service: JudgeService, figures: JudgeFiguresService,
    endpoint: ModelEndpoint | None,
) -> APIRouter:  # fmt: skip
    """Return the routes of judges."""
    router = APIRouter(prefix="/v1/judges", tags=["judges"])

    @router.get("", responses=describe_response(JudgePage))
    async def list_judges(principal: Reader) -> dict[str, Any]:
        """List the judges by name. `agreement` is Cohen's kappa with people, with its interval and n."""
        async with engine.connect() as conn:
            found = await JudgeRepository(conn).list_judges(principal.project, principal.environment)
            items = [await _view(conn, judge, figures, clock) for judge in found]
        return {"items": items, "next": None, "available": service.available}

    @router.get("/{name}", responses=describe_response(JudgeView) | _UNKNOWN)
    async def get_judge(principal: Reader, name: JudgeName) -> dict[str, Any]:
        """Return a judge, with its agreement and what it used."""
        async with engine.connect() as conn:
            found = await JudgeRepository(conn).get_judge(principal.project, principal.environment, name)
            if found is None:
                raise Problem(404, "unknown-judge", "There is no judge of this name")
            return await _view(conn, found, figures, clock)

    @router.put("/{name}", responses=describe_response(JudgeView), openapi_extra=body_operation(JudgeBody, _EXAMPLE))
    async def put_judge(
        principal: Tuner, name: JudgeName, body: Annotated[JudgeBody, Depends(json_body(JudgeBody))]
    ) -> dict[str, Any]:
        """Create or replace a judge. Another rubric, model or parameter makes another digest, with no agreement yet."""
        judge = _judge(principal.project, principal.environment, name, body, endpoint, clock, principal.subject)
        async with store.begin() as tx:
            await JudgeRepository(tx.conn).save_judge(judge)
            return await _view(tx.conn, judge, figures, clock)

    return router


def _judge(
    project: str, environment: str, name: str, body: JudgeBody, endpoint: ModelEndpoint | None, clock: Clock, by: str
) -> RegisteredJudge:
    """Return the judge of a body. Raises Problem 422, which names the field."""
    given = body.model_dump(exclude={"people_metric", "anchors"})
    model, embedding = (endpoint.model, endpoint.embedding_model) if endpoint else ("", None)
    try:
        definition = parse_judge({**given, "name": name}, model, embedding)
    except CaseError as error:
        raise invalid(error.field, error.reason) from None
    anchors = tuple(
        JudgedText(each.input, each.output, None if each.contexts is None else tuple(each.contexts), each.reference)
        for each in body.anchors
    )
    if len({anchor.digest for anchor in anchors}) != len(anchors):
        raise invalid("anchors", "must not have the same one twice")
    return RegisteredJudge(project, environment, definition, anchors, body.people_metric or name, clock.now(), by)


async def _view(
    conn: AsyncConnection, judge: RegisteredJudge, figures: JudgeFiguresService, clock: Clock
) -> dict[str, Any]:
    agreement = await figures.get_agreement(conn, judge)
    scope = (judge.project, judge.environment, judge.definition.digest)
    today = await JudgementSpendRepository(conn).count_of_judge(*scope, midnight(clock.now()))
    found = agreement.figures
    return {
        **judge_json(judge),
        "agreement": None if found.agreement is None else asdict(found.agreement),
        "segments": [{"segment": each.segment, **asdict(each.agreement)} for each in agreement.segments],
        "decides": found.decides,
        "reason": found.reason,
        "today": {"known": today.known, "unknown": today.unknown, **today.spend.to_json()},
    }
