"""Which inputs lose: words that went bad more than the rest did, out of a bounded sketch.

A word is watched from the block after the one in which bad values brought it up, so what brought it up doesn't count
for it. Per block its values and the bad ones among them are counted; words that lose least make room for new ones.
A word is named if its share of bad values rose by more than that of the values without it, at a level that is shared
by all words ever watched (Bonferroni): noise is not named, however many words there are.

Words are what users wrote. Only words of 3 to 24 letters are kept (nothing with digits: no numbers, no ids); a word is
shown only if at least five people used it; and none may reach logs, headers or the audit chain.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from statistics import NormalDist
from typing import Any
from zlib import crc32

from analyzer.domain.attribution.contrasts import ChangePoint
from analyzer.domain.attribution.time_blocks import UNIT, TimeBlock, follow

BLOCK = 50
ALIKE = 3
SIZES = 5
WORDS = 128
ADMITTED = 32
"""So many words are taken on with each block."""
EXAMPLES = 3
FEWEST = 15
FEWEST_BEFORE = 20
PEOPLE = 5
ALPHA = 0.05
_LONGEST_INPUT = 1000
_MOST_WORDS = 40
_TRIAL = 3 * BLOCK
_WAITING = 256
_ALL = 0
"""The place of all values, whatever their words; words have places from 1 on."""
Numbered = tuple[int, TimeBlock]
"""A block, after the number of values before it."""
_SHORTEST = 3
_LONGEST = 24
_MARKS = ".,:;!?()[]{}<>\"'`*_~#|/\\-–—…„“”‚‘’«»¿¡"


@dataclass(frozen=True, slots=True)
class LosingTerm:
    """Inputs with this word: `n` since the change, of which the part `share` is bad; `without` it is that of the rest.

    `before` is its share before the change (None: not known). `lift` is by how much more than the rest it lost (or, if
    `before` is not known, by how much more it loses), from `low` to `high` at the corrected level.
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
class Watched:
    """A word: its place in blocks, the number of values when its watch began, who used it (32 bits of hashes), and its
    latest bad executions."""

    place: int
    since: int
    people: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Terms:
    """The sketch of one stream's inputs: at most 128 words, 16 blocks. `admitted` counts all words ever watched."""

    n: int = 0
    admitted: int = 0
    words: dict[str, Watched] = field(default_factory=dict)
    blocks: list[TimeBlock] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)

    def add(self, text: str, bad: bool, at: float, execution_id: str, user: str | None = None) -> None:
        """Takes the input behind a value, and whether the value is a bad one. `at` is by the clock of changes."""
        if not self.blocks or self.blocks[-1].filled >= BLOCK:
            self._open(at)
        self.n += 1
        block, units = self.blocks[-1], UNIT * bad
        block.take(at, _ALL, units)
        person = 1 << crc32((user or execution_id).encode()) % 32
        sums = block.sums
        for word in words(text):
            watched = self.words.get(word)
            if watched is not None:
                own = sums.get(watched.place)
                if own is None:
                    own = sums[watched.place] = [0, 0]
                own[0] += 1
                own[1] += units
                watched.people |= person
                if bad:
                    watched.examples = [*watched.examples[1 - EXAMPLES :], execution_id]
            elif bad and (word in self.waiting or len(self.waiting) < _WAITING):
                self.waiting[word] = self.waiting.get(word, 0) + 1

    def losing(self, change: ChangePoint) -> tuple[LosingTerm, ...]:
        """The words that lost most since `change`, worst first; empty if none stands out of chance."""
        first, dated = self.n, []
        for block in reversed(self.blocks):
            first -= block.filled
            dated.append((first, block))
        early = [each for each in dated if each[1].end <= change.low]
        late = [each for each in dated if each[1].start >= change.high]
        z = NormalDist().inv_cdf(1.0 - ALPHA / max(self.admitted, 1))
        found = (_judged(word, watched, early, late, z) for word, watched in self.words.items())
        return tuple(
            sorted((each for each in found if each is not None and each.low > 0.0), key=lambda each: -each.lift)
        )

    def dump(self) -> list[Any]:
        """The state, JSON-ready."""
        words = [[word, each.place, each.since, each.people, list(each.examples)] for word, each in self.words.items()]
        return [self.n, self.admitted, words, [block.dump() for block in self.blocks], dict(self.waiting)]

    @classmethod
    def load(cls, state: list[Any]) -> "Terms":
        """The sketch that `dump` wrote."""
        n, admitted, words, blocks, waiting = state
        return cls(
            n,
            admitted,
            {word: Watched(*rest) for word, *rest in words},
            [TimeBlock.load(each) for each in blocks],
            waiting,
        )

    def _open(self, at: float) -> None:
        """Begins a block: words that wait are watched from now on, in the place of those that lose least."""
        new = sorted(self.waiting, key=lambda word: (-self.waiting[word], word))[:ADMITTED]
        self.waiting = {}
        follow(self.blocks, at, ALIKE, SIZES)
        self._make_room(len(self.words) + len(new) - WORDS)
        free = iter(sorted(set(range(1, WORDS + 1)) - {each.place for each in self.words.values()}))
        for word, place in zip(new, free, strict=False):
            self.words[word] = Watched(place, self.n)
            self.admitted += 1

    def _make_room(self, needed: int) -> None:
        """Forgets so many words, as far as they were watched for a while: those that lose least."""
        if needed <= 0:
            return
        excess = self._excess()
        old = {word: each.place for word, each in self.words.items() if each.since + _TRIAL <= self.n}
        for word in sorted(old, key=lambda each: (excess[old[each]], each))[:needed]:
            del self.words[word]
            for block in self.blocks:
                block.sums.pop(old[word], None)

    def _excess(self) -> list[float]:
        """How many more bad values the word at each place has than the whole had in the same blocks."""
        excess = [0.0] * (WORDS + 1)
        for block in self.blocks:
            n, bad = block.sums.get(_ALL, (1, 0))
            for place, (own, own_bad) in block.sums.items():
                excess[place] += own_bad - own * bad / n
        return excess


