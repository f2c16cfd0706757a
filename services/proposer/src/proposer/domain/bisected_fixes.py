"""Fixes that a bisection found: the changes that made answers worse are undone, all others stay."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from proposer.domain.model import ProposalDraft
from ratchet.prompt import Prompt, PromptError, parse
from shared.events import derived_id
from shared.events.bisection import BisectionCompleted, BisectionRequested, CausalChange, Effect
from shared.events.quality import RegressionDetected

EditKey = tuple[str, str]
"""The digests of the good and of the bad version of an edit."""
_SHOWN = 60
"""Characters of a changed text in the evidence."""
_LISTED = 5


@dataclass(frozen=True, slots=True)
class BisectedFix:
    """The bad version without the changes that made answers worse; `why` names them with their effect."""

    result: Prompt
    why: str


def bisection_id(regression_id: UUID, edit: EditKey) -> UUID:
    """Return the id of the bisection of an edit for a regression."""
    return derived_id("bisection", str(regression_id), *edit)


def bisection_request(regression: RegressionDetected, draft: ProposalDraft, good: Prompt) -> BisectionRequested:
    """Return the request to bisect the edit from `good` to the base of a draft."""
    edit = good.digest, draft.base.digest
    return BisectionRequested(
        project=regression.project,
        environment=regression.environment,
        target=regression.target,
        bisection_id=bisection_id(regression.regression_id, edit),
        regression_id=regression.regression_id,
        name=draft.proposal.key.name,
        good_digest=good.digest,
        good=dict(good.to_dict()),
        bad_digest=draft.base.digest,
        bad=dict(draft.base.to_dict()),
        execution_ids=regression.affected_executions,
    )


def fixes_found(results: Iterable[BisectionCompleted]) -> Mapping[tuple[UUID, EditKey], BisectedFix]:
    """Return the fixes of the bisections that found one, by regression and edit."""
    found = {(each.regression_id, (each.good_digest, each.bad_digest)): _fix(each) for each in results}
    return {key: fix for key, fix in found.items() if fix is not None}


def _fix(found: BisectionCompleted) -> BisectedFix | None:
    """Return the fix of a bisection; None without one, or if its document is not the one that it names."""
    if found.outcome != "found" or found.document is None:
        return None
    try:
        result = parse(found.document)
    except PromptError:
        return None
    return BisectedFix(result, _why(found)) if result.digest == found.digest else None


def _why(found: BisectionCompleted) -> str:
    undone = len(found.causal)
    named = "; ".join(_change(each) for each in found.causal[:_LISTED])
    more = f"; and {undone - _LISTED} more" if undone > _LISTED else ""
    kept = found.changes - undone
    rest = "" if not kept else f" Keeps the other {kept}{_together(found.restored)}."
    return (
        f"Undoes {undone} of {found.changes} changes, which made answers to golden cases worse when they were"
        f" compared: {named}{more}.{rest}"
    )


def _change(change: CausalChange) -> str:
    text = change.after if change.before is None else change.before
    verb = "adding" if change.before is None else "removing" if change.after is None else "replacing"
    shown = " ".join((text or "").split())
    if len(shown) > _SHOWN:
        shown = f"{shown[: _SHOWN - 1]}…"
    return f"{verb} “{shown}” in {change.path} ({_effect(change.effect)})"


def _together(restored: Effect | None) -> str:
    return "" if restored is None else f", which together differ from the last good version by {_effect(restored)}"


def _effect(effect: Effect) -> str:
    difference, low, high = (f"{100 * value:+.0f}" for value in (effect.difference, effect.low, effect.high))
    return f"{difference} pp, 95 % interval {low} to {high}, n={effect.cases}"
