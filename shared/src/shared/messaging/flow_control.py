"""A look at the stream of messages, for brokers that forget what was not consumed in time."""

from typing import Protocol

from shared.messaging.topic_ends import TopicEnds


class Flow(Protocol):
    """Told of every message sent and consumed; may hold back sending. Kafka itself needs none of it."""

    @property
    def arrivals(self) -> TopicEnds | None:
        """What notifies idle consumers; None where the broker itself answers a waiting fetch at once."""
        ...

    def admit(self, topic: str, size: int) -> bool:
        """Whether a message of `size` bytes may be sent to `topic` now; if so, room is kept for it."""
        ...

    def sent(self, topic: str, partition: int, offset: int, size: int) -> None: ...

    def consumed(self, group: str, topic: str, partition: int, next_offset: int) -> None: ...

    def gap(self, group: str, topic: str, partition: int, first: int, next_seen: int) -> None:
        """The broker skipped the offsets from `first` up to `next_seen`: they are lost to `group`."""
        ...


class NoFlow:
    """For brokers that keep what they were given."""

    def __init__(self, arrivals: TopicEnds | None = None) -> None:
        self.arrivals = arrivals

    def admit(self, topic: str, size: int) -> bool:
        return True

    def sent(self, topic: str, partition: int, offset: int, size: int) -> None:
        return None

    def consumed(self, group: str, topic: str, partition: int, next_offset: int) -> None:
        return None

    def gap(self, group: str, topic: str, partition: int, first: int, next_seen: int) -> None:
        return None
