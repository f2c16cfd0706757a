"""Permission to decide, and the reason if it is missing."""

from typing import Any

import pytest

from console.domain.permissions import decision_rights
from console.domain.viewer import Viewer

REVIEWER = Viewer("ann", "reviewer", "acme", "production", frozenset({"read", "tune", "review"}))
LOOKER = Viewer("tom", "viewer", "acme", "production", frozenset({"read"}))
PEOPLE = [
    {"subject": "ann", "scopes": ["review"]},
    {"subject": "bob", "scopes": ["review"]},
    {"subject": "tom", "scopes": []},
]


def proposal(**parts: Any) -> dict[str, Any]:
    return {"state": "open", "author": "proposer", "author_kind": "service", **parts}


def test_reviewer_may_decide_and_the_others_are_listed() -> None:
    assert decision_rights(proposal(), REVIEWER, PEOPLE, halted=False).may
    assert decision_rights(proposal(), REVIEWER, PEOPLE, halted=False).others == ("bob",)


@pytest.mark.parametrize(
    ("proposal", "viewer", "halted", "says"),
    [
        (proposal(state="rejected"), REVIEWER, False, "already decided"),
        (proposal(), LOOKER, False, "Only reviewers decide"),
        (proposal(author="ann", author_kind="person"), REVIEWER, False, "your own proposal"),
        (proposal(), REVIEWER, True, "halted"),
    ],
)
def test_reason_for_a_missing_permission_is_given(
    proposal: dict[str, Any], viewer: Viewer, halted: bool, says: str
) -> None:
    found = decision_rights(proposal, viewer, PEOPLE, halted)
    assert not found.may
    assert says in found.because


def test_service_with_the_same_name_is_a_different_principal() -> None:
    assert decision_rights(proposal(author="ann"), REVIEWER, PEOPLE, halted=False).may


def test_author_may_not_decide() -> None:
    assert decision_rights(proposal(author="bob", author_kind="person"), REVIEWER, PEOPLE, halted=False).others == ()
    assert decision_rights(proposal(), REVIEWER, None, halted=False).others is None
