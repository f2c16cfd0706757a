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
class ArmsRow:
    """The candidate that `weight` of 10,000 buckets get during a rollout."""

    rollout_id: UUID
    plan_digest: str
    weight: int
    salt: str
    unit: str
    digest: str
    document: Mapping[str, object]
    examples: Mapping[str, Sequence[Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class LiveRow:
    """A row of `gatekeeper.live_history` with the content that it serves.

    `rollout_change_id`: the change of a rollout that it cites, whose authorisation is `rollout_decision_id`. `arms` is
    None where all get the same.

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
    rollout_change_id: UUID | None
    rollout_decision_id: UUID | None
    by: str
    at: datetime
    document: Mapping[str, object]
    examples: Mapping[str, Sequence[Mapping[str, str]]]
    arms: ArmsRow | None = None


def unsigned_payload(row: LiveRow) -> dict[str, Any]:
    """Return the JSON form of a `prompt.live` without its signatures."""
    return {
        "project": row.project,
        "environment": row.environment,
        "name": row.name,
        "target": row.target,
        "digest": row.digest,
        "sequence": row.sequence,
        "document": dict(row.document),
        "examples": _examples(row.examples),
        "reason": row.reason,
        "authorisation": authorisation(row),
        "occurred_at": row.at.isoformat(),
        "rollout": None if row.arms is None else _arms(row.arms),
    }


def _arms(arms: ArmsRow) -> dict[str, Any]:
    return {
        "rollout_id": str(arms.rollout_id),
        "plan_digest": arms.plan_digest,
        "weight": arms.weight,
        "salt": arms.salt,
        "unit": arms.unit,
        "digest": arms.digest,
        "document": dict(arms.document),
        "examples": _examples(arms.examples),
    }


def _examples(examples: Mapping[str, Sequence[Mapping[str, str]]]) -> dict[str, list[dict[str, str]]]:
    return {slot: [dict(example) for example in examples[slot]] for slot in sorted(examples)}


def authorisation(row: LiveRow) -> dict[str, str]:
    """Return the authorisation that a row cites; each cites exactly one.

    That of a rollout's step is the approval of its plan; its end by going back to the base is a rollback.
    """
    if row.rollout_change_id is not None:
        ended = row.reason == "rolled_back"
        kind, cited_id = ("rollback", row.rollout_change_id) if ended else ("decision", row.rollout_decision_id)
        return {"kind": kind, "id": str(cited_id), "by": row.by}
    cited = (("decision", row.decision_id), ("grant", row.grant_use_id), ("rollback", row.rollback_id))
    [(kind, cited_id)] = [(kind, cited_id) for kind, cited_id in cited if cited_id is not None]
    return {"kind": kind, "id": str(cited_id), "by": row.by}


@dataclass(frozen=True, slots=True)
class LiveSignatures:
    """The signature of a live version, and that of the arms of its rollout."""

    live: Signature
    arms: Signature | None = None


def live_event(row: LiveRow, signatures: LiveSignatures) -> PromptLive:
    """Return the event of a row whose signatures are known."""
    payload = {**unsigned_payload(row), "signature": signatures.live}
    if row.arms is not None:
        payload["rollout"] = {**payload["rollout"], "signature": signatures.arms}
    return PromptLive.model_validate(payload)


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
