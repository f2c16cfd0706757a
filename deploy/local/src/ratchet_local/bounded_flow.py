"""Back-pressure for the embedded broker: sending waits for the slowest consumer group.

A partition of it holds 5 MB or 100,000 messages and drops the oldest silently. The limits here are per topic and far
below that, so the distribution over partitions does not matter.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable

from shared.messaging.offsets import TopicEnds

MAX_BYTES = 3_000_000
MAX_MESSAGES = 50_000
_SEND_TIMEOUT_S = 10.0


class _Queue:
    """Sizes of messages in order, each with a mark (an offset or a time), and their sum."""

    def __init__(self) -> None:
        self.marks: deque[tuple[float, int]] = deque()
        self.bytes = 0

    def push(self, mark: float, size: int) -> None:
        self.marks.append((mark, size))
        self.bytes += size

    def drop_below(self, mark: float) -> None:
        while self.marks and self.marks[0][0] < mark:
            self.drop_first()

    def drop_first(self) -> None:
        if self.marks:
            self.bytes -= self.marks.popleft()[1]


class _Topic:
    """Messages that are being sent to a topic, and those not read by all of its groups."""

    def __init__(self) -> None:
        self.groups: set[str] = set()
        self.in_flight = _Queue()
        self._unread: dict[int, _Queue] = defaultdict(_Queue)
        self._positions: dict[tuple[int, str], int] = defaultdict(int)

    def fits(self, size: int) -> bool:
        """Return whether a message fits; a single one always does, so that a large one can't block."""
        queues = (self.in_flight, *self._unread.values())
        messages = sum(len(queue.marks) for queue in queues)
        held = sum(queue.bytes for queue in queues)
        return messages == 0 or (messages < MAX_MESSAGES and held + size <= MAX_BYTES)

    def record_sent(self, partition: int, offset: int, size: int) -> None:
        self.in_flight.drop_first()
        self._unread[partition].push(offset, size)

    def record_consumed(self, group: str, partition: int, next_offset: int) -> None:
        """Save the position of a group; a group that has read nothing is at 0."""
        self._positions[partition, group] = max(next_offset, self._positions[partition, group])
        slowest = min(self._positions[partition, reader] for reader in self.groups | {group})
        self._unread[partition].drop_below(slowest)


class BoundedFlow:
    """A `shared.messaging.flow_control.Flow` for one broker and all services in this process.

    `on_gap` is called with a topic of which a group missed messages in spite of the limits.
    """

    def __init__(self, on_gap: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._on_gap = on_gap
        self._clock = clock
        self._topics: dict[str, _Topic] = defaultdict(_Topic)
        self.arrivals = TopicEnds()

    def subscribe(self, group: str, topic: str) -> None:
        """Add `group` as a consumer of `topic`. Topics without consumers have no limit."""
        self._topics[topic].groups.add(group)

    def try_reserve(self, topic: str, size: int) -> bool:
        """Return whether `size` more bytes fit, and count them if so."""
        at = self._topics[topic]
        if not at.groups:
            return True
        at.in_flight.drop_below(self._clock() - _SEND_TIMEOUT_S)  # failed sends
        if not at.fits(size):
            return False
        at.in_flight.push(self._clock(), size)
        return True

    def record_sent(self, topic: str, partition: int, offset: int, size: int) -> None:
        self.arrivals.record_sent(topic, partition, offset)
        if self._topics[topic].groups:
            self._topics[topic].record_sent(partition, offset, size)

    def record_consumed(self, group: str, topic: str, partition: int, next_offset: int) -> None:
        self._topics[topic].record_consumed(group, partition, next_offset)

    def gap(self, group: str, topic: str, partition: int, first: int, next_seen: int) -> None:
        self._on_gap(topic)
