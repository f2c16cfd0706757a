"""The JSON form of a proposal."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gatekeeper.domain.proposal_edits import syntax_warnings
from gatekeeper.domain.stored_proposal import PROPOSAL_COLUMNS, CriterionOutcome, StoredEvaluation, StoredProposal


def proposal_to_json(proposal: StoredProposal) -> dict[str, Any]:
    """Return the JSON form of a proposal with evaluation, decision or grant; a brief one has no `document`."""
    view: dict[str, Any] = {column: getattr(proposal, column) for column in PROPOSAL_COLUMNS}
    view |= proposal.content
    if proposal.document is not None:
        view["document"] = proposal.document
        view["warnings"] = syntax_warnings(proposal.document)
    view["decision"] = None if proposal.decision is None else asdict(proposal.decision)
    view["grant"] = None if proposal.grant is None else asdict(proposal.grant)
    if proposal.outcomes is not None:
        view["acceptance"] = _with_outcomes(proposal.content["acceptance"], proposal.outcomes)
    view["evaluation"] = None if proposal.evaluation is None else _evaluation_to_json(proposal.evaluation)
    awaited = proposal.awaited_evaluation
    view["awaited_evaluation"] = None if awaited is None else asdict(awaited)
    view["evaluation_rule"] = proposal.evaluation_rule
    return view


def _evaluation_to_json(evaluation: StoredEvaluation) -> dict[str, Any]:
    facts = {
        "id": evaluation.id,
        "report_digest": evaluation.report_digest,
        "completed_at": evaluation.completed_at,
        "earlier_verdicts": list(evaluation.earlier),
    }
    return {**facts, **evaluation.content}


def _with_outcomes(
    criteria: Sequence[Mapping[str, Any]], outcomes: Sequence[CriterionOutcome]
) -> list[Mapping[str, Any]]:
    """Return acceptance criteria with what became of each; None before the promotion."""
    found = {(each.metric, each.comparison): asdict(each) for each in outcomes}
    return [{**each, "outcome": found.get((each["metric"], each["comparison"]))} for each in criteria]
