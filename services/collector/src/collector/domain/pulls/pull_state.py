"""State of pulls. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from collector.domain.pulls.pulled_item import Flag

PullKind = Literal["langfuse", "cloudwatch"]
ErrorCode = Literal["unreachable", "access-denied", "invalid-answer", "collector-busy", "raw-copy", "internal"]
"""`collector-busy`: the database of Ratchet did not accept items; `raw-copy`: the folder can't be written."""


@dataclass(frozen=True, slots=True)
class FlagSearch:
    """How executions with a flag are found: by a metric whose value is at most `max`."""

    flag: Flag
    metric: str
    max: float


@dataclass(frozen=True, slots=True)
class PullIdentity:
    """A configured pull, and the project and environment that its items belong to."""

    name: str
    kind: PullKind
    project: str
    environment: str
    target: str | None
    flag_searches: tuple[FlagSearch, ...] = ()


@dataclass(slots=True)
class PullCounts:
    """Items since the pull began, each counted once.

    `changed` were changed at the source after they had been taken: Ratchet keeps the first values.
    """

    executions: int = 0
    feedback: int = 0
    refused: int = 0
    changed: int = 0
    low_reward: int = 0
    negative_feedback: int = 0
    refusal: str | None = field(default=None, compare=False)
    """Why the last refused item was refused."""


@dataclass(frozen=True, slots=True)
class PullState:
    """The stored state of a pull. Before `position` nothing is read again; before `read_until` all was read once."""

    identity: PullIdentity
    interval_s: float
    position: datetime | None
    read_until: datetime | None
    started_at: datetime | None
    succeeded_at: datetime | None
    failed_at: datetime | None
    error_code: ErrorCode | None
    error: str | None
    scores_written: int
    scores_refused: int
    counts: PullCounts
