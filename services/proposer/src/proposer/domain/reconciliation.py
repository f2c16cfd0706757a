"""Which proposals stand no longer, and which are new: what was proposed, beside what ought to be."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from proposer.domain.model import Proposal, ProposalDraft
from shared.events.proposals import WithdrawalReason


@dataclass(frozen=True, slots=True)
class Withdraw:
    proposal: Proposal
    reason: WithdrawalReason


@dataclass(frozen=True, slots=True)
class Propose:
    offer: ProposalDraft


Step: TypeAlias = Withdraw | Propose
Change: TypeAlias = tuple[str, str]


def reconcile(
    standing: Sequence[Proposal], offers: Sequence[ProposalDraft], in_use: str | None, otherwise: WithdrawalReason
) -> tuple[Step, ...]:
    """Steps from the `standing` (open) proposals to `offers`, withdrawals first. What stands already stays untouched.

    `otherwise` is the reason for a withdrawal where the base still is `in_use` and nothing takes its place.
    """
    offered = {offer.proposal.content_id for offer in offers}
    places = {_place(offer.proposal) for offer in offers}
    kept = {proposal.content_id for proposal in standing if proposal.content_id in offered}
    withdrawals = (
        Withdraw(proposal, _reason(proposal, in_use, _place(proposal) in places, otherwise))
        for proposal in standing
        if proposal.content_id not in offered
    )
    return (*withdrawals, *(Propose(offer) for offer in offers if offer.proposal.content_id not in kept))


def deduplicate(offers: Sequence[ProposalDraft], known: Collection[UUID]) -> dict[Change, ProposalDraft]:
    """One offer for each change, though several regressions ask for it: what is `known` already, or the first.

    `known` are contents that are proposed, or that a person has decided about: so that nobody is asked twice.
    """
    chosen: dict[Change, ProposalDraft] = {}
    for offer in sorted(offers, key=lambda offer: offer.proposal.content_id not in known):
        chosen.setdefault(diff_key(offer), offer)
    return chosen


def diff_key(offer: ProposalDraft) -> Change:
    """What the offer would do: which digest becomes which."""
    return offer.proposal.base_digest, offer.proposal.digest


def _place(proposal: Proposal) -> tuple[object, ...]:
    return (proposal.key, proposal.slot, proposal.regression_id)


def _reason(proposal: Proposal, in_use: str | None, replaced: bool, otherwise: WithdrawalReason) -> WithdrawalReason:
    if in_use is not None and proposal.base_digest != in_use:
        return "base_changed"
    return "superseded" if replaced else otherwise
