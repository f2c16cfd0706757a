"""Responses about who may do what: keys, people, sessions and the kill switch; and the audit log."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from gatekeeper.domain.person_roles import Role
from shared.events.promotion import Scope, SubjectKind
from shared.web.response_models import NEXT, DescribedResponse


class SigningKeyView(DescribedResponse):
    """A public signing key (Ed25519, base64url)."""

    key_id: str
    public_key: str


class SigningKeyList(DescribedResponse):
    """All public signing keys, oldest first."""

    keys: list[SigningKeyView]


class KeyView(DescribedResponse):
    """A valid API key without its secret. `kind` is that of its subject."""

    id: str
    subject: str
    kind: SubjectKind
    scopes: list[Scope]
    origins: list[str]
    issued_at: datetime


class KeyPage(DescribedResponse):
    """A page of keys, by subject."""

    items: list[KeyView]
    next: str | None = NEXT


class IssuedKeyView(DescribedResponse):
    """A new API key; `key` is shown once."""

    id: str
    subject: str
    scopes: list[Scope]
    origins: list[str]
    key: str


class RevokedKeyView(DescribedResponse):
    """A key that is not valid any more."""

    id: str
    revoked: Literal[True]


class PersonView(DescribedResponse):
    """A person with scopes and open sessions in the caller's environment."""

    subject: str
    added_at: datetime
    scopes: list[Scope]
    sessions: int
    role: Role


class PersonPage(DescribedResponse):
    """A page of people, by subject."""

    items: list[PersonView]
    next: str | None = NEXT


class LinkView(DescribedResponse):
    """A sign-in link, which works once; `path` belongs behind the address of the console."""

    subject: str
    role: Role
    path: str
    expires_at: datetime


class OpenedSessionView(DescribedResponse):
    """A session that began. Its two keys are in the cookies of the response."""

    subject: str
    role: Role
    expires_at: datetime


class EndedSessionView(DescribedResponse):
    """A session that ended."""

    ended: Literal[True]


class SessionView(DescribedResponse):
    """Who the caller's key belongs to. `expires_at` is null for a key that is not of a session."""

    subject: str
    kind: SubjectKind
    project: str
    environment: str
    role: Role
    scopes: list[Scope]
    expires_at: datetime | None


class SwitchView(DescribedResponse):
    """Whether promotions are halted, and the last change behind that; null if there was none."""

    project: str
    environment: str
    scope: Literal["project", "environment"]
    halted: bool
    revision: int
    by: str | None
    reason: str | None
    at: datetime | None


class AuditEntryView(DescribedResponse):
    """An entry of the audit chain; further fields depend on its kind.

    `hash` is the SHA-256 of the RFC 8785 JSON of the fields but `hash` and `reason`; `previous` is that of the entry
    before. `reason` is the text behind `reason_digest`.
    """

    model_config = ConfigDict(extra="allow")

    seq: int
    kind: str
    by: str
    at: datetime
    project: str
    previous: str
    hash: str
    reason: str | None


class AuditPage(DescribedResponse):
    """A page of audit entries."""

    items: list[AuditEntryView]
    next: str | None = NEXT


class AuditCheckView(DescribedResponse):
    """The result of a verification of the entries `from` to `entries`; `problems` has at most 20 faults."""

    ok: bool
    first: int = Field(alias="from")
    entries: int
    head: str
    problems: list[str]
