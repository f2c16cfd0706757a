"""Whether Kafka and the database agree on what a consumer has taken (pure)."""

from typing import NamedTuple

Partition = tuple[str, int]
"""Topic and number."""

ABSENT = -1
"""The position of a partition of which the database has no row: nothing of it was ever taken."""


class PositionGap(Exception):
    """A batch starts after the database's position: what is between was never taken by this database."""


class LogState(NamedTuple):
    """One partition as Kafka has it. `committed`: the group's offset; None if it never committed one."""

    committed: int | None
    kept: int
    """The first offset that is not deleted yet."""
    end: int


class Gap(NamedTuple):
    """The offsets from `first` up to `next` were not taken by this database; the first `lost` of them are deleted."""

    first: int
    next: int
    lost: int

    @property
    def replayed(self) -> int:
        return self.next - self.first - self.lost


class Decision(NamedTuple):
    """What to do: the database is to hold `position`; with `seek`, Kafka's group goes back to it."""

    position: int
    seek: bool = False
    gap: Gap | None = None
    new_log: bool = False


def reconcile(position: int | None, log: LogState, compacted: bool) -> Decision | None:
    """Compare the database's position with Kafka's; None where they agree.

    `position` is None where the database does not know it (it was used before positions were kept): Kafka's counts.
    Kafka ahead of the database: the database was restored from a backup, and what is between is read again. Kafka's log
    shorter than the position: it is another log, and positions start again. Of a compacted topic nothing is lost: what
    is deleted was superseded.
    """
    start = log.kept if log.committed is None or log.committed > log.end else log.committed
    if position is None or (position == ABSENT and log.committed is None):
        return Decision(start)
    if position > log.end:
        return Decision(start, new_log=True)
    former = max(position, 0)
    resume = max(former, log.kept)
    behind = log.committed is not None and former < start
    lost = 0 if compacted else resume - former
    if not behind and resume == position:
        return None
    return Decision(resume, behind, Gap(former, max(start, resume), lost) if behind or lost else None)
