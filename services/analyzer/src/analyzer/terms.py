"""Which inputs lose: words that went bad more than the rest did, out of a bounded sketch.

A word is watched from the block after the one in which bad values brought it up, so what brought it up doesn't count
for it. Per block its values and the bad ones among them are counted; words that lose least make room for new ones.
A word is named if its share of bad values rose by more than that of the values without it, at a level that is shared
by all words ever watched (Bonferroni): noise is not named, however many words there are.

Words are what users wrote. Only runs of 3 to 24 letters are kept (no digits: no numbers, no ids), a word is shown only
if at least five people used it, and none may reach logs, headers or the audit chain.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from analyzer.contrasts import Change

BLOCK = 50
ALIKE = 3
SIZES = 5
WORDS = 128
ADMITTED = 32
"""So many words are taken on with each block."""
EXAMPLES = 3
FEWEST = 10
FEWEST_BEFORE = 20
PEOPLE = 5
ALPHA = 0.05
_LONGEST_INPUT = 2000
_MOST_WORDS = 40
_TRIAL = 3 * BLOCK
_WORD = re.compile(r"[^\W\d_]{3,24}")


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
    """A word: the number of values when its watch began, who used it (32 bits of hashes), latest bad executions."""

    since: int
    people: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Terms:
    """The sketch of one stream's inputs: at most 128 words, 16 blocks. `admitted` counts all words ever watched."""

    n: int = 0
    admitted: int = 0
    words: dict[str, Watched] = field(default_factory=dict)

    def add(self, text: str, bad: bool, at: float, execution_id: str, user: str | None = None) -> None:
        """Takes the input behind a value, and whether the value is a bad one. `at` is by the clock of changes."""
        raise NotImplementedError

    def losing(self, change: Change) -> tuple[LosingTerm, ...]:
        """The words that lost most since `change`, worst first; empty if none stands out of chance."""
        raise NotImplementedError

    def dump(self) -> list[Any]:
        """The state, JSON-ready."""
        raise NotImplementedError

    @classmethod
    def load(cls, state: list[Any]) -> "Terms":
        """The sketch that `dump` wrote."""
        raise NotImplementedError
