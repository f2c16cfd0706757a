"""Which words of inputs have a larger share of bad values since a change.

A word is reported if its share of bad values rose more than that of the values without it, at the level that the
caller gives; only if at least five people used it, and never in logs, headers or the audit chain.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from analyzer.domain.attribution.time_blocks import SCALE_FACTOR, TimeBlock

FEWEST = 15
FEWEST_BEFORE = 20
PEOPLE = 5
ALL = 0
"""The index of all values in a block; words have indices from 1."""
Numbered = tuple[int, TimeBlock]
"""The number of values before a block, and the block."""


@dataclass(frozen=True, slots=True)
class LosingTerm:
    """Inputs with this word: `n` since the change, `share` of them bad; `without` is the share of the others.

    `before` is its share before the change (None: not known). `lift` is its increase beyond that of the others (or, if
    `before` is not known, its difference to them), with interval `low` to `high` at the corrected level.
    """

    term: str
    n: int
    share: float
    without: float
    before: float | None
    lift: float
    low: float
    high: float
    examples: tuple[str, ...]


@dataclass(slots=True)
class WatchedTerm:
    """A counted word: index in blocks, number of values before it, bit set of user hashes, latest bad executions.

    Of users, the first few are enough: see PEOPLE.
    """

    index: int
    since: int
    people: int = 0
    examples: list[str] = field(default_factory=list)


def compare_term(
    word: str, watched: WatchedTerm, early: Sequence[Numbered], late: Sequence[Numbered], z: float
) -> LosingTerm | None:
    """Return a word with the difference of its shares in `early` and `late` blocks; `z` sets the width of the interval.

    None if there are too few values or people.
    """
    n, bad, rest, rest_bad = _counted(watched, late)
    if n < FEWEST or rest < FEWEST or watched.people.bit_count() < PEOPLE:
        return None
    old, old_bad, old_rest, old_rest_bad = _counted(watched, early)
    (share, error), (without, rest_error) = _share(n, bad), _share(rest, rest_bad)
    lift, variance, before = share - without, error + rest_error, None
    if old >= FEWEST_BEFORE and old_rest >= FEWEST_BEFORE:
        (before, old_error), (former, former_error) = _share(old, old_bad), _share(old_rest, old_rest_bad)
        lift -= before - former
        variance += old_error + former_error
    half = z * variance**0.5
    examples = tuple(reversed(watched.examples))
    return LosingTerm(word, n, share, without, before, lift, lift - half, lift + half, examples)


def _counted(watched: WatchedTerm, blocks: Sequence[Numbered]) -> tuple[int, float, int, float]:
    """Return n and bad values with and without the word, over the blocks that counted it from their start."""
    n = bad = whole = whole_bad = 0
    for first, block in blocks:
        if first >= watched.since:
            every, own = block.sums.get(ALL, (0, 0)), block.sums.get(watched.index, (0, 0))
            n, bad, whole, whole_bad = n + own[0], bad + own[1], whole + every[0], whole_bad + every[1]
    return n, bad / SCALE_FACTOR, whole - n, (whole_bad - bad) / SCALE_FACTOR


def _share(n: int, bad: float) -> tuple[float, float]:
    """Return a share with one bad and one good pseudo-value, and the square of its standard error."""
    share = (bad + 1.0) / (n + 2.0)
    return share, share * (1.0 - share) / n
