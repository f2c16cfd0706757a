"""What reviewers refused, in words for the next draft."""

import pytest

from proposer.domain.refused_proposals import RefusedProposal, constraints_of


@pytest.mark.parametrize(
    ("refused", "constraint"),
    [
        (RefusedProposal("restore", "rejected"), None),
        (RefusedProposal("restore", "rejected", reason="It is\n too  long."),
         "A reviewer rejected a proposal (restore); the reason: It is too long."),
        (RefusedProposal("few_shot", "changes_requested", reason="x" * 600),
         f"A reviewer wanted changes of a proposal (few shot); the reason: {'x' * 500}"),
        (RefusedProposal("instruction", "rejected", "Cite"), "A reviewer rejected an edit with this intent: Cite"),
        (RefusedProposal("instruction", "rejected", "Cite", "No."),
         "A reviewer rejected an edit with this intent: Cite; the reason: No."),
        (RefusedProposal("instruction", "rejected", "Cite", " \n "),
         "A reviewer rejected an edit with this intent: Cite"),
    ],
)  # fmt: skip
def test_a_refusal_is_a_constraint(refused: RefusedProposal, constraint: str | None) -> None:
    assert refused.constraint_text == constraint


def test_each_constraint_is_told_once() -> None:
    same = RefusedProposal("restore", "rejected", reason="No.")
    assert len(constraints_of([same, RefusedProposal("restore", "rejected"), same])) == 1
