"""`/v1/judging`: which executions of a target are judged, and the state of it."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.api.judge_models import JudgingRulePage, JudgingRuleView
from evaluator.api.parameters import Reader, Tuner
from evaluator.domain.online_judgements import JudgingRule, TargetScopeKey
from evaluator.judge_service import JudgeService, midnight
from evaluator.storage.judgement_spend import JudgementSpendRepository
from evaluator.storage.judges import JudgeRepository
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Tx
from shared.problems import Problem, invalid
from shared.runtime.clock import Clock
from shared.web.json_body import Label, RequestBody, body_operation, json_body
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response

TargetPath = Annotated[str, Path(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
_UNKNOWN = problems({404: ["unknown-target"]})
_EXAMPLE = {"judge": "helpful", "rate": 0.05, "stratify_by": "language", "confidence": "confidence", "daily_calls": 500}
_Positive = Annotated[int, Field(ge=1, le=10**12)]


class JudgingBody(RequestBody):
    """How a target is judged. `rate`: the share of its executions; 0 judges none.

    `stratify_by`: an attribute of executions whose levels get equally many judgements. `confidence`: a score of
    executions; those with a low one are judged first. Limits are for a day (UTC). `judge_proposals`: the judge scores
    the answers of proposals' evaluations, too, if its agreement with people is shown.
    """

    judge: Label
    rate: Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
    stratify_by: Label | None = None
    confidence: Label | None = None
    daily_calls: _Positive | None = None
    daily_tokens: _Positive | None = None
    daily_usd: Annotated[float, Field(gt=0.0, le=1e6, allow_inf_nan=False)] | None = None
    judge_proposals: bool = False


def judging_router(store: SqlStore, engine: AsyncEngine, clock: Clock, service: JudgeService) -> APIRouter:
    """Return the routes of online judging."""
    router = APIRouter(prefix="/v1/judging", tags=["judges"])

    @router.get("", responses=describe_response(JudgingRulePage))
    async def list_rules(principal: Reader) -> dict[str, Any]:
        """List the targets that have a rule, with what waits, what was judged today, and what it used."""
        async with store.begin() as tx:
            rules = await JudgeRepository(tx.conn).list_rules(principal.project, principal.environment)
            items = [await _view(tx, rule, service, clock) for rule in rules]
        return {"items": items, "next": None, "available": service.available}

    @router.get("/{target}", responses=describe_response(JudgingRuleView) | _UNKNOWN)
    async def get_rule(principal: Reader, target: TargetPath) -> dict[str, Any]:
        """Return how a target is judged, and the state of it."""
        async with store.begin() as tx:
            rules = await JudgeRepository(tx.conn).list_rules(principal.project, principal.environment)
            found = next((rule for rule in rules if rule.scope.target == target), None)
            if found is None:
                raise Problem(404, "unknown-target", "No rule says how this target is judged")
            return await _view(tx, found, service, clock)

    @router.put(
        "/{target}", responses=describe_response(JudgingRuleView), openapi_extra=body_operation(JudgingBody, _EXAMPLE)
    )
    async def put_rule(
        principal: Tuner, target: TargetPath, body: Annotated[JudgingBody, Depends(json_body(JudgingBody))]
    ) -> dict[str, Any]:
        """Set how a target is judged, from its next executions on."""
        scope = TargetScopeKey(principal.project, principal.environment, target)
        rule = JudgingRule(scope, **body.model_dump())
        async with store.begin() as tx:
            judges = JudgeRepository(tx.conn)
            if await judges.get_judge(principal.project, principal.environment, body.judge) is None:
                raise invalid("judge", "is not the name of a judge: PUT /v1/judges/{name} creates one")
            await judges.save_rule(rule, clock.now(), principal.subject)
            return await _view(tx, rule, service, clock)

    return router


async def _view(tx: Tx, rule: JudgingRule, service: JudgeService, clock: Clock) -> dict[str, Any]:
    repository, today = JudgementSpendRepository(tx.conn), midnight(clock.now())
    counts = await repository.count_of_target(rule.scope, today)
    fields = asdict(rule)
    del fields["scope"]
    return {
        "target": rule.scope.target,
        **fields,
        "waiting": await repository.count_waiting(rule.scope),
        "idle_reason": await service.idle_reason(tx, rule),
        "today": {
            "known": counts.known,
            "unknown": counts.unknown,
            "dropped": counts.dropped,
            "unknown_reasons": await repository.list_reasons(rule.scope, today),
            **counts.spend.to_json(),
        },
        "last_judged_at": await repository.last_judged_at(rule.scope),
    }
