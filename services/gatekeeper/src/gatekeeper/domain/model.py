"""Value types of the gatekeeper."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.events.promotion import SubjectKind


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant for `count` few-shot proposals of one slot, at most `per_hour` in an hour; `used`: how often it was."""

    id: UUID
    project: str
    environment: str
    name: str
    slot: str
    count: int
    per_hour: int
    given_by: str
    given_at: datetime
    expires_at: datetime
    hash: str
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_because: str | None
    used: int


@dataclass(frozen=True, slots=True)
class PersonAccess:
    """A person of a project with the scopes and the number of open sessions in one environment."""

    subject: str
    added_at: datetime
    scopes: Sequence[str]
    sessions: int


@dataclass(frozen=True, slots=True)
class OpenSession:
    """The scopes of a session's acting key, and when the session was opened and ends."""

    scopes: Sequence[str]
    expires_at: datetime
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class KillSwitchState:
    """Whether an environment is halted, and the last change behind that: its own, or that of the whole project."""

    project: str
    environment: str
    scope: Literal["project", "environment"]
    halted: bool
    revision: int
    by: str | None
    reason: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public signing key."""

    key_id: str
    public_key: str


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A valid API key that lasts until it is revoked. `kind`: of its subject."""

    id: str
    subject: str
    kind: SubjectKind
    scopes: Sequence[str]
    issued_at: datetime
