"""The JSON form of a proposal."""

from dataclasses import asdict
from typing import Any

from gatekeeper.domain.proposal_edits import syntax_warnings
from gatekeeper.domain.stored_proposal import PROPOSAL_COLUMNS, StoredProposal


def proposal_to_json(proposal: StoredProposal) -> dict[str, Any]:
    """Return the JSON form of a proposal with its decision or grant; a brief one has no `document`."""
    view: dict[str, Any] = {column: getattr(proposal, column) for column in PROPOSAL_COLUMNS}
    view |= proposal.content
    if proposal.document is not None:
        view["document"] = proposal.document
        view["warnings"] = syntax_warnings(proposal.document)
    view["decision"] = None if proposal.decision is None else asdict(proposal.decision)
    view["grant"] = None if proposal.grant is None else asdict(proposal.grant)
    return view
