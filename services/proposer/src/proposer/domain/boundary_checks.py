"""The checklist that a proposal must pass before a pull request is opened. One failed check stops it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from proposer.domain.data_rules import DataRules
from proposer.domain.prompt_homes import DeclaredTarget, PromptHome
from ratchet.prompt import PromptError, diff, parse
from shared.events.proposals import ProposalReady

CheckName = Literal["model", "prompt_only", "data_gates", "rollback", "draft"]
MANAGED = "managed model — prompt-only improvement required"

_PROMPT_PARTS = re.compile(r"(messages|variables|slots)(\W|$)")
_WEIGHTS = (".bin", ".ckpt", ".gguf", ".ggml", ".h5", ".npz", ".onnx", ".pb", ".pkl", ".pt", ".pth", ".safetensors")


@dataclass(frozen=True, slots=True)
class BoundaryCheck:
    """One check with what it was decided by. `evidence` has no user's text."""

    name: CheckName
    passed: bool
    evidence: str

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "passed": self.passed, "evidence": self.evidence}


@dataclass(frozen=True, slots=True)
class DraftState:
    """Whether a pull request is (or is going to be) a draft, and whether the forge would merge it by itself."""

    draft: bool
    auto_merge: bool


def check_boundary(
    proposal: ProposalReady,
    home: PromptHome,
    declared: DeclaredTarget | None,
    rules: DataRules,
    rollback_stored: str | None,
    state: DraftState,
) -> tuple[BoundaryCheck, ...]:
    """Return the five checks of a proposal.

    `rules`: which data the target allows. `rollback_stored` says where a copy is; None: nowhere.
    """
    return (
        check_model(declared),
        check_prompt_only(proposal, home),
        check_data_gates(proposal, rules),
        check_rollback(proposal, rollback_stored),
        check_draft(state),
    )


def first_failed(checks: Sequence[BoundaryCheck]) -> BoundaryCheck | None:
    """Return the first check that failed; None if all passed."""
    return next((check for check in checks if not check.passed), None)


def check_model(declared: DeclaredTarget | None) -> BoundaryCheck:
    """Check that the target's model is self-hosted, or that only its prompt is to be improved."""
    if declared is None:
        return BoundaryCheck("model", False, f"{MANAGED}: nothing is declared about the target's model")
    if declared.model == "managed":
        return BoundaryCheck("model", False, MANAGED)
    return BoundaryCheck("model", True, f"{declared.target} is declared {declared.model}")


def check_prompt_only(proposal: ProposalReady, home: PromptHome) -> BoundaryCheck:
    """Check that nothing but the prompt changes: no model, no parameters, no file of weights."""
    if home.path.casefold().endswith(_WEIGHTS):
        return BoundaryCheck("prompt_only", False, f"{home.path} is a file of weights")
    try:
        base, result = (parse(d) if d is not None else None for d in (proposal.rollback, proposal.document))
    except PromptError as error:
        return BoundaryCheck("prompt_only", False, f"a document is not valid at {error.field}")
    if base is None or result is None:
        return BoundaryCheck("prompt_only", False, "there is no version that the proposal replaces")
    paths = [change.path for change in diff(base, result)]
    if others := sorted({path for path in paths if not _PROMPT_PARTS.match(path)}):
        return BoundaryCheck("prompt_only", False, f"it also changes {', '.join(others[:3])}")
    return BoundaryCheck("prompt_only", True, f"only these change: {', '.join(paths[:5])}; no weights")


def check_data_gates(proposal: ProposalReady, rules: DataRules) -> BoundaryCheck:
    """Check that used traces passed all gates: PII, consent, region, confidentiality. Unknown is no, unless allowed.

    Only answers of users who agreed to learning are ever used, so consent needs no count.
    """
    if proposal.kind in ("restore", "rollback") and not proposal.example_sets:
        return BoundaryCheck("data_gates", True, "no trace's text is used: every line was in an earlier version")
    used = proposal.evidence.traces
    if used is None:
        return BoundaryCheck("data_gates", False, "whether traces were used that passed the four gates is not known")
    if not used.traces:
        return BoundaryCheck("data_gates", True, "no trace's text is used")
    if refusal := rules.refusal(used):
        return BoundaryCheck("data_gates", False, f"{refusal}; {used.traces} traces were used, with consent")
    regions, levels = ", ".join(used.regions), ", ".join(used.confidentiality)
    passed = f"{used.traces} traces passed PII, consent, region ({regions}) and confidentiality ({levels})"
    return BoundaryCheck("data_gates", True, passed)


def check_rollback(proposal: ProposalReady, stored: str | None) -> BoundaryCheck:
    """Check that a copy of what is replaced was stored, with the digest that the proposal names."""
    if stored is None:
        return BoundaryCheck("rollback", False, f"no stored copy of {proposal.rollback_digest} was found")
    return BoundaryCheck("rollback", True, f"{proposal.rollback_digest} is stored: {stored}")


def check_draft(state: DraftState) -> BoundaryCheck:
    """Check that the pull request is a draft that nothing merges by itself."""
    if not state.draft:
        return BoundaryCheck("draft", False, "the pull request is not a draft")
    if state.auto_merge:
        return BoundaryCheck("draft", False, "automatic merging is set for the pull request")
    return BoundaryCheck("draft", True, "a draft, without automatic merging")
