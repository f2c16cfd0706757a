"""Who may decide about a proposal, and why somebody may not (pure). The gatekeeper asks all of it again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.viewer import Viewer


@dataclass(frozen=True, slots=True)
class DecisionRights:
    """`may`: the viewer can decide now; else `because` says what is missing. `others`: who else may; None: unknown."""

    may: bool
    because: str
    others: tuple[str, ...] | None


def decision_rights(
    proposal: Mapping[str, Any], viewer: Viewer, people: Sequence[Mapping[str, Any]] | None, halted: bool
) -> DecisionRights:
    """Nobody decides about a proposal of their own; an approval waits while the loop is halted."""
    author = proposal["author"] if proposal["author_kind"] == "person" else None
    because = _because(proposal, viewer, author, halted)
    others = None if people is None else reviewers(people, author, viewer.subject)
    return DecisionRights(not because, because, others)


def reviewers(people: Sequence[Mapping[str, Any]], *without: str | None) -> tuple[str, ...]:
    """Who reviews, but for some."""
    return tuple(it["subject"] for it in people if "review" in it["scopes"] and it["subject"] not in without)


def _because(proposal: Mapping[str, Any], viewer: Viewer, author: str | None, halted: bool) -> str:
    if proposal["state"] != "open":
        return "It was decided before."
    if not viewer.may("review"):
        return "Your role does not decide: it takes a reviewer."
    if author == viewer.subject:
        return "It is your own: somebody else must decide."
    if halted:
        return "The loop is halted: nothing is promoted until a reviewer resumes."
    return ""
