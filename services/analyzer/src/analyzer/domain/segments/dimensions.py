"""Dimensions of executions that values are split by: traffic and system."""

from collections.abc import Mapping, Sequence

from analyzer.domain.model import Facts

Cell = tuple[str | None, ...]
"""A level of each declared dimension, in their order. "" is a level that was not given; None is "other": any level that
did not fit into the bounded state."""

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
        self._blank: list[str | None] = [NOT_GIVEN] * len(self.names)
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
