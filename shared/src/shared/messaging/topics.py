"""Every Kafka topic of Ratchet and its settings: the one list that all ways of running make them from."""

from dataclasses import dataclass
from datetime import timedelta

from shared.events import CATALOG

PARTITIONS = 12
"""Fixed for good: another count would move targets to other partitions, and their order with them."""

TEXT_KEPT = timedelta(hours=72)
"""How long a topic may hold what a user wrote. After that it is gone from Kafka, not from the databases."""

FACTS_KEPT = timedelta(days=30)

COMPACTED = frozenset({"prompt.live", "key.changed"})
"""State rather than news: Kafka keeps the last message of each key for ever, and so do the outboxes."""

_WITHOUT_TEXT = frozenset(
    {
        "dead_letter.settled",
        "loop.halted",
        "loop.resumed",
        "metric.declared",
        "operation.performed",
        "proposal.decided",
        "proposal.withdrawn",
        "quality.measured",
        "regression.detected",
        "regression.resolved",
    }
)

SERVICES = ("analyzer", "collector", "gatekeeper", "proposer")
"""Who takes messages, and so may have dead letters."""

WRITERS: dict[str, tuple[str, ...]] = {
    "dead_letter.settled": SERVICES,
    "execution.recorded": ("collector",),
    "feedback.created": ("collector",),
    "feedback.submitted": ("apps",),
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
}
"""The only principals that may write a topic: one, but where each service reports. Who failed writes dead letters."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be. `compacted` keeps the last message of each key for ever."""

    name: str
    partitions: int
    kept: timedelta
    compacted: bool = False

    @property
    def config(self) -> dict[str, str]:
        """Kafka's topic settings. A compacted topic loses a key's former messages within `kept`, too."""
        millis = str(int(self.kept.total_seconds() * 1000))
        if self.compacted:
            return {"cleanup.policy": "compact", "max.compaction.lag.ms": millis}
        return {"cleanup.policy": "delete", "retention.ms": millis}


def written_by(service: str) -> set[str]:
    """The topics that a service may write, without those of dead letters."""
    return {topic for topic, writers in WRITERS.items() if service in writers}


def dead_letters_of(topic: str) -> str:
    """The topic that mirrors the dead letters of `topic`."""
    return f"{topic}.dlq"


def topics(partitions: int = PARTITIONS) -> tuple[Topic, ...]:
    """All topics, by name: one for each event, and one for its dead letters (a single partition: they are few)."""
    names = sorted({event.topic for event in CATALOG.values()})
    return tuple(topic for name in names for topic in (_topic(name, partitions), _dead_letters(name)))


def _topic(name: str, partitions: int) -> Topic:
    if name in COMPACTED:
        return Topic(name, partitions, TEXT_KEPT, compacted=True)
    return Topic(name, partitions, FACTS_KEPT if name in _WITHOUT_TEXT else TEXT_KEPT)


def _dead_letters(name: str) -> Topic:
    return Topic(dead_letters_of(name), 1, TEXT_KEPT)
