"""`GET /v1/pulls`: the state of the pulls into a project, for keys with the scope `read`."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from collector.api.execution_filters import Reader
from collector.domain.pulls.pull_state import ErrorCode, PullKind, PullState
from collector.domain.pulls.pulled_item import Flag
from collector.storage.pull_reader import PullReader
from shared.runtime.clock import Clock


class PullError(BaseModel):
    """Why the last run ended early. `message` is one line, without keys."""

    code: ErrorCode
    message: str
    at: datetime


class Search(BaseModel):
    """Parameters of `GET /v1/executions` that find executions with a flag."""

    flag: Flag
    metric: str
    max: float


class Pull(BaseModel):
    """The state of a pull. Counts are since it began, of each item once.

    `state`: `failing` after a run that ended early, else `waiting` before the first whole run, else `ok`.
    `lag_s`: seconds between `read_until`, up to which everything was read, and now.
    """

    name: str
    kind: PullKind
    target: str | None
    state: Literal["ok", "failing", "waiting"]
    interval_s: float
    started_at: datetime | None
    succeeded_at: datetime | None
    read_until: datetime | None
    lag_s: float | None
    error: PullError | None
    executions: int
    feedback: int
    refused: int
    refusal: str | None
    changed: int
    low_reward: int
    negative_feedback: int
    searches: list[Search]
    scores_written: int
    scores_refused: int


class Pulls(BaseModel):
    """All pulls into the key's project and environment."""

    items: list[Pull]


def pulls_router(reader: PullReader, clock: Clock) -> APIRouter:
    """Return the route. It reads the caller's project and environment."""
    router = APIRouter(prefix="/v1/pulls", tags=["pulls"])

    @router.get("")
    async def list_pulls(principal: Reader) -> Pulls:
        """Return the configured pulls into the key's project and environment, by name."""
        states = await reader.list_pulls(principal.project, principal.environment)
        now = clock.now()
        return Pulls(items=[to_view(state, now) for state in states])

    return router


def to_view(pull: PullState, now: datetime) -> Pull:
    """Return the state as JSON."""
    error = None
    if pull.error_code is not None and pull.failed_at is not None:
        error = PullError(code=pull.error_code, message=pull.error or "", at=pull.failed_at)
    counts = pull.counts
    return Pull(
        name=pull.identity.name,
        kind=pull.identity.kind,
        target=pull.identity.target,
        state="failing" if error else "ok" if pull.succeeded_at else "waiting",
        interval_s=pull.interval_s,
        started_at=pull.started_at,
        succeeded_at=pull.succeeded_at,
        read_until=pull.read_until,
        lag_s=None if pull.read_until is None else max(0.0, (now - pull.read_until).total_seconds()),
        error=error,
        executions=counts.executions,
        feedback=counts.feedback,
        refused=counts.refused,
        refusal=counts.refusal,
        changed=counts.changed,
        low_reward=counts.low_reward,
        negative_feedback=counts.negative_feedback,
        searches=[Search(flag=it.flag, metric=it.metric, max=it.max) for it in pull.identity.flag_searches],
        scores_written=pull.scores_written,
        scores_refused=pull.scores_refused,
    )
