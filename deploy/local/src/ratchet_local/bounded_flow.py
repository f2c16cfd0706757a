"""Keeps the embedded broker from forgetting what was not read yet: sending waits for the slowest reader.

A partition there holds 5 MB or 100,000 messages, and drops the oldest without a word. Here a whole topic
is held far below that, so it does not matter which partition a message goes to.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable

from shared.messaging.topic_ends import TopicEnds

MOST_BYTES = 3_000_000
MOST_MESSAGES = 50_000
_FORGOTTEN_S = 10.0


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
    """What is on its way to a topic, and what is there and not read by all of its groups."""

    def __init__(self) -> None:
        self.groups: set[str] = set()
        self.under_way = _Queue()
        self._unread: dict[int, _Queue] = defaultdict(_Queue)
        self._positions: dict[tuple[int, str], int] = defaultdict(int)

    def fits(self, size: int) -> bool:
        """A message alone always fits: a big one must not wait for ever."""
        queues = (self.under_way, *self._unread.values())
        messages = sum(len(queue.marks) for queue in queues)
        held = sum(queue.bytes for queue in queues)
        return messages == 0 or (messages < MOST_MESSAGES and held + size <= MOST_BYTES)

    def sent(self, partition: int, offset: int, size: int) -> None:
        self.under_way.drop_first()
        self._unread[partition].push(offset, size)

    def consumed(self, group: str, partition: int, next_offset: int) -> None:
        """A group that never read anything stands at 0."""
        self._positions[partition, group] = max(next_offset, self._positions[partition, group])
        slowest = min(self._positions[partition, reader] for reader in self.groups | {group})
        self._unread[partition].drop_below(slowest)


class BoundedFlow:
    """A `shared.messaging.flow_control.Flow` for one broker and all services in this process.

    `lost` is called with a topic of which a group was overtaken in spite of it all.
    """

    def __init__(self, lost: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._lost = lost
        self._clock = clock
        self._topics: dict[str, _Topic] = defaultdict(_Topic)
        self.arrivals = TopicEnds()

    def subscribe(self, group: str, topic: str) -> None:
        """From now on `group` counts as a reader of `topic`. Topics without readers are never held back."""
        self._topics[topic].groups.add(group)

    def admit(self, topic: str, size: int) -> bool:
        """Whether `size` more bytes fit; they count from now on."""
        at = self._topics[topic]
        if not at.groups:
            return True
        at.under_way.drop_below(self._clock() - _FORGOTTEN_S)  # their sends failed
        if not at.fits(size):
            return False
        at.under_way.push(self._clock(), size)
        return True

    def sent(self, topic: str, partition: int, offset: int, size: int) -> None:
        self.arrivals.sent(topic, partition, offset)
        if self._topics[topic].groups:
            self._topics[topic].sent(partition, offset, size)

    def consumed(self, group: str, topic: str, partition: int, next_offset: int) -> None:
        self._topics[topic].consumed(group, partition, next_offset)

    def gap(self, group: str, topic: str, partition: int, first: int, next_seen: int) -> None:
        self._lost(topic)
