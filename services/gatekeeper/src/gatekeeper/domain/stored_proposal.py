"""A proposal as it is stored, with the decision or grant that closed it (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from shared.events.proposals import ProposalKind, Verdict

EvaluationRule = Literal["required", "advisory", "none"]
"""Whether an approval needs a passed evaluation; none: proposals of this kind are not evaluated."""
EVALUATION_LIFETIME = timedelta(hours=24)
"""An older evaluation does not allow an approval (`check_evaluation` in the database), and is repeated."""


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A person's decision. `expires_at`: until when an approval may be used; `hash`: that of its audit entry.

    `evaluation_digest` is the report that it was made on, `evaluation_rule` the one that applied. Both are None, like
    `evidence_digest`, in decisions of earlier versions.
    """

    id: UUID
    verdict: Verdict
    by: str
    at: datetime
    reason: str
    expires_at: datetime | None
    hash: str
    evaluation_digest: str | None
    evidence_digest: str | None
    evaluation_rule: EvaluationRule | None


@dataclass(frozen=True, slots=True)
class CoveringGrant:
    """The grant that a proposal went live by; `by`: who gave it, `at`: when it was used."""

    id: UUID
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CriterionOutcome:
    """What became of an acceptance criterion since the promotion, after `counted` of `needed` values with this mean."""

    metric: str
    comparison: Literal[">=", "<="]
    state: Literal["open", "met", "not_met"]
    counted: int
    needed: int
    mean: float | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredEvaluation:
    """A completed evaluation of a proposal; `content`: verdict, reason and figures of `evaluation.completed`.

    `earlier`: verdicts of the evaluations of this proposal before it, in their order.
    """

    id: UUID
    report_digest: str
    completed_at: datetime
    content: Mapping[str, Any]
    earlier: Sequence[str]


@dataclass(frozen=True, slots=True)
class AwaitedEvaluation:
    """A requested evaluation that is not completed. `by` is None if the gatekeeper requested it itself."""

    requested_at: datetime
    by: str | None
    attempt: int


@dataclass(frozen=True, slots=True)
class StoredProposal:
    """A proposal. `evaluation` is the latest one, `awaited_evaluation` the next one, if it is requested.
    `evaluation_rule`: whether an approval needs one that passed.
    `outcomes` are those of its acceptance criteria; None in lists.

    `document` is None in a brief one; `content`: the parts of `proposal.ready` that no column holds."""

    id: UUID
    project: str
    environment: str
    target: str
    name: str
    kind: ProposalKind
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
    evaluation: StoredEvaluation | None
    awaited_evaluation: AwaitedEvaluation | None
    evaluation_rule: EvaluationRule
    outcomes: Sequence[CriterionOutcome] | None = None


_COMPOSED = {"content", "document", "decision", "grant", "evaluation", "awaited_evaluation", "evaluation_rule",
             "outcomes"}  # fmt: skip
PROPOSAL_COLUMNS = tuple(field.name for field in fields(StoredProposal) if field.name not in _COMPOSED)
"""The fields that are columns of `gatekeeper.proposals` and, in this order, the first fields of the JSON form."""
