"""Query parameters that filter executions."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AwareDatetime

from collector.domain.execution_filter import ExecutionFilter, FeedbackFilter, MetricRange
from collector.domain.pii.scrub import scrub
from collector.domain.schemas import Id, Name, Person, Word
from collector.ingest.service import PseudonymKeyCache
from shared.auth.principal import Principal
from shared.events.feedback import Outcome
from shared.problems import invalid
from shared.web.authentication import require

Reader = Annotated[Principal, Depends(require("read"))]


def filter_dependency(pseudonym_key: PseudonymKeyCache) -> Callable[..., Awaitable[ExecutionFilter]]:
    """Return a FastAPI dependency that reads the filter of a request, in the caller's project and environment."""

    async def execution_filter(
        principal: Reader,
        target: Annotated[Name | None, Query()] = None,
        since: Annotated[AwareDatetime | None, Query(description="Occurred then or later")] = None,
        until: Annotated[AwareDatetime | None, Query(description="Occurred before")] = None,
        version: Annotated[Word | None, Query(description="Digest of a prompt in use, or the app's label")] = None,
        model: Annotated[Word | None, Query()] = None,
        arm: Annotated[Name | None, Query()] = None,
        outcome: Annotated[Outcome | None, Query()] = None,
        user: Annotated[Person | None, Query(description="The app's own id of the user, which is hashed")] = None,
        user_hash: Annotated[Person | None, Query(description="The field `user` of an execution")] = None,
        session: Annotated[Person | None, Query()] = None,
        trace_id: Annotated[Id | None, Query()] = None,
        feedback: Annotated[FeedbackFilter | None, Query(description="With feedback: of a kind, any, or none")] = None,
        metric: Annotated[Word | None, Query(description="Has a value of it, between `min` and `max`")] = None,
        min: Annotated[float | None, Query(allow_inf_nan=False)] = None,
        max: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    ) -> ExecutionFilter:
        if user is not None:
            if user_hash is not None:
                raise invalid("user", "cannot be combined with user_hash")
            user_hash = (await pseudonym_key.get()).pseudonym(principal.project, user)
        return ExecutionFilter(
            principal.project, principal.environment, target, _moment("since", since), _moment("until", until), version,
            model, arm, outcome, user_hash, None if session is None else scrub(session), trace_id, feedback,
            _range(metric, min, max),
        )  # fmt: skip

    return execution_filter


def _moment(field: str, moment: datetime | None) -> datetime | None:
    if moment is not None and not 1 < moment.year < 9999:
        raise invalid(field, "must be a time between the years 2 and 9998")
    return moment


def _range(metric: str | None, low: float | None, high: float | None) -> MetricRange | None:
    if metric is not None:
        return MetricRange(metric, low, high)
    if low is not None or high is not None:
        raise invalid("metric", "is missing: min and max are values of a metric")
    return None
