"""Values in columns: what many readings of one dimension have in common is held once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from analyzer.domain.model import Dimension, Facts, Metric, Reading, Use
from analyzer.domain.segments.dimensions import JUDGE_ATTRIBUTE, Cell
from analyzer.domain.watch_rules import Rules


class ValueGroup(NamedTuple):
    """What values share: prompts, level of each declared dimension (`Dimensions.cell`), outcome, model and judge."""

    uses: tuple[Use, ...]
    cell: Cell
    outcome: str | None
    model: str | None
    judge: str | None = None


@dataclass(slots=True)
class ValueColumns:
    """Readings of one dimension, in the order in which they are applied; all columns have the same length.

    `positions` order readings across dimensions: they rise, and no two readings of a batch share one. `group` is an
    index of `groups`. `values` are on the metric's scale. `at` and `received` are Unix times, see `Reading`. `facts`
    is indexed only where an execution is named, is sampled, or has a text; `texts` False says that no execution has
    one. `corrections` has former and new value of the readings that are no first value, by index.
    """

    dimension: Dimension
    metric: Metric
    groups: Sequence[ValueGroup]
    positions: Sequence[int]
    group: Sequence[int]
    values: Sequence[float]
    at: Sequence[float]
    received: Sequence[float]
    facts: Sequence[Facts]
    texts: bool = True
    corrections: Mapping[int, tuple[float | None, float | None]] = field(default_factory=dict)

    def reading(self, index: int) -> Reading:
        """Return one row as a reading."""
        former, value = self.corrections.get(index) or (None, self.values[index])
        uses = self.groups[self.group[index]].uses
        at, received = self.at[index], self.received[index]
        return Reading(self.dimension, self.metric, uses, self.facts[index], value, former, at, received)


class _Growing(NamedTuple):
    """Columns that are being filled."""

    metric: Metric
    groups: list[ValueGroup]
    positions: list[int]
    group: list[int]
    values: list[float]
    at: list[float]
    received: list[float]
    facts: list[Facts]
    corrections: dict[int, tuple[float | None, float | None]]

    def to_columns(self, dimension: Dimension) -> ValueColumns:
        return ValueColumns(dimension, *self[:-1], corrections=self.corrections)


def to_columns(readings: Iterable[Reading], rules: Rules) -> list[ValueColumns]:
    """Return readings in columns, one set for each dimension; positions are their indices."""
    found: dict[Dimension, _Growing] = {}
    targets: dict[tuple[str, ...], dict[ValueGroup, int]] = defaultdict(dict)
    groups: dict[tuple[str, ...], list[ValueGroup]] = defaultdict(list)
    known: Facts | None = None
    known_uses: tuple[Use, ...] = ()
    scope: tuple[str, ...] = ()
    number = 0
    for position, (dimension, metric, uses, facts, value, former, at, received) in enumerate(readings):
        # The metrics of one execution come after one another, and have their group in common.
        if known is not facts or known_uses != uses or scope != dimension[:3]:
            known, known_uses, scope = facts, uses, dimension[:3]
            cell = rules.dimensions(dimension.target).cell(facts)
            group = ValueGroup(uses, cell, facts.outcome, facts.model, facts.attributes.get(JUDGE_ATTRIBUTE))
            numbers = targets[scope]
            number = numbers.setdefault(group, len(numbers))
            if number == len(groups[scope]):
                groups[scope].append(group)
        columns = found.get(dimension)
        if columns is None:
            columns = found[dimension] = _Growing(metric, groups[scope], [], [], [], [], [], [], {})
        if former is not None or value is None:
            columns.corrections[len(columns.positions)] = former, value
        columns.positions.append(position)
        columns.group.append(number)
        columns.values.append(0.0 if value is None else value)
        columns.at.append(at)
        columns.received.append(received)
        columns.facts.append(facts)
    return [columns.to_columns(dimension) for dimension, columns in found.items()]
