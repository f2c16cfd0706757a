"""Who may decide about a proposal, and why the viewer may not. The gatekeeper enforces the same rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.domain.viewer import Viewer


@dataclass(frozen=True, slots=True)
class DecisionRights:
    """`may`: whether the viewer can decide; if not, `because` is the reason. `others` may decide too; None: unknown."""

    may: bool
    because: str
    others: tuple[str, ...] | None


def decision_rights(
    proposal: Mapping[str, Any], viewer: Viewer, people: Sequence[Mapping[str, Any]] | None, halted: bool
) -> DecisionRights:
    """Return whether `viewer` may decide: not about their own proposal, and without approvals while halted."""
    author = proposal["author"] if proposal["author_kind"] == "person" else None
    because = _because(proposal, viewer, author, halted)
    others = None if people is None else reviewers(people, author, viewer.subject)
    return DecisionRights(not because, because, others)


def reviewers(people: Sequence[Mapping[str, Any]], *without: str | None) -> tuple[str, ...]:
    """Return the people who may review, except those in `without`."""
    return tuple(it["subject"] for it in people if "review" in it["scopes"] and it["subject"] not in without)


def _because(proposal: Mapping[str, Any], viewer: Viewer, author: str | None, halted: bool) -> str:
    if proposal["state"] != "open":
        return "This proposal is already decided."
    if not viewer.may("review"):
        return "Only reviewers decide. Your role may not."
    if author == viewer.subject:
        return "This is your own proposal: another reviewer must decide."
    if halted:
        return "Promotions are halted until a reviewer resumes them."
    return ""
