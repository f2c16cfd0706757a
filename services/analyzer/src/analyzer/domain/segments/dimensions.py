"""Which facts of an execution describe its traffic and its system: what quality is split by."""

from collections.abc import Mapping, Sequence

from analyzer.domain.model import Facts

Cell = tuple[str | None, ...]
"""A level of each declared dimension, in their order. "" is a level that was not told; None is any of the levels that a
bounded memory had no room for ("other")."""

OTHER = None
NOT_TOLD = ""
FORGOTTEN = "…"
"""The level of a cell that was too small to remember it: it may be any."""
NAMELESS = (OTHER, FORGOTTEN)
DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "route": ("route", "endpoint", "intent"),
    "language": ("language", "lang", "locale"),
    "user_segment": ("user_segment", "segment", "cohort", "plan", "tier"),
    "region": ("region", "country"),
    "model": ("model",),
    "retrieval_corpus": ("retrieval_corpus", "corpus_version", "corpus", "index_version"),
}
"""The dimensions that need no setting, and the attributes they are read from; `model` is the execution's own field."""
SYSTEM = frozenset({"prompt_version", "model", "retrieval_corpus", "outcome"})
"""What a team or its suppliers change; all other dimensions are traffic."""
LONGEST_LEVEL = 64


class Dimensions:
    """The declared dimensions of a target: reads an execution's cell.

    `names` are well-known ones, or any attribute's name. Of several attributes of one dimension the last counts.
    """

    def __init__(self, names: Sequence[str] = tuple(DEFAULTS)) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._blank: list[str | None] = [NOT_TOLD] * len(self.names)
        self._places = {alias: at for at, name in enumerate(self.names) for alias in DEFAULTS.get(name, (name,))}
        self._model = self._places.get("model")

    def cell(self, facts: Facts) -> Cell:
        """The execution's level of each dimension; levels are cut at 64 characters."""
        cell = list(self._blank)
        for name, level in facts.attributes.items():
            place = self._places.get(name)
            if place is not None:
                cell[place] = level[:LONGEST_LEVEL]
        if self._model is not None and facts.model:
            cell[self._model] = facts.model[:LONGEST_LEVEL]
        return tuple(cell)

    def segmented(self, cell: Cell) -> bool:
        """Whether the cell tells of its traffic: of more than what the team or its suppliers change."""
        return any(level and name not in SYSTEM for name, level in zip(self.names, cell, strict=True))
