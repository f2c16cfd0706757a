"""A bus in memory with partitions, offsets, consumer groups, rebalancing and redelivery."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from shared.events.message import OutgoingMessage
from shared.messaging.send_result import SendResult

Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class FakeRecord:
    """A message of a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(slots=True)
class _Group:
    topics: frozenset[str]
    committed: dict[Partition, int] = field(default_factory=dict)
    members: list["FakeConsumer"] = field(default_factory=list)


class FakeConsumer:
    """A member of a group. Messages that it read without committing are delivered again after a rebalance."""

    def __init__(self, bus: "FakeBus", group: str, member: str) -> None:
        self.member = member
        self.positions: dict[Partition, int] = {}
        self._bus = bus
        self._group = group

    async def poll(self, limit: int = 500) -> list[FakeRecord]:
        """Return the next messages of the partitions that are assigned to this member."""
        found: list[FakeRecord] = []
        for partition, position in self.positions.items():
            records = self._bus.log[partition][position : position + limit - len(found)]
            self.positions[partition] = position + len(records)
            found += records
        return found

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit the offsets of the partitions that are still assigned to this member."""
        committed = self._bus.groups[self._group].committed
        committed.update({partition: offset for partition, offset in offsets.items() if partition in self.positions})

    async def leave(self) -> None:
        """Leave the group, as after a crash: the other members get its partitions."""
        group = self._bus.groups[self._group]
        group.members = [member for member in group.members if member is not self]
        self.positions = {}
        self._bus.rebalance(self._group)


class FakeBus:
    """Topics in memory; implements the relay's `Producer`.

    With `down = True` no message is acknowledged; `result_of` returns the result of sending a message.
    """

    def __init__(self, partitions: int = 4) -> None:
        self.partitions = partitions
        self.log: dict[Partition, list[FakeRecord]] = defaultdict(list)
        self.groups: dict[str, _Group] = {}
        self.down = False
        self.result_of: Callable[[OutgoingMessage], SendResult] = lambda _: SendResult.SENT

    async def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        failed: set[tuple[str, str]] = set()
        results = []
        for message in messages:
            key = (message.topic, message.key)
            results.append(SendResult.UNANSWERED if key in failed else self._send(message))
            if results[-1] is not SendResult.SENT:
                failed.add(key)
        return results

    def _send(self, message: OutgoingMessage) -> SendResult:
        result = SendResult.UNANSWERED if self.down else self.result_of(message)
        if result is SendResult.SENT:
            headers = tuple((name, value.encode()) for name, value in message.headers)
            self.append(message.topic, message.key.encode(), message.value, headers)
        return result

    def append(
        self, topic: str, key: bytes, value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()
    ) -> FakeRecord:
        """Append a message to its key's partition, without any check."""
        partition = (topic, crc32(key) % self.partitions)
        record = FakeRecord(*partition, len(self.log[partition]), key, value, headers)
        self.log[partition].append(record)
        return record

    async def close(self) -> None:
        return None

    async def join(self, group: str, topics: Sequence[str], member: str) -> FakeConsumer:
        """Add a member to a group and rebalance its partitions."""
        state = self.groups.setdefault(group, _Group(frozenset(topics)))
        consumer = FakeConsumer(self, group, member)
        state.members.append(consumer)
        self.rebalance(group)
        return consumer

    def rebalance(self, group: str) -> None:
        """Assign the partitions to the members in turn, each at its committed offset."""
        state = self.groups[group]
        for member in state.members:
            member.positions = {}
        if not state.members:
            return
        partitions = [(topic, partition) for topic in sorted(state.topics) for partition in range(self.partitions)]
        for index, partition in enumerate(partitions):
            member = state.members[index % len(state.members)]
            member.positions[partition] = state.committed.get(partition, 0)
