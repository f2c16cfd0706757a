"""Live versions: the `prompt.live` event of a row of history, and the version before the live one (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.events.promotion import PromptLive, Signature


@dataclass(frozen=True, slots=True)
class LiveKey:
    """Identifies a row of `gatekeeper.live_history`."""

    project: str
    environment: str
    name: str
    sequence: int


@dataclass(frozen=True, slots=True)
class LiveRow:
    """A row of `gatekeeper.live_history` with the content that it serves.

    `examples`: slot → list of {"input", "output"}, for the slots that hold an example set.
    """

    project: str
    environment: str
    name: str
    target: str
    digest: str
    sequence: int
    reason: str
    decision_id: UUID | None
    grant_use_id: UUID | None
    rollback_id: UUID | None
    by: str
    at: datetime
    document: Mapping[str, object]
    examples: Mapping[str, Sequence[Mapping[str, str]]]


def unsigned_payload(row: LiveRow) -> dict[str, Any]:
    """Return the JSON form of a `prompt.live` without its signature."""
    return {
        "project": row.project,
        "environment": row.environment,
        "name": row.name,
        "target": row.target,
        "digest": row.digest,
        "sequence": row.sequence,
        "document": dict(row.document),
        "examples": {slot: [dict(example) for example in row.examples[slot]] for slot in sorted(row.examples)},
        "reason": row.reason,
        "authorisation": authorisation(row),
        "occurred_at": row.at.isoformat(),
    }


def authorisation(row: LiveRow) -> dict[str, str]:
    """Return the authorisation that a row cites; each cites exactly one."""
    cited = (("decision", row.decision_id), ("grant", row.grant_use_id), ("rollback", row.rollback_id))
    [(kind, cited_id)] = [(kind, cited_id) for kind, cited_id in cited if cited_id is not None]
    return {"kind": kind, "id": str(cited_id), "by": row.by}


def live_event(row: LiveRow, signature: Signature) -> PromptLive:
    """Return the event of a row whose signature is known."""
    return PromptLive.model_validate({**unsigned_payload(row), "signature": signature})


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """A version in the history of a name, as far as rollback needs it."""

    digest: str
    base_digest: str | None
    reason: str


def previous_digest(history: Sequence[LiveVersion]) -> str | None:
    """Return the digest of the version before the live one; None if there is none. `history`: by sequence.

    It is the version that the live digest replaced when it first went live, so two rollbacks go two versions back
    instead of back and forth. Versions with and without revoked examples count as one version.
    """
    current = history[-1].digest if history else None
    seen: set[str] = set()
    while current is not None and current not in seen:
        seen.add(current)
        first = next((version for version in history if version.digest == current), None)
        if first is None or first.reason == "promoted":
            return first.base_digest if first else None
        current = first.base_digest
    return None
