"""Content of a proposal that a person writes: kind, diff, evidence and rollback (pure)."""

from collections.abc import Mapping
from typing import Any

from gatekeeper.domain.content import evidence_digest
from ratchet.prompt import Prompt, PromptError, foreign_syntax, parse, unified


def edit_kind(base_digest: str | None) -> str:
    """Return the kind of a person's proposal."""
    return "first_version" if base_digest is None else "edit"


def edit_content(why: str, base_digest: str | None, base: Prompt | None, draft: Prompt) -> dict[str, Any]:
    """Return the parts of a person's proposal that no column holds, under the names that `proposal.ready` has."""
    content: dict[str, Any] = {
        "diff": unified(base, draft),
        "evidence": {"regression_id": None, "feedback_ids": [], "execution_ids": [], "summary": why},
        "acceptance": [],
        "rollback_digest": base_digest,
        "rollback": None if base is None else base.to_dict(),
        "example_sets": [],
    }
    return {**content, "evidence_digest": evidence_digest(content)}


def syntax_warnings(document: Mapping[str, Any]) -> list[str]:
    """Return a warning per template syntax of another library, which is plain text in Ratchet; at most 20."""
    try:
        found = foreign_syntax(parse(document))
    except PromptError:
        return []
    return [f"{syntax} is not a variable here: it is sent to the model as it is" for syntax in found[:20]]
