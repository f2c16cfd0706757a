"""The positions that a batch leads to, recorded in the transactions that process it."""

from collections.abc import Sequence

from shared.messaging.cloudevents import Record
from shared.messaging.consumed_positions import Partition, PositionGap
from shared.messaging.store import Tx


class BatchPositions:
    """First and last offsets of one batch as Kafka delivered it; without records, nothing is recorded."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._firsts = {_partition(record): record.offset for record in reversed(records)}
        self._lasts = {_partition(record): record for record in records}
        self._recorded: dict[Partition, int] = {}

    async def record(self, tx: Tx, consumer: str, processed: Sequence[Record]) -> None:
        """Record the offsets after `processed`. Call it last in `tx`: it locks rows that other instances need.

        Raises PositionGap if the database's position is before the batch's first offset.
        """
        ends = {_partition(record): record.offset + 1 for record in processed if self._firsts}
        previous = await tx.record_positions(consumer, ends) if ends else {}
        for at in ends:
            position = previous.get(at, 0)
            if position is not None and position < self._firsts[at]:
                raise PositionGap

    def committed(self, processed: Sequence[Record]) -> None:
        """Note that the transaction which recorded `processed` was committed."""
        self._recorded |= {_partition(record): record.offset for record in processed}

    def unrecorded(self) -> list[Record]:
        """Return the last record of each partition that no transaction recorded, because it was parked."""
        return [record for at, record in self._lasts.items() if self._recorded.get(at) != record.offset]


def _partition(record: Record) -> Partition:
    return record.topic, record.partition
