"""Comparison of a consumer's positions in Kafka and in the database (pure)."""

from typing import NamedTuple

Partition = tuple[str, int]
"""Topic and partition number."""

ABSENT = -1
"""The position of a partition without a row in the database: none of its messages was ever processed."""


class PositionGap(Exception):
    """A batch starts after the database's position: this database never processed the messages between them."""


class LogState(NamedTuple):
    """The state of a partition in Kafka. `committed`: the group's offset; None if it never committed one."""

    committed: int | None
    kept: int
    """The first offset that Kafka has not deleted."""
    end: int


class Gap(NamedTuple):
    """Offsets from `first` up to `next` that this database has not processed; the first `lost` are deleted."""

    first: int
    next: int
    lost: int

    @property
    def replayed(self) -> int:
        """Number of offsets that can be read again."""
        return self.next - self.first - self.lost


class Decision(NamedTuple):
    """The position to store; with `seek`, the consumer seeks back to it. `new_log`: Kafka's log was recreated."""

    position: int
    seek: bool = False
    gap: Gap | None = None
    new_log: bool = False


def reconcile(position: int | None, log: LogState, compacted: bool) -> Decision | None:
    """Compare the database's position with Kafka's; return what to change, or None if they agree.

    A `position` of None is unknown (the database was used before positions were kept): Kafka's is adopted. If Kafka is
    ahead, the database was restored from a backup, and the messages between are read again. If Kafka's log ends before
    the position, it is another log, and positions start again. A compacted topic loses nothing: deleted messages were
    superseded.
    """
    start = log.kept if log.committed is None or log.committed > log.end else log.committed
    if position is None or (position == ABSENT and log.committed is None):
        return Decision(start)
    if position > log.end:
        return Decision(start, new_log=True)
    stored = max(position, 0)
    resume = max(stored, log.kept)
    behind = log.committed is not None and stored < start
    lost = 0 if compacted else resume - stored
    if not behind and resume == position:
        return None
    return Decision(resume, behind, Gap(stored, max(start, resume), lost) if behind or lost else None)
