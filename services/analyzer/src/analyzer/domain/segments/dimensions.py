"""Dimensions of executions that values are split by, traffic and system, and a bounded index of their cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analyzer.domain.model import Facts

Level = str | None
"""A level of a dimension: None is "other", any level that did not fit into the bounded state; "" was not given."""
Cell = tuple[Level, ...]
"""A level of each declared dimension, in their order."""

OTHER = None
NOT_GIVEN = ""
FORGOTTEN = "…"
"""The unknown level of a cell that was too small to keep it."""
JUDGE_ATTRIBUTE = "ratchet.judge"
"""Attribute that carries the digest of the judge whose score a value is."""
NAMELESS = (OTHER, FORGOTTEN)
DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "route": ("route", "endpoint", "intent"),
    "language": ("language", "lang", "locale"),
    "user_segment": ("user_segment", "segment", "cohort", "plan", "tier"),
    "region": ("region", "country"),
    "model": ("model",),
    "retrieval_corpus": ("retrieval_corpus", "corpus_version", "corpus", "index_version"),
}
"""The default dimensions and the attributes they are read from; `model` is a field of the execution."""
SYSTEM = frozenset({"prompt_version", "model", "retrieval_corpus", "outcome", "judge"})
"""Dimensions that a team or its suppliers change, and the judge of a score; all others are traffic."""
LONGEST_LEVEL = 64


class Dimensions:
    """The declared dimensions of a target.

    `names` are default dimensions or names of attributes. Of several attributes of one dimension the last counts.
    """

    def __init__(self, names: Sequence[str] = tuple(DEFAULTS)) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._blank: list[Level] = [NOT_GIVEN] * len(self.names)
        self._indices = {alias: at for at, name in enumerate(self.names) for alias in DEFAULTS.get(name, (name,))}
        self._model = self._indices.get("model")

    def cell(self, facts: Facts) -> Cell:
        """Return the level of each dimension of an execution; levels are cut at 64 characters."""
        cell = list(self._blank)
        for name, level in facts.attributes.items():
            index = self._indices.get(name)
            if index is not None:
                cell[index] = level[:LONGEST_LEVEL]
        if self._model is not None and facts.model:
            cell[self._model] = facts.model[:LONGEST_LEVEL]
        return tuple(cell)

    def has_traffic_level(self, cell: Cell) -> bool:
        """Return whether the cell has a level of a traffic dimension."""
        return any(level and name not in SYSTEM for name, level in zip(self.names, cell, strict=True))


CELLS = 64
LEVELS = 16


@dataclass(slots=True)
class CellIndex:
    """Assign an index to each cell: the first 64 cells and the first 16 levels of a dimension have their own.

    Further levels are "other" (None); further cells are other in all dimensions. First come first served: frequent
    cells come early, and evicting a cell would lose its statistics. Indices never change, so runs over the same values
    agree.
    """

    kept: list[Cell] = field(default_factory=list)
    # Derived from `kept`; not saved.
    _indices: dict[Cell, int] = field(default_factory=dict, compare=False)
    _levels: list[set[str | None]] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        for index, cell in enumerate(self.kept):
            self._index(cell, index)

    def assign(self, cell: Cell) -> int:
        """Return the index of `cell`; a new cell is appended to `kept`."""
        index = self.find(cell)
        if index < 0:
            index = len(self.kept)
            self.kept.append(self.narrow(cell) if index < CELLS else (OTHER,) * len(cell))
            self._index(self.kept[index], index)
        return index

    def find(self, cell: Cell) -> int:
        """Return the index of `cell`, or -1 if it has none."""
        index = self._indices.get(self.narrow(cell), -1)
        return self._indices.get((OTHER,) * len(cell), -1) if index < 0 and len(self.kept) >= CELLS else index

    def narrow(self, cell: Cell) -> Cell:
        """Return the cell with unknown levels of full dimensions replaced by "other"."""
        if not self._levels or cell in self._indices:
            return cell
        return tuple(
            OTHER if level not in known and len(known) >= LEVELS else level
            for level, known in zip(cell, self._levels, strict=True)
        )

    def _index(self, cell: Cell, index: int) -> None:
        self._indices[cell] = index
        self._levels = self._levels or [set() for _ in cell]
        for level, known in zip(cell, self._levels, strict=True):
            if level is not OTHER:
                known.add(level)
