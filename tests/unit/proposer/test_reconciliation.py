"""What stands, beside what ought to stand."""

from dataclasses import replace

from proposer.domain.model import PromptState, Proposal, ProposalDraft
from proposer.domain.proposals import draft_examples_proposal
from proposer.domain.reconciliation import Propose, Withdraw, reconcile
from tests.support.proposer import KEY, candidate, slotted

BASE = slotted()
STATE = PromptState(KEY, "bot", live=BASE.digest)


def offer(*numbers: int) -> ProposalDraft:
    (made,) = draft_examples_proposal(STATE, BASE, [candidate(number) for number in numbers], (), objected=False)
    return made


def standing(made: ProposalDraft) -> Proposal:
    return replace(made.proposal, round=1)


def test_what_stands_already_is_left_alone() -> None:
    assert reconcile([standing(offer(1))], [offer(1)], BASE.digest, "evidence_erased") == ()


def test_something_new_is_proposed() -> None:
    assert reconcile([], [offer(1)], BASE.digest, "evidence_erased") == (Propose(offer(1)),)


def test_a_better_one_supersedes_withdrawal_first() -> None:
    former = standing(offer(1))
    steps = reconcile([former], [offer(1, 2)], BASE.digest, "evidence_erased")
    assert steps == (Withdraw(former, "superseded"), Propose(offer(1, 2)))


def test_without_a_successor_the_given_reason_counts() -> None:
    former = standing(offer(1))
    assert reconcile([former], [], BASE.digest, "evidence_erased") == (Withdraw(former, "evidence_erased"),)
    assert reconcile([former], [], None, "resolved") == (Withdraw(former, "resolved"),)


def test_another_base_is_the_reason_before_all_others() -> None:
    former = standing(offer(1))
    steps = reconcile([former], [offer(1, 2)], "sha256:other", "evidence_erased")
    assert steps[0] == Withdraw(former, "base_changed")
