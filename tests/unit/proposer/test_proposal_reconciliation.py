"""Reconciliation of open proposals with the desired ones."""

from dataclasses import replace

from proposer.domain.model import PromptState, Proposal, ProposalDraft
from proposer.domain.proposal_reconciliation import Propose, Withdraw, reconcile
from proposer.domain.proposals import draft_example_proposals
from tests.support.proposer import KEY, candidate, selected, slotted

BASE = slotted()
STATE = PromptState(KEY, "bot", live=BASE.digest)


def draft(*numbers: int) -> ProposalDraft:
    (made,) = draft_example_proposals(STATE, BASE, selected(*(candidate(number) for number in numbers)), ())
    return made


def opened(made: ProposalDraft) -> Proposal:
    return replace(made.proposal, round=1)


def test_unchanged_proposals_yield_no_action() -> None:
    assert reconcile([opened(draft(1))], [draft(1)], BASE.digest, "evidence_erased") == ()


def test_new_draft_is_proposed() -> None:
    assert reconcile([], [draft(1)], BASE.digest, "evidence_erased") == (Propose(draft(1)),)


def test_better_draft_supersedes_after_withdrawal() -> None:
    previous = opened(draft(1))
    actions = reconcile([previous], [draft(1, 2)], BASE.digest, "evidence_erased")
    assert actions == (Withdraw(previous, "superseded"), Propose(draft(1, 2)))


def test_default_reason_applies_without_a_successor() -> None:
    previous = opened(draft(1))
    assert reconcile([previous], [], BASE.digest, "evidence_erased") == (Withdraw(previous, "evidence_erased"),)
    assert reconcile([previous], [], None, "resolved") == (Withdraw(previous, "resolved"),)


def test_changed_base_is_the_first_reason() -> None:
    previous = opened(draft(1))
    actions = reconcile([previous], [draft(1, 2)], "sha256:other", "evidence_erased")
    assert actions[0] == Withdraw(previous, "base_changed")
