"""The positions that a batch leads to, recorded in the transactions that settle it."""

from collections.abc import Sequence

from shared.messaging.cloudevents import Record
from shared.messaging.consumed_positions import Partition, PositionGap
from shared.messaging.store import Tx


class BatchPositions:
    """Of one batch as Kafka gave it: without records, nothing is recorded."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._firsts = {_partition(record): record.offset for record in reversed(records)}
        self._lasts = {_partition(record): record for record in records}
        self._recorded: dict[Partition, int] = {}

    async def record(self, tx: Tx, consumer: str, taken: Sequence[Record]) -> None:
        """Record the offsets after `taken`, last of all in `tx`: other instances wait for these rows only briefly.

        Raises PositionGap where the database had not got to the batch's first offset.
        """
        ends = {_partition(record): record.offset + 1 for record in taken if self._firsts}
        former = await tx.record_positions(consumer, ends) if ends else {}
        for at in ends:
            position = former.get(at, 0)
            if position is not None and position < self._firsts[at]:
                raise PositionGap

    def committed(self, taken: Sequence[Record]) -> None:
        """Note that the transaction which recorded `taken` was committed."""
        self._recorded |= {_partition(record): record.offset for record in taken}

    def unrecorded(self) -> list[Record]:
        """The last record of each partition that no transaction recorded: it was parked."""
        return [record for at, record in self._lasts.items() if self._recorded.get(at) != record.offset]


def _partition(record: Record) -> Partition:
    return record.topic, record.partition
