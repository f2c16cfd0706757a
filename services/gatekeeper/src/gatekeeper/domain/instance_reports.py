"""What clients report to serve, beside what is live (pure)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.events.promotion import PromptLive

EXPIRES_AFTER_S = 90
"""An instance that reported nothing for so long is not counted any more. Clients report every 20 to 30 s."""
ServingState = Literal["serving", "stale", "refusing"]
"""`stale`: another version than the live one, or none yet. `refusing`: the live one is not served, for a reason."""


@dataclass(frozen=True, slots=True)
class PromptReport:
    """What an instance serves of a prompt. Without `sequence` it serves the app's own default.

    `candidate_digest` and `weight`: the other arm of a rollout. `refused_sequence` and `refusal`: the newest version
    that it does not serve, and why.
    """

    name: str
    sequence: int | None = None
    digest: str | None = None
    candidate_digest: str | None = None
    weight: int | None = None
    refused_sequence: int | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class InstanceReport:
    """The last report of an instance. `sdk`: language and version of its client."""

    instance: str
    sdk: str
    reported_at: datetime
    prompts: Sequence[PromptReport]


@dataclass(frozen=True, slots=True)
class ExpectedVersion:
    """What is live of a prompt: its version, and the other arm of an open rollout."""

    name: str
    sequence: int
    digest: str
    candidate_digest: str | None = None
    weight: int | None = None


@dataclass(frozen=True, slots=True)
class PromptInstances:
    """How many of the instances that use a prompt serve its live version, with these arms."""

    live: ExpectedVersion
    instances: int
    serving: int
    stale: int
    refusing: int


def expected_version(live: PromptLive) -> ExpectedVersion:
    """Return what instances should report of a live version."""
    arms = live.rollout
    if arms is None:
        return ExpectedVersion(live.name, live.sequence, live.digest)
    return ExpectedVersion(live.name, live.sequence, live.digest, arms.digest, arms.weight)


def serving_state(report: PromptReport, live: ExpectedVersion) -> ServingState:
    """Return whether an instance serves what is live."""
    if report.refusal is not None and report.refused_sequence in (None, live.sequence):
        return "refusing"
    served = (report.sequence, report.digest, report.candidate_digest, report.weight)
    is_live = served == (live.sequence, live.digest, live.candidate_digest, live.weight)
    return "serving" if is_live else "stale"


def count_instances(reports: Iterable[InstanceReport], live: Mapping[str, ExpectedVersion]) -> list[PromptInstances]:
    """Return the counts of each live prompt, by name."""
    counts: dict[str, Counter[ServingState]] = {name: Counter() for name in live}
    for report in reports:
        for prompt in report.prompts:
            if prompt.name in live:
                counts[prompt.name][serving_state(prompt, live[prompt.name])] += 1
    return [
        PromptInstances(live[name], found.total(), found["serving"], found["stale"], found["refusing"])
        for name, found in sorted(counts.items())
    ]
