"""Flow control for brokers that delete messages which were not consumed in time."""

from typing import Protocol

from shared.messaging.offsets import TopicEnds


class Flow(Protocol):
    """Observes every message that is sent and consumed, and may defer sending. Not needed with Kafka itself."""

    @property
    def arrivals(self) -> TopicEnds | None:
        """The notifier of idle consumers; None if the broker answers a waiting fetch as soon as a message arrives."""
        ...

    def try_reserve(self, topic: str, size: int) -> bool:
        """Return whether a message of `size` bytes may be sent to `topic` now; if so, reserve its space."""
        ...

    def record_sent(self, topic: str, partition: int, offset: int, size: int) -> None: ...

    def record_consumed(self, group: str, topic: str, partition: int, next_offset: int) -> None: ...

    def gap(self, group: str, topic: str, partition: int, first: int, next_seen: int) -> None:
        """Report that the broker skipped the offsets from `first` up to `next_seen`: `group` has lost them."""
        ...


class NoFlow:
    """No flow control, for brokers that keep messages until their retention ends."""

    def __init__(self, arrivals: TopicEnds | None = None) -> None:
        self.arrivals = arrivals

    def try_reserve(self, topic: str, size: int) -> bool:
        return True

    def record_sent(self, topic: str, partition: int, offset: int, size: int) -> None:
        return None

    def record_consumed(self, group: str, topic: str, partition: int, next_offset: int) -> None:
        return None

    def gap(self, group: str, topic: str, partition: int, first: int, next_seen: int) -> None:
        return None
