"""Query parameters that filter executions."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AwareDatetime

from collector.domain.execution_filter import (
    EXECUTION_METRICS,
    ExecutionFilter,
    FeedbackFilter,
    MetricRange,
    is_metric,
    is_user_hash,
)
from collector.domain.schemas import Id, Name, Person, Word
from collector.ingest.service import PseudonymKeyCache
from shared.auth.principal import Principal
from shared.events.feedback import Outcome
from shared.pii.scrub import scrub
from shared.problems import invalid
from shared.web.authentication import require
from shared.web.query import check_period

Reader = Annotated[Principal, Depends(require("read"))]
METRICS = (
    f"{', '.join(EXECUTION_METRICS)}, cost_usd (or another currency), thumb, rating, preference, thumb.<name>, "
    "rating.<name> or score.<name>"
)
Words = Annotated[
    str | None,
    Query(
        min_length=2,
        max_length=200,
        pattern=r"^[^\x00]*$",
        description="Text that the input, the output, a context or a tool call contains, ignoring case. A page "
        "searches the texts of the newest 5,000 executions that match the other parameters, or of as many as it can "
        "in 3 s; `next` continues after them",
    ),
]


def filter_dependency(pseudonym_key: PseudonymKeyCache) -> Callable[..., Awaitable[ExecutionFilter]]:
    """Return a FastAPI dependency that reads the filter of a request, in the caller's project and environment."""

    async def execution_filter(
        principal: Reader,
        target: Annotated[Name | None, Query()] = None,
        since: Annotated[AwareDatetime | None, Query(description="Occurred then or later")] = None,
        until: Annotated[AwareDatetime | None, Query(description="Occurred before; must be after `since`")] = None,
        version: Annotated[Word | None, Query(description="Digest of a prompt in use, or the app's label")] = None,
        model: Annotated[Word | None, Query()] = None,
        arm: Annotated[Name | None, Query()] = None,
        outcome: Annotated[Outcome | None, Query()] = None,
        user: Annotated[Person | None, Query(description="The app's own id of the user, which is hashed")] = None,
        user_hash: Annotated[Person | None, Query(description="The field `user` of an execution")] = None,
        session: Annotated[Person | None, Query()] = None,
        trace_id: Annotated[Id | None, Query()] = None,
        tool: Annotated[Name | None, Query(description="Name of a tool that was called")] = None,
        feedback: Annotated[FeedbackFilter | None, Query(description="With feedback: of a kind, any, or none")] = None,
        metric: Annotated[Word | None, Query(description=f"Has a value of it, from `min` to `max`: {METRICS}")] = None,
        min: Annotated[float | None, Query(allow_inf_nan=False)] = None,
        max: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    ) -> ExecutionFilter:
        if user is not None:
            if user_hash is not None:
                raise invalid("user", "cannot be combined with user_hash")
            user_hash = (await pseudonym_key.get()).pseudonym(principal.project, user)
        elif user_hash is not None and not is_user_hash(user_hash):
            raise invalid(
                "user_hash", "must be the field `user` of an execution, such as k1: with 32 hexadecimal digits"
            )
        return ExecutionFilter(
            principal.project, principal.environment, target, *_period(since, until), version, model, arm, outcome,
            user_hash, None if session is None else scrub(session), trace_id, tool, feedback, _range(metric, min, max),
        )  # fmt: skip

    return execution_filter


def _period(since: datetime | None, until: datetime | None) -> tuple[datetime | None, datetime | None]:
    """Return the bounds in UTC: a cursor belongs to the same period, however its offset is written."""
    bounds = _moment("since", since), _moment("until", until)
    check_period(*bounds)
    return bounds


def _moment(field: str, moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if not 1 < moment.year < 9999:
        raise invalid(field, "must be a time between the years 2 and 9998")
    return moment.astimezone(UTC)


def _range(metric: str | None, low: float | None, high: float | None) -> MetricRange | None:
    if metric is None:
        if low is not None or high is not None:
            raise invalid("metric", "is missing: min and max are values of a metric")
        return None
    if not is_metric(metric):
        raise invalid(
            "metric",
            f"must be {METRICS}, one of feedback with implicit. before it, or what a user did, such as implicit.copy",
        )
    if low is not None and high is not None and low > high:
        raise invalid("min", "must not be above max")
    return MetricRange(metric, low, high)