@lru_cache(maxsize=16)  # one execution is measured by several metrics, one after another
def words(text: str) -> tuple[str, ...]:
    """The distinct words of an input, folded; of a long one the first 40."""
    pieces = dict.fromkeys(text[:_LONGEST_INPUT].casefold().split())
    return tuple(dict.fromkeys(islice(filter(None, map(_word, pieces)), _MOST_WORDS)))


@lru_cache(maxsize=4096)  # frequent words make up most of what is written
def _word(piece: str) -> str:
    """The word that a piece of text is, without the marks round it; empty if it is none."""
    word = piece if piece.isalpha() else piece.strip(_MARKS)
    return word if _SHORTEST <= len(word) <= _LONGEST and word.isalpha() else ""


def _judged(
    word: str, watched: Watched, early: Sequence[Numbered], late: Sequence[Numbered], z: float
) -> LosingTerm | None:
    """By how much more than the rest a word lost; None where too little is known of it."""
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


def _counted(watched: Watched, blocks: Sequence[Numbered]) -> tuple[int, float, int, float]:
    """n and bad values with the word and without it, over the blocks in which it was watched from their first value."""
    n = bad = whole = whole_bad = 0
    for first, block in blocks:
        if first >= watched.since:
            every, own = block.sums.get(_ALL, (0, 0)), block.sums.get(watched.place, (0, 0))
            n, bad, whole, whole_bad = n + own[0], bad + own[1], whole + every[0], whole_bad + every[1]
    return n, bad / UNIT, whole - n, (whole_bad - bad) / UNIT


def _share(n: int, bad: float) -> tuple[float, float]:
    """A share, as if one bad and one good value had been seen besides, and the square of its standard error."""
    share = (bad + 1.0) / (n + 2.0)
    return share, share * (1.0 - share) / n
