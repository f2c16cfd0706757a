"""Value types of the gatekeeper."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.events.promotion import Scope, SubjectKind


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
class KillSwitchChange:
    """What a call of `halt` or `resume` did. `changed`: false if the switch was in that state before."""

    project: str
    environment: str
    revision: int
    by: str
    changed: bool


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
    origins: Sequence[str]
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it is stored: the parts of `key.changed` without the signature."""

    project: str
    environment: str
    key_id: str
    revision: int
    secret_hash: str
    subject: str
    subject_kind: SubjectKind
    scopes: Sequence[Scope]
    revoked: bool
    expires_at: datetime | None
    origins: Sequence[str]


@dataclass(frozen=True, slots=True)
class CreatedLink:
    """A sign-in link that was created; its token is not stored."""

    subject: str
    scopes: Sequence[str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class GivenGrant:
    """The id of a grant that was given."""

    id: UUID


@dataclass(frozen=True, slots=True)
class GrantUse:
    """The use of a grant for one proposal: the proposal's new revision, and the sequence that went live."""

    grant_id: UUID
    given_by: str
    revision: int
    sequence: int


@dataclass(frozen=True, slots=True)
class SavedDecision:
    """A decision that was stored, and the proposal's new revision."""

    decision_id: UUID
    revision: int
    by: str


@dataclass(frozen=True, slots=True)
class RegistryAction:
    """Who reviewed an observed digest or archived a prompt, and when."""

    by: str
    at: datetime
