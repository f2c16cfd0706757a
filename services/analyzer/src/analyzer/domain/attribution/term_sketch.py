"""Bounded sketch of the words of inputs, with the bad values of each.

A word is counted from the block after the one in which bad values introduced it, so those values do not count. Each
block counts its values and the bad ones; words with the least excess of bad values are replaced by new ones. The level
of a test is shared by all words ever counted (Bonferroni).

Words are texts of users. Only words of 3 to 24 letters are kept (no digits, so no numbers or ids).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from statistics import NormalDist
from typing import Any, NamedTuple
from zlib import crc32

from analyzer.domain.attribution.contrasts import ChangePoint
from analyzer.domain.attribution.input_words import Words, words_in
from analyzer.domain.attribution.losing_terms import ALL, PEOPLE, LosingTerm, WatchedTerm, compare_term
from analyzer.domain.attribution.time_blocks import SCALE_FACTOR, TimeBlock, append_block

BLOCK = 50
ALIKE = 3
SIZES = 5
WORDS = 128
ADMITTED = 32
"""Maximum number of words that are added with each block."""
EXAMPLES = 3
ALPHA = 0.05
_TRIAL = 3 * BLOCK
_WAITING = 256


class TermInput(NamedTuple):
    """The input of a value; `bad`: whether the value is. `at` is a Unix time by the app's clock."""

    text: str
    bad: bool
    at: float
    execution_id: str
    user: str | None = None


