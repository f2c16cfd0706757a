"""Long files, with a metric name and a value in each row, as one column per metric."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ratchet.tables import BadFile, Doubt, Option, Sample
from ratchet.tables.missing_values import is_blank
from ratchet.tables.rows import ABSENT, SAMPLE, Advance, Batch, Omissions, Unit
from ratchet.tables.table import Table
from ratchet_backtest.column_roles import ColumnChoice, listed
from ratchet_backtest.directions import direction_by_name
from shared.metric_catalog import tokens

_NAMES = (
    *(
        "metric",
        "metric name",
        "score name",
        "feedback key",
        "feedback name",
        "criterion",
        "evaluator",
        "evaluator name",
    ),
    *("metric id", "metric key", "assessment name", "assessment", "scorer", "scorer name", "eval name", "eval type"),
    *("evaluation name", "evaluation", "criteria", "rubric", "dimension", "aspect", "check", "assertion"),
    *("measure", "variable", "name", "key", "question"),
)
_SURE = frozenset({"metric", "metric name", "score name", "feedback key", "feedback name", "criterion", "measure"}) | {
    *("metric id", "metric key", "assessment name", "scorer name")
}
_ASKED = frozenset(
    {"name", "key", "scorer", "eval name", "eval type", "evaluation name", "criteria", "rubric", "dimension", "aspect"}
)
"""Columns whose cells may name metrics or something else."""
_VALUES = (
    *("value", "score", "number value", "numeric value", "score value", "rating", "result", "metric score"),
    *("metric value", "assessment value", "assessment score", "eval score", "evaluation score"),
)
_TYPES = ("data type", "value type", "score type")
_TEXTS = ("string value", "text value", "category", "label")
_TEXT_TYPES = frozenset({"text", "correction"})
_MOST_NAMES = 200


@dataclass(frozen=True, slots=True)
class LongLayout:
    """Columns of a long file: metric names, numbers, and optionally types and texts."""

    name: str
    value: str
    type: str | None = None
    text: str | None = None


class LongTable:
    """A long file as a wide table: one column per metric, absent in the rows of other metrics."""

    def __init__(self, table: Table, layout: LongLayout) -> None:
        self._table, self._layout = table, layout
        self.unit: Unit = table.unit
        self.size = table.size
        plain = table.sample()
        rows = {name: cells for name, cells in plain.columns.items() if name not in _columns(layout)}
        cells, numbers = self._collect_cells()
        self._called = {name if name not in rows else f"{name} ({layout.value})": name for name in cells}
        self.metrics = tuple(self._called)
        shown = {called: cells[name] for called, name in self._called.items()}
        self._sample = Sample({**rows, **shown}, plain.numbers, plain.decimal_commas)
        self.numbers = {called: numbers[name] for called, name in self._called.items()}
        self.notes = (
            *table.notes,
            f"each name in {layout.name} is a metric: {listed(self.metrics)}",
            *self._text_notes,
        )

    def sample(self) -> Sample:
        """Return the first rows, and cells of each metric from the whole file."""
        return self._sample

    def batches(self, columns: Sequence[str], omissions: Omissions, advance: Advance) -> Iterator[Batch]:
        metrics = [column for column in columns if column in self._called]
        others = [column for column in columns if column not in self._called]
        for numbers, cells in self._table.batches([*others, *_columns(self._layout)], omissions, advance):
            named = list(self._cells(cells[len(others) :]))
            by_name = {
                column: [value if name == self._called[column] else ABSENT for name, value in named]
                for column in metrics
            }
            kept = dict(zip(others, cells, strict=False))
            yield numbers, [by_name[column] if column in by_name else kept[column] for column in columns]

    def _collect_cells(self) -> tuple[Mapping[str, list[Any]], Mapping[str, list[int]]]:
        """Return the cells of each metric, most frequent first, and their lines or rows."""
        found: dict[str, list[Any]] = {}
        numbers: dict[str, list[int]] = {}
        count: Counter[str] = Counter()
        texts: Counter[str] = Counter()
        for batch, cells in self._table.batches(_columns(self._layout), Omissions(), lambda done: None):
            types = cells[2] if self._layout.type else None
            for index, (name, value) in enumerate(self._cells(cells)):
                if name is None:
                    continue
                if types is not None and str(types[index]).casefold() in _TEXT_TYPES:
                    texts[name] += 1
                    continue
                count[name] += 1
                if count[name] <= SAMPLE:
                    found.setdefault(name, []).append(value)
                    numbers.setdefault(name, []).append(batch[index])
            if len(count) > _MOST_NAMES:
                raise BadFile(
                    f"{self._layout.name} has more than {_MOST_NAMES} different names and cannot name metrics"
                )
        self._text_notes = (f"free texts are not values: {listed(texts)}",) if texts else ()
        return {name: found[name] for name, _ in count.most_common()}, numbers

    def _cells(self, cells: Sequence[Sequence[Any]]) -> Iterator[tuple[str | None, Any]]:
        names, values = cells[0], cells[1]
        types = cells[2] if self._layout.type else None
        texts = cells[-1] if self._layout.text else None
        for index, name in enumerate(names):
            value = values[index]
            if texts is not None:
                categorical = types is not None and str(types[index]).casefold() == "categorical"
                if (categorical or is_blank(value)) and not is_blank(texts[index]):
                    value = texts[index]
            yield (None if is_blank(name) else str(name)), value


def _columns(layout: LongLayout) -> list[str]:
    return [name for name in (layout.name, layout.value, layout.type, layout.text) if name is not None]


def detect_long_layout(sample: Sample, given: ColumnChoice, metric: str | None) -> LongLayout | None:
    """Return the layout of a long file; None for a wide one. `metric` is the given column of names.

    Raises Doubt if the names may be those of metrics or of something else, or BadFile.
    """
    called = {" ".join(tokens(name.rpartition(".")[2])): name for name in reversed(list(sample.columns))}
    kinds = [called[name] for name in (*_TYPES, *_TEXTS) if name in called]
    layout = _layout_by_names(sample, called, given, metric)
    if layout is None or metric or layout.type is not None:
        return layout
    name = layout.name
    names = Counter(str(cell) for cell in sample.known(name))
    if not names or len(names) > min(_MOST_NAMES, max(1, sample.size // 3)):
        return None
    sure = " ".join(tokens(name.rpartition(".")[2])) in _SURE or len(kinds) > 1
    directed = [each for each in names if direction_by_name(each)]
    if name == given.target and (sure or directed):
        raise Doubt(
            f"--target {name}: the column contains metric names ({listed(list(names)[:3])})",
            Option(f"--metric {name}", "each name is a metric", "metric", name),
        )
    if sure or directed:
        return layout
    if name in given.named() or len(names) < 2 or " ".join(tokens(name)) not in _ASKED:
        return None
    raise Doubt(
        f"{name} may name metrics or apps ({listed(list(names)[:3])})",
        Option(f"--metric {name}", "each name is a metric", "metric", name),
        Option(f"--target {name}", "each name is an app or route", "target", name),
    )


def _layout_by_names(
    sample: Sample, called: Mapping[str, str], given: ColumnChoice, metric: str | None
) -> LongLayout | None:
    """Return the layout by the names of columns (`called`, by their words). Raises BadFile."""
    value = next((called[name] for name in _VALUES if name in called), None)
    value = given.values[0] if len(given.values) == 1 and given.values[0] in sample.columns else value
    name = metric or next((called[name] for name in _NAMES if name in called and called[name] != value), None)
    if metric and (metric not in sample.columns or value is None):
        wrong = "there is no column " + metric if metric not in sample.columns else "no column of values was found"
        raise BadFile(f"--metric: {wrong}; the columns are {listed(sample.columns)}")
    if name is None or value is None:
        return None
    if given.values and value not in given.values and not _all_names(sample, name, given):
        return None
    typed = next((called[kind] for kind in _TYPES if kind in called), None)
    text = next((called[kind] for kind in _TEXTS if kind in called and called[kind] not in (name, value)), None)
    return LongLayout(name, value, typed, text if typed or text not in (None, called.get("label")) else None)


def _all_names(sample: Sample, name: str, given: ColumnChoice) -> bool:
    """Return whether the chosen values are metric names."""
    return set(given.values) <= {str(cell) for cell in sample.known(name)}
