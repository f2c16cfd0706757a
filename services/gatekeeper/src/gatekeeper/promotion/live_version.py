"""From a row of history to the signed fact that it is live (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.events.promotion import PromptLive, Signature


@dataclass(frozen=True, slots=True)
class LiveRow:
    """A row of `gatekeeper.live_history` with the content that it serves.

    `examples`: slot → list of {"input", "output"}, for the slots that hold a set.
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


def payload(row: LiveRow) -> dict[str, Any]:
    """The JSON form of a `prompt.live`, all but its signature."""
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
    """The one authorisation that a row cites."""
    cited = (("decision", row.decision_id), ("grant", row.grant_use_id), ("rollback", row.rollback_id))
    [(kind, cited_id)] = [(kind, cited_id) for kind, cited_id in cited if cited_id is not None]
    return {"kind": kind, "id": str(cited_id), "by": row.by}


def event(row: LiveRow, signature: Signature) -> PromptLive:
    """The event of a row whose signature is known."""
    return PromptLive.model_validate({**payload(row), "signature": signature})


def frame(live: PromptLive) -> bytes:
    """A server-sent event, written once for all clients."""
    return b"event: prompt\nid: %d\ndata: %b\n\n" % (live.sequence, live.model_dump_json().encode())


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """One row of a name's history, as far as going back needs it."""

    digest: str
    base_digest: str | None
    reason: str


def previous(history: Sequence[LiveVersion]) -> str | None:
    """The version before the one that is live now; None where nothing was. `history` is in order of sequence.

    It is what the live digest first replaced here, so that going back twice goes two versions back, rather than
    to and fro. Where examples were taken back, the versions with and without them are one version.
    """
    current = history[-1].digest if history else None
    seen: set[str] = set()
    while current is not None and current not in seen:
        seen.add(current)
        first = next((step for step in history if step.digest == current), None)
        if first is None or first.reason == "promoted":
            return first.base_digest if first else None
        current = first.base_digest
    return None
