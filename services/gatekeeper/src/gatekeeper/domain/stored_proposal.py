"""A proposal as it is stored, with the decision or grant that closed it (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.events.proposals import Verdict


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A person's decision. `expires_at`: until when an approval may be used; `hash`: that of its audit entry."""

    id: UUID
    verdict: Verdict
    by: str
    at: datetime
    reason: str
    expires_at: datetime | None
    hash: str


@dataclass(frozen=True, slots=True)
class CoveringGrant:
    """The grant that a proposal went live by; `by`: who gave it, `at`: when it was used."""

    id: UUID
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredProposal:
    """A proposal. `document` is None in a brief one; `content`: the parts of `proposal.ready` that no column holds."""

    id: UUID
    project: str
    environment: str
    target: str
    name: str
    kind: str
    base_digest: str | None
    digest: str
    author: str
    author_kind: str
    state: str
    revision: int
    opened_at: datetime
    content: Mapping[str, Any]
    document: Mapping[str, Any] | None
    decision: StoredDecision | None
    grant: CoveringGrant | None


_COMPOSED = {"content", "document", "decision", "grant"}
PROPOSAL_COLUMNS = tuple(field.name for field in fields(StoredProposal) if field.name not in _COMPOSED)
"""The fields that are columns of `gatekeeper.proposals` and, in this order, the first fields of the JSON form."""
