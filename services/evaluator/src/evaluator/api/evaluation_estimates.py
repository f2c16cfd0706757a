"""HTTP API of estimates: what an evaluation may use, before it is started."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from evaluator.api.evaluation_models import EstimateView
from evaluator.api.parameters import Reader
from evaluator.domain.worker_requests import SetKey
from evaluator.judge_agreement import JudgeFiguresService
from evaluator.storage.judges import JudgeRepository
from evaluator.storage.published_sets import PublishedSetRepository
from evaluator.storage.set_cache import PublishedSetCache
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.judges.definition import JudgeDefinition
from ratchet_evaluation.domain.judges.estimate import estimate_spend
from ratchet_evaluation.domain.judges.spend import SpendLimit
from ratchet_evaluation.endpoints.model_endpoint import ModelEndpoint
from shared.auth.principal import Principal
from shared.problems import Problem, invalid
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response

Name = Annotated[str, Query(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]
OptionalName = Annotated[str | None, Query(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]
Judges = Annotated[list[str] | None, Query(max_length=5)]
_ERRORS = problems({404: ["unknown-dataset"]})


@dataclass(frozen=True, slots=True)
class EstimateSettings:
    """Answers to each case and prompt of a proposal's evaluation, and the endpoint of judges, if there is one."""

    repeats: int
    endpoint: ModelEndpoint | None


def evaluation_estimates_router(
    engine: AsyncEngine, sets: PublishedSetCache, figures: JudgeFiguresService, settings: EstimateSettings
) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/v1/evaluation-estimates", tags=["evaluations"])

    @router.get("", responses=describe_response(EstimateView) | _ERRORS)
    async def estimate(
        principal: Reader,
        target: Name,
        dataset: OptionalName = None,
        judges: Judges = None,
        repeats: Annotated[int | None, Query(ge=1, le=20)] = None,
        baseline: bool = True,
    ) -> dict[str, Any]:
        """Estimate the answers, calls of judges, tokens and US dollars of an evaluation; nothing is started.

        It is the most if all cases are needed and no text was judged before. Without `judges` it has those of the
        target's proposals, without `repeats` the number of the service; without `baseline` there is one prompt.
        """
        async with engine.connect() as conn:
            sets_of = PublishedSetRepository(conn)
            found = await sets_of.get_latest(principal.project, principal.environment, target, dataset)
            if found is None:
                raise Problem(404, "unknown-dataset", "The target has no published golden set")
            golden_set = (await sets.get(conn, found)).golden_set
            definitions = await _judges(conn, principal, target, judges, figures)
        answers = (repeats or settings.repeats) * (2 if baseline else 1)
        return {"target": target, **_estimate(found, golden_set, definitions, answers, settings.endpoint)}

    return router


def _estimate(
    found: SetKey,
    golden_set: GoldenSet,
    judges: Sequence[JudgeDefinition],
    answers: int,
    endpoint: ModelEndpoint | None,
) -> dict[str, Any]:
    """Return the estimate of an evaluation with `answers` to each case."""
    spend = estimate_spend(judges, golden_set, answers, (), endpoint.prices if endpoint else None)
    return {
        "dataset": found.name,
        "dataset_digest": found.digest,
        "cases": len(golden_set.cases),
        "answers": len(golden_set.cases) * answers,
        "judges": [each.name for each in judges],
        "calls": spend.calls,
        "tokens": spend.tokens,
        "usd": spend.usd if spend.calls else 0.0,
        "minutes": round(spend.calls / endpoint.calls_per_minute, 1) if endpoint else None,
        "run_limit": None if endpoint is None else _limit(endpoint.run_limit),
    }


async def _judges(
    conn: AsyncConnection, principal: Principal, target: str, names: list[str] | None, figures: JudgeFiguresService
) -> list[JudgeDefinition]:
    """Return the named judges; without names the judge of the target's proposals, if it decides. Raises Problem 422."""
    repository, scope = JudgeRepository(conn), (principal.project, principal.environment)
    if names is None:
        judge = await repository.get_proposal_judge(*scope, target)
        if judge is None or not (await figures.get_agreement(conn, judge)).figures.decides:
            return []
        return [judge.definition]
    found = []
    for name in names:
        judge = await repository.get_judge(*scope, name)
        if judge is None:
            raise invalid("judges", f"has no judge of the name {name[:64]}")
        found.append(judge.definition)
    return found


def _limit(limit: SpendLimit) -> dict[str, Any]:
    return {"tokens": limit.tokens, "usd": limit.usd}
