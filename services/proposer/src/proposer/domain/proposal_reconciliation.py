"""Reconcile open proposals with the desired ones."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from proposer.domain.model import Proposal, ProposalDraft
from shared.events.proposals import ProposalWithdrawn, WithdrawalReason


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Withdraw an open proposal."""

    proposal: Proposal
    reason: WithdrawalReason


@dataclass(frozen=True, slots=True)
class Propose:
    """Open a new proposal."""

    draft: ProposalDraft


Action: TypeAlias = Withdraw | Propose
DigestChange: TypeAlias = tuple[str, str]
"""The digest of the base and the digest that replaces it."""


def reconcile(
    open_proposals: Sequence[Proposal],
    drafts: Sequence[ProposalDraft],
    in_use: str | None,
    default_reason: WithdrawalReason,
) -> tuple[Action, ...]:
    """Return the actions that lead from `open_proposals` to `drafts`, withdrawals first.

    Unchanged proposals yield no action. `default_reason` is used where the base is still `in_use` and no draft
    replaces the proposal.
    """
    wanted = {draft.proposal.content_id for draft in drafts}
    subjects = {_subject(draft.proposal) for draft in drafts}
    unchanged = {proposal.content_id for proposal in open_proposals if proposal.content_id in wanted}
    withdrawals = (
        Withdraw(proposal, _reason(proposal, in_use, _subject(proposal) in subjects, default_reason))
        for proposal in open_proposals
        if proposal.content_id not in wanted
    )
    return (*withdrawals, *(Propose(draft) for draft in drafts if draft.proposal.content_id not in unchanged))


def deduplicate(drafts: Sequence[ProposalDraft], known: Collection[UUID]) -> dict[DigestChange, ProposalDraft]:
    """Return one draft for each digest change, although several regressions may ask for it.

    A draft whose content id is `known` (open or decided) is preferred, so that none is decided twice; else the first.
    """
    by_change: dict[DigestChange, ProposalDraft] = {}
    for draft in sorted(drafts, key=lambda draft: draft.proposal.content_id not in known):
        by_change.setdefault(diff_key(draft), draft)
    return by_change


def diff_key(draft: ProposalDraft) -> DigestChange:
    """Return the digest change that the draft proposes."""
    return draft.proposal.base_digest, draft.proposal.digest


def _subject(proposal: Proposal) -> tuple[object, ...]:
    """Return what a proposal is about; a new proposal about the same subject supersedes it."""
    return (proposal.key, proposal.slot, proposal.regression_id)


def _reason(
    proposal: Proposal, in_use: str | None, replaced: bool, default_reason: WithdrawalReason
) -> WithdrawalReason:
    if in_use is not None and proposal.base_digest != in_use:
        return "base_changed"
    return "superseded" if replaced else default_reason


def withdrawal_event(proposal: Proposal, revision: int, reason: WithdrawalReason) -> ProposalWithdrawn:
    """Return the event that a proposal was withdrawn; `revision` is its new one."""
    return ProposalWithdrawn(
        project=proposal.key.project,
        environment=proposal.key.environment,
        target=proposal.target,
        proposal_id=proposal.id,
        revision=revision,
        reason=reason,
    )
