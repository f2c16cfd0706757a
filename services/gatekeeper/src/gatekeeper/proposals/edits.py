"""What a person's edit amounts to (pure): the proposal's kind, its diff and what would undo it."""

from typing import Any

from ratchet.prompt import Prompt, PromptError, foreign_syntax, parse, unified


def kind_of(base_digest: str | None) -> str:
    """An edit replaces something, a first version nothing."""
    return "first_version" if base_digest is None else "edit"


def content_of(why: str, base_digest: str | None, base: Prompt | None, draft: Prompt) -> dict[str, Any]:
    """The parts of a person's proposal that no column holds; the same names as in `proposal.ready`."""
    return {
        "diff": unified(base, draft),
        "evidence": {"regression_id": None, "feedback_ids": [], "execution_ids": [], "summary": why},
        "acceptance": [],
        "rollback_digest": base_digest,
        "rollback": None if base is None else base.to_dict(),
        "example_sets": [],
    }


def warnings(document: dict[str, Any]) -> list[str]:
    """What whoever decides about a document should know: template syntax that is text here."""
    try:
        found = foreign_syntax(parse(document))
    except PromptError:
        return []
    return [f"{syntax} is no variable here: it is sent to the model as it is" for syntax in found[:20]]