@dataclass(slots=True)
class TermSketch:
    """Sketch of input words: at most 128 words, 16 blocks. `admitted` is the number of words ever counted."""

    n: int = 0
    admitted: int = 0
    words: dict[str, WatchedTerm] = field(default_factory=dict)
    blocks: list[TimeBlock] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)

    def add(self, text: str, bad: bool, at: float, execution_id: str, user: str | None = None) -> None:
        """Add the input of a value, and whether the value is bad. `at` is a Unix time by the app's clock."""
        if not self.blocks or self.blocks[-1].filled >= BLOCK:
            self._open(at)
        self.n += 1
        block, scaled = self.blocks[-1], SCALE_FACTOR * bad
        block.add(at, ALL, scaled)
        person = _person(user or execution_id)
        sums = block.sums
        for word in words_in(text):
            watched = self.words.get(word)
            if watched is not None:
                own = sums.get(watched.index)
                if own is None:
                    own = sums[watched.index] = [0, 0]
                own[0] += 1
                own[1] += scaled
                if watched.people.bit_count() < PEOPLE:
                    watched.people |= person
                if bad:
                    watched.examples = [*watched.examples[1 - EXAMPLES :], execution_id]
            elif bad and (word in self.waiting or len(self.waiting) < _WAITING):
                self.waiting[word] = self.waiting.get(word, 0) + 1

    def add_many(self, inputs: Sequence[TermInput], words_of: Callable[[str], Words] = words_in) -> None:
        """Add inputs as `add` does one by one."""
        start = 0
        while start < len(inputs):
            if not self.blocks or self.blocks[-1].filled >= BLOCK:
                self._open(inputs[start].at)
            stop = start + BLOCK - self.blocks[-1].filled
            self._add_to_block(inputs[start:stop], [words_of(each.text) for each in inputs[start:stop]])
            start = stop

    def _add_to_block(self, inputs: Sequence[TermInput], found: Sequence[Words]) -> None:
        """Add inputs that the latest block has room for; `found` are their words."""
        block, known = self.blocks[-1], self.words.__contains__
        hits = [tuple(filter(known, own)) for own in found]
        bad = [index for index, each in enumerate(inputs) if each.bad]
        self.n += len(inputs)
        block.add_many(ALL, len(inputs), SCALE_FACTOR * len(bad))
        block.squares += SCALE_FACTOR * SCALE_FACTOR * len(bad)
        block.filled += len(inputs)
        block.end = max(block.end, *(each.at for each in inputs))
        counts, bad_counts = Counter(chain.from_iterable(hits)), Counter(chain.from_iterable(hits[at] for at in bad))
        for word, n in counts.items():
            block.add_many(self.words[word].index, n, SCALE_FACTOR * bad_counts.get(word, 0))
        self._note_people(inputs, hits, counts.keys())
        if bad:
            self._note_examples([(inputs[index].execution_id, hits[index]) for index in bad], bad_counts.keys())
            self._count_waiting(found[index] for index in bad)

    def _note_people(self, inputs: Sequence[TermInput], found: Sequence[Words], watched: Iterable[str]) -> None:
        known = self.words
        few = {word for word in watched if known[word].people.bit_count() < PEOPLE}
        for each, own in zip(inputs, found, strict=True):
            if not few:
                return
            for word in few.intersection(own):
                known[word].people |= _person(each.user or each.execution_id)
                if known[word].people.bit_count() >= PEOPLE:
                    few.remove(word)

    def _note_examples(self, bad: Sequence[tuple[str, Words]], watched: Iterable[str]) -> None:
        """Keep the latest executions of each word; `bad` has each execution with its words."""
        latest: dict[str, list[str]] = {word: [] for word in watched}
        needed = set(latest)
        for execution_id, own in reversed(bad):
            for word in needed.intersection(own):
                latest[word].append(execution_id)
                if len(latest[word]) == EXAMPLES:
                    needed.remove(word)
        for word, newest in latest.items():
            self.words[word].examples = [*self.words[word].examples, *reversed(newest)][-EXAMPLES:]

    def _count_waiting(self, bad: Iterable[Words]) -> None:
        waiting, known = self.waiting, self.words
        for own in bad:
            if len(waiting) >= _WAITING:
                waiting.update((word, waiting[word] + 1) for word in filter(waiting.__contains__, own))
                continue
            for word in own:
                if word not in known and (word in waiting or len(waiting) < _WAITING):
                    waiting[word] = waiting.get(word, 0) + 1

    def find_losing_terms(self, change: ChangePoint) -> tuple[LosingTerm, ...]:
        """Return the words that got significantly worse since `change`, worst first."""
        first, dated = self.n, []
        for block in reversed(self.blocks):
            first -= block.filled
            dated.append((first, block))
        early = [each for each in dated if each[1].end <= change.low]
        late = [each for each in dated if each[1].start >= change.high]
        z = NormalDist().inv_cdf(1.0 - ALPHA / max(self.admitted, 1))
        found = (compare_term(word, watched, early, late, z) for word, watched in self.words.items())
        return tuple(
            sorted((each for each in found if each is not None and each.low > 0.0), key=lambda each: -each.lift)
        )

    def forget_rare(self) -> int:
        """Remove the words that fewer than `PEOPLE` users wrote, counted or waiting; return their number.

        They are never reported, and may be those of one user.
        """
        rare = {word: each.index for word, each in self.words.items() if each.people.bit_count() < PEOPLE}
        for word, index in rare.items():
            del self.words[word]
            for block in self.blocks:
                block.sums.pop(index, None)
        waiting = len(self.waiting)
        self.waiting = {}
        return len(rare) + waiting

    def dump(self) -> list[Any]:
        """Return the state as JSON types."""
        words = [[word, each.index, each.since, each.people, list(each.examples)] for word, each in self.words.items()]
        return [self.n, self.admitted, words, [block.dump() for block in self.blocks], dict(self.waiting)]

    @classmethod
    def load(cls, state: list[Any]) -> "TermSketch":
        """Return the sketch that `dump` wrote."""
        n, admitted, words, blocks, waiting = state
        return cls(
            n,
            admitted,
            {word: WatchedTerm(*rest) for word, *rest in words},
            [TimeBlock.load(each) for each in blocks],
            waiting,
        )

    def _open(self, at: float) -> None:
        """Start a block: count the waiting words from now on, in place of those with the least excess."""
        # Most frequent first; sorting is stable.
        new = sorted(sorted(self.waiting), key=self.waiting.__getitem__, reverse=True)[:ADMITTED]
        self.waiting = {}
        append_block(self.blocks, at, ALIKE, SIZES)
        self._make_room(len(self.words) + len(new) - WORDS)
        free = iter(sorted(set(range(1, WORDS + 1)) - {each.index for each in self.words.values()}))
        for word, index in zip(new, free, strict=False):
            self.words[word] = WatchedTerm(index, self.n)
            self.admitted += 1

    def _make_room(self, needed: int) -> None:
        """Remove `needed` words with the least excess, if they were counted long enough."""
        if needed <= 0:
            return
        excess = self._excess()
        old = {word: each.index for word, each in self.words.items() if each.since + _TRIAL <= self.n}
        for word in sorted(sorted(old), key=lambda each: excess[old[each]])[:needed]:
            del self.words[word]
            for block in self.blocks:
                block.sums.pop(old[word], None)

    def _excess(self) -> list[float]:
        """Return the excess of bad values of each word over the average of the same blocks."""
        excess = [0.0] * (WORDS + 1)
        for block in self.blocks:
            n, bad = block.sums.get(ALL, (1, 0))
            for index, (own, own_bad) in block.sums.items():
                excess[index] += own_bad - own * bad / n
        return excess


def _person(user: str) -> int:
    """Return the bit of a user."""
    return 1 << crc32(user.encode()) % 32
