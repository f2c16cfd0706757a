"""All Kafka topics of Ratchet with their settings; every deployment creates them from this list."""

from dataclasses import dataclass
from datetime import timedelta

from shared.events import CATALOG

PARTITIONS = 12
"""Never change it: another number would move keys to other partitions and break their order."""

TEXT_KEPT = timedelta(hours=72)
"""Retention of topics with users' text in Kafka; the databases have their own."""

FACTS_KEPT = timedelta(days=30)

COMPACTED = frozenset({"prompt.live", "key.changed"})
"""Topics that hold state: Kafka keeps the last message of each key without limit, and so do the outboxes."""

_WITHOUT_TEXT = frozenset(
    {
        "dataset.published",
        "dead_letter.settled",
        "erasure.completed",
        "erasure.requested",
        "evaluation.completed",
        "executions.erased",
        "judge.anchored",
        "loop.halted",
        "loop.resumed",
        "metric.declared",
        "operation.performed",
        "proposal.withdrawn",
        "quality.measured",
        "regression.detected",
        "regression.resolved",
        "rollout.advanced",
        "rollout.concluded",
        "rollout.started",
    }
)

SERVICES = ("analyzer", "collector", "evaluator", "gatekeeper", "proposer")
"""Services that consume messages, and so may have dead letters."""

WRITERS: dict[str, tuple[str, ...]] = {
    "bisection.completed": ("evaluator",),
    "bisection.requested": ("proposer",),
    "candidate.drafted": ("proposer",),
    "dataset.published": ("evaluator",),
    "dead_letter.settled": SERVICES,
    "erasure.completed": SERVICES,
    "erasure.requested": ("collector",),
    "evaluation.completed": ("evaluator",),
    "evaluation.requested": ("gatekeeper",),
    "execution.recorded": ("collector",),
    "execution.submitted": ("apps",),
    "executions.erased": ("collector",),
    "feedback.created": ("collector",),
    "feedback.submitted": ("apps", "evaluator"),
    "judge.anchored": ("evaluator",),
    "key.changed": ("gatekeeper",),
    "loop.halted": ("gatekeeper",),
    "loop.resumed": ("gatekeeper",),
    "metric.declared": ("analyzer",),
    "operation.performed": SERVICES,
    "prompt.live": ("gatekeeper",),
    "prompt.observed": ("collector",),
    "proposal.decided": ("gatekeeper",),
    "proposal.ready": ("proposer",),
    "proposal.withdrawn": ("proposer",),
    "quality.measured": ("analyzer",),
    "regression.detected": ("analyzer",),
    "regression.resolved": ("analyzer",),
    "rollout.advanced": ("gatekeeper",),
    "rollout.concluded": ("gatekeeper",),
    "rollout.started": ("gatekeeper",),
}
"""Topic → the only services that may write it. A topic of dead letters is written by the service that failed."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Desired settings of a topic. `compacted` keeps the last message of each key without limit."""

    name: str
    partitions: int
    kept: timedelta
    compacted: bool = False

    @property
    def config(self) -> dict[str, str]:
        """Kafka's topic settings. A compacted topic deletes a key's superseded messages within `kept`."""
        millis = str(int(self.kept.total_seconds() * 1000))
        if self.compacted:
            return {"cleanup.policy": "compact", "max.compaction.lag.ms": millis}
        return {"cleanup.policy": "delete", "retention.ms": millis}


def topics_written_by(service: str) -> set[str]:
    """Return the topics that a service may write, without those of dead letters."""
    return {topic for topic, writers in WRITERS.items() if service in writers}


def dead_letters_of(topic: str) -> str:
    """Return the topic that mirrors the dead letters of `topic`."""
    return f"{topic}.dlq"


def topics(partitions: int = PARTITIONS) -> tuple[Topic, ...]:
    """Return all topics by name: one per event and one for its dead letters, which has a single partition."""
    names = sorted({event.topic for event in CATALOG.values()})
    return tuple(topic for name in names for topic in (_topic(name, partitions), _dead_letters(name)))


def _topic(name: str, partitions: int) -> Topic:
    if name in COMPACTED:
        return Topic(name, partitions, TEXT_KEPT, compacted=True)
    return Topic(name, partitions, FACTS_KEPT if name in _WITHOUT_TEXT else TEXT_KEPT)


def _dead_letters(name: str) -> Topic:
    return Topic(dead_letters_of(name), 1, TEXT_KEPT)
