"""End offsets of an in-process broker's topics, so that idle consumers need not poll it."""

from collections import defaultdict
from collections.abc import Callable

from aiokafka import TopicPartition

Listener = Callable[[TopicPartition], None]


class TopicEnds:
    """Notifies consumers of messages that were sent from the same process.

    The embedded broker answers an idle fetch only after its full wait, even where a message arrives meanwhile:
    a consumer would have to poll many times a second. With this, it pauses until it is notified.
    """

    def __init__(self) -> None:
        self._ends: defaultdict[TopicPartition, int] = defaultdict(int)
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` with the partition of each message sent from now on."""
        self._listeners.append(listener)

    def record_sent(self, topic: str, partition: int, offset: int) -> None:
        """Record that the broker acknowledged a message, and notify all listeners."""
        at = TopicPartition(topic, partition)
        self._ends[at] = max(self._ends[at], offset + 1)
        for listener in self._listeners:
            listener(at)

    def end(self, partition: TopicPartition) -> int:
        """Return the offset after the last message sent; 0 if none was."""
        return self._ends.get(partition, 0)
