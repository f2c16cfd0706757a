"""What reviewers said about proposals that they refused, as constraints on the next draft. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from proposer.domain.model import ProposalState
from shared.events.proposals import ProposalKind

_MOST_REASON = 500
"""Characters of a reason in a constraint."""


@dataclass(frozen=True, slots=True)
class RefusedProposal:
    """A proposal that a person rejected or wanted changed. `intent`: that of an edit of an instruction.

    `reason` is the reviewer's, without personal data: a text of a person, which is data for a model, never instruction.
    """

    kind: ProposalKind
    state: ProposalState
    intent: str | None = None
    reason: str | None = None

    @property
    def constraint_text(self) -> str | None:
        """What a further draft has to keep to; None if nothing is known of the refusal but that it was one."""
        if self.intent is None and self.reason is None:
            return None
        kind = self.kind.replace("_", " ")
        about = f"an edit with this intent: {self.intent}" if self.intent else f"a proposal ({kind})"
        did = "wanted changes of" if self.state == "changes_requested" else "rejected"
        reason = " ".join(self.reason.split())[:_MOST_REASON] if self.reason else ""
        return f"A reviewer {did} {about}" + (f"; the reason: {reason}" if reason else "")


def constraints_of(refused: Iterable[RefusedProposal]) -> list[str]:
    """Return the constraints of refused proposals, each once."""
    return list(dict.fromkeys(each.constraint_text for each in refused if each.constraint_text is not None))
