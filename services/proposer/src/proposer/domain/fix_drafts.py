"""Draft the smallest fix of a regression, or find the reason why there is none. No language model is used."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID

from proposer.domain.bisected_fixes import BisectedFix, EditKey
from ratchet.prompt import Prompt, smallest_fix
from shared.events.quality import Cause, RegressionDetected

Reason = Literal[
    "cause-unknown",  # the analyzer found no change when quality fell
    "not-a-prompt",  # a model changed, not a prompt
    "content-unknown",  # a version is known by its label or digest only
    "already-fixed",  # the last good version, or a fix that a person approved, is live
    "base-changed",  # another version than the one that regressed is live
    "too-large",  # the proposal does not fit into one message
]
"""Why there is no draft. A closed list: API clients filter by it."""


@dataclass(frozen=True, slots=True)
class NoDraft:
    """The reason why nothing is proposed. `detail` is a sentence for people, without any user's text."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A fix: `result` replaces `base`. `why`: what it does, and why it is not smaller. `good`: the last good version
    of a fix by rule, for which a bisection may find a smaller one."""

    kind: Literal["restore", "rollback"]
    name: str
    base: Prompt
    result: Prompt
    why: str
    good: Prompt | None = None


BY_RULE = "Drafted by a rule, without comparing answers."
BisectedFixes: TypeAlias = Mapping[tuple[UUID, EditKey], BisectedFix]
Outcome: TypeAlias = Draft | NoDraft


def suspected_version(regression: RegressionDetected) -> Cause | None:
    """Return the most likely cause; None if the analyzer names none. Less likely causes justify no fix."""
    return regression.causes[0] if regression.causes else None


def draft_fix(
    regression: RegressionDetected,
    documents: Mapping[str, Prompt],
    live: str | None,
    approved: Collection[str] = (),
    bisected: BisectedFixes | None = None,
) -> Outcome:
    """Return the smallest fix, or why there is none.

    `documents` are by digest; `live` is the digest that Ratchet serves for the suspected prompt;
    `approved` are the digests of the approved fixes of this prompt; `bisected` are the fixes that bisections found,
    which go before the rule.
    """
    cause = suspected_version(regression)
    if cause is None or cause.kind == "unknown":
        return NoDraft("cause-unknown", "no change was seen when quality fell")
    if cause.kind != "prompt_version":
        return NoDraft("not-a-prompt", f"the likely cause is not a prompt: {cause.kind.replace('_', ' ')}")
    if cause.name is None or cause.before is None or cause.after is None or cause.before == cause.after:
        return NoDraft("cause-unknown", "the versions before and after are not both named")
    if live == cause.before or live in approved:
        return NoDraft("already-fixed", f"{live} is live")
    if live is not None and live != cause.after:
        return NoDraft("base-changed", f"{live} is live, not {cause.after}")
    for identity in (cause.before, cause.after):
        if identity not in documents:
            return NoDraft("content-unknown", f"the content of {identity} is not known")
    good, bad = documents[cause.before], documents[cause.after]
    found = (bisected or {}).get((regression.regression_id, (good.digest, bad.digest)))
    if found is not None:
        kind: Literal["restore", "rollback"] = "rollback" if found.result == good else "restore"
        return Draft(kind, cause.name, bad, found.result, found.why)
    fix = smallest_fix(good, bad)
    return Draft(fix.kind, cause.name, bad, fix.prompt, f"{fix.why} {BY_RULE}", good)
