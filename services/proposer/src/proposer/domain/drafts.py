"""From a regression to the fix of a prompt, or to the reason why there is none. No language model is asked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ratchet.prompt import Prompt, smallest_fix
from shared.events.quality import Cause, RegressionDetected

Reason = Literal[
    "cause-unknown",  # the analyzer names nothing that changed when quality fell
    "not-a-prompt",  # a model changed, not a prompt
    "content-unknown",  # a version is known by its label or digest only
    "already-fixed",  # the last good version, or a fix that a person approved, is live
    "base-changed",  # another version than the one that regressed is live
    "too-large",  # the proposal would not fit into one message
]
"""Why there is no draft. Closed: people filter by it, and docs and API name the same words."""


@dataclass(frozen=True, slots=True)
class NoDraft:
    """Nothing is proposed. `detail` is for people and holds no user's text."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Draft:
    """`result` should replace `base`. `why` says in one sentence what it does and why it is not smaller."""

    kind: Literal["restore", "rollback"]
    name: str
    base: Prompt
    result: Prompt
    why: str


Outcome: TypeAlias = Draft | NoDraft


def suspected_version(regression: RegressionDetected) -> Cause | None:
    """The most likely cause, if the analyzer names one. Causes are ranked; a lower one is no ground for a fix."""
    return regression.causes[0] if regression.causes else None


def draft_fix(
    regression: RegressionDetected, documents: Mapping[str, Prompt], live: str | None, approved: Collection[str] = ()
) -> Outcome:
    """The smallest fix. `documents` by digest; `live` is the digest that Ratchet serves for the suspected prompt.

    `approved` are the digests of fixes of this prompt that a person has approved.
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
    bad = documents[cause.after]
    fix = smallest_fix(documents[cause.before], bad)
    return Draft(fix.kind, cause.name, bad, fix.prompt, fix.why)
