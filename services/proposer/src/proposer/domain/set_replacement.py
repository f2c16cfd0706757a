"""Whether a newly selected example set replaces the one of an open proposal.

A selection changes with the answers that users like, in a busy app every few seconds. A proposal must not: each one is
evaluated on the golden set, and people read it. So an open proposal stays until another set is clearly better, and
until it has a verdict only a much better one replaces it. While a set grows, each further example would be such a one:
a larger set replaces a smaller one once it is complete, or no further answer has entered it for a while. See
docs/decisions/0047-examples-represent-questions.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from proposer.domain.pool_entries import PoolEntry
from proposer.domain.question_sample import Questions

PENDING_GAIN = 1.25
"""A set whose value is larger by this factor replaces one that is still being evaluated."""

SETTLED_GAIN = 1.10
"""A set whose value is larger by this factor replaces one that has a verdict, or waited too long for one."""

CHANGED_SHARE = 0.5
"""A better set in which this share of the examples are others replaces one that is settled."""

SETTLED_AFTER = timedelta(minutes=10)
"""How long a proposal waits for the verdict of its evaluation."""

GROWTH = 2
"""A set with this many times as many examples replaces any other."""

QUIET_FOR = timedelta(minutes=1)
"""A set that is not complete has stopped growing when its newest example was received so long ago."""


@dataclass(frozen=True, slots=True)
class ProposedSet:
    """The set of an open proposal. `members` are those that may still be examples, `size` is how many it has.

    `is_settled`: its evaluation has a verdict, or waited too long for one. `wanted`: how many a complete set has.
    """

    members: tuple[PoolEntry, ...]
    size: int
    is_settled: bool
    wanted: int


def replaces(
    selected: Sequence[PoolEntry],
    proposed: ProposedSet,
    questions: Questions,
    now: datetime,
    quiet_for: timedelta = QUIET_FOR,
) -> bool:
    """Return whether `selected` is to be proposed instead of `proposed`. Both are measured on the same questions.

    A set with an example that may not be one any more is always replaced, and one that needs a person's decision by
    one that needs none, because a grant may apply that at once.
    """
    if len(proposed.members) < proposed.size or _needs_none_instead(selected, proposed.members):
        return True
    if len(selected) > proposed.size and _still_grows(selected, proposed.wanted, now - quiet_for):
        return False
    if len(selected) >= GROWTH * proposed.size:
        return True
    value, before = questions.value(selected), questions.value(proposed.members)
    if not proposed.is_settled:
        return value >= before * PENDING_GAIN and value > before
    return value > before and (value >= before * SETTLED_GAIN or _share_of_others(selected, proposed) >= CHANGED_SHARE)


def _needs_none_instead(selected: Sequence[PoolEntry], proposed: Sequence[PoolEntry]) -> bool:
    return all(entry.needs_no_decision for entry in selected) and not all(it.needs_no_decision for it in proposed)


def _still_grows(selected: Sequence[PoolEntry], wanted: int, since: datetime) -> bool:
    return len(selected) < wanted and max(entry.received_at for entry in selected) > since


def _share_of_others(selected: Sequence[PoolEntry], proposed: ProposedSet) -> float:
    known = {entry.feedback_id for entry in proposed.members}
    return sum(entry.feedback_id not in known for entry in selected) / len(selected)
