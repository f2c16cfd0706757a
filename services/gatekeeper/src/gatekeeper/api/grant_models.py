"""Responses about grants and revoked examples."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from gatekeeper.api.prompt_models import LiveVersionSummary
from shared.web.response_models import NEXT, DescribedResponse


class IssuedGrantView(DescribedResponse):
    """A grant for `count` few-shot proposals of one slot; `used`: how often it was. `hash` is in the audit."""

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


class GrantPage(DescribedResponse):
    """A page of grants, newest first."""

    items: list[IssuedGrantView]
    next: str | None = NEXT


class RevokedGrantView(DescribedResponse):
    """A revoked grant, and the versions that went live without its examples."""

    id: UUID
    revoked: Literal[True]
    live: list[LiveVersionSummary]


class RevokedExampleView(DescribedResponse):
    """A revoked example, and the versions that went live without it."""

    digest: str
    revoked: Literal[True]
    live: list[LiveVersionSummary]
