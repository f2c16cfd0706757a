"""Scale of a column: its metric, range and direction."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from analyzer.domain.metrics.extraction import COST, ERROR_RATE, LATENCY, metric_named
from analyzer.domain.model import Metric
from ratchet.tables import BadFile, Doubt, Option
from ratchet.tables.numbers import Read, decimal_mark, parse
from ratchet.tables.verbal_scales import AGREEMENT, likert
from ratchet_backtest.cell_values import (
    amount,
    duration,
    failure,
    label,
    level_reader,
    numeric,
    readable,
    reads,
    thumb,
    thumb_word,
)
from ratchet_backtest.column_sample import NO_OPTIONS, ColumnSample, ScaleOptions
from ratchet_backtest.directions import lower_is_better, measured_name
from ratchet_backtest.numeric_kinds import infer_numeric_kind
from ratchet_backtest.option_types import ColumnKind, Mark
from shared.metric_catalog import normalized_label, tokens

_MOST_MS, _MOST_USD = 1e9, 1e6
_DURATIONS = frozenset(tokens("latency duration elapsed ttft delay"))
_COSTS = frozenset(tokens("cost costs price usd"))
_SECONDS = frozenset(tokens("s sec secs second seconds"))
_MINUTES = frozenset(tokens("min mins minute minutes"))
_POLARITY = frozenset({"positive", "negative"})
"""Of a bad quality they may mean either: toxicity was found, or the answer is fine."""
_MOST_WORDS = 20


@dataclass(frozen=True, slots=True)
class ValueScale:
    """How the cells of `column` are read: to a number in the metric's own unit from `low` to `high`.

    Numbers outside are left out and counted, never clipped. `description` says what the column was taken for.
    """

    column: str
    kind: ColumnKind
    metric: Metric
    read: Read
    low: float
    high: float
    description: str


def parse_limits(text: str) -> tuple[float, float]:
    """Parse `0:10` to two numbers. Raises BadFile."""
    low, _, high = text.partition(":")
    try:
        ends = float(low), float(high)
    except ValueError:
        raise BadFile(f"--scale: {text!r} is not like 0:10") from None
    if not ends[0] < ends[1] or ends[1] - ends[0] == float("inf"):
        raise BadFile(f"--scale: {text!r} must go from a smaller number to a larger one")
    return ends


def infer_scale(
    column: str,
    cells: Sequence[Any],
    given: ScaleOptions = NO_OPTIONS,
    numbers: Sequence[int] = (),
    commas: bool = False,
    unit: str = "line",
) -> ValueScale:
    """Return the scale of `column`: as given, else inferred from its name and cells.

    `commas` means that the file uses decimal commas. Raises BadFile, or Doubt if two interpretations are likely.
    """
    mark: Mark = given.decimal or decimal_mark(column, cells, commas)
    known = ColumnSample(column, cells, numbers, unit, mark)
    if given.ends is not None:
        return _bounded_scale(known, given.ends, lower_is_better(known, given), "score")
    if given.kind is None and not cells:
        raise BadFile(f"{column} is empty")
    levels = likert([cell for cell in cells if type(cell) is str]) if given.kind is None else None
    if levels and readable(cells, level_reader(levels)):
        return _likert_scale(known, levels, given)
    return _scale_for_kind(known, given.kind or _infer_kind(known, given), given)


def unique_metrics(scales: Sequence[ValueScale]) -> tuple[ValueScale, ...]:
    """Return the scales with unique metric names; duplicates are named after their column."""
    used: set[str] = set()
    found = []
    for each in scales:
        name = each.metric.name if each.metric.name not in used else f"{each.metric.name}.{each.column}"
        used.add(name)
        found.append(replace(each, metric=replace(each.metric, name=name)))
    return tuple(found)


def _scale_for_kind(column: ColumnSample, kind: ColumnKind, given: ScaleOptions) -> ValueScale:
    name, better = column.name, given.directions.get(column.name) or given.better
    match kind:
        case "thumb":
            lower = lower_is_better(column, given) if not readable(column.cells, thumb_word) else better == "lower"
            return _binary(column, kind, thumb, lower, "thumbs up and down", "thumbs down and up, down is best")
        case "label":
            read = label(measured_name(name), given.meanings)
            return _binary(
                column, kind, read, better == "lower", "labels, good and bad words", "labels, bad words are best"
            )
        case "rating" if lower_is_better(column, given):
            return _bounded_scale(column, (1.0, 5.0), lower=True, kind=kind)
        case "rating":
            metric = _named(column, kind)
            return ValueScale(
                name, kind, metric, numeric(1.0, 5.0, column.mark), 1.0, 5.0, "ratings from 1 to 5, 5 is best"
            )
        case "percent":
            return _bounded_scale(column, (0.0, 100.0), lower_is_better(column, given), kind)
        case "score":
            return _bounded_scale(column, (0.0, 1.0), lower_is_better(column, given), kind)
        case "error":
            return ValueScale(name, kind, ERROR_RATE, failure, 0.0, 1.0, "outcomes, errors are worst")
        case "latency":
            each, unit = (1000.0, "s") if _SECONDS & column.words else (1.0, "ms")
            each, unit = (60_000.0, "minutes") if _MINUTES & column.words else (each, unit)
            read = duration(column.mark, each)
            return ValueScale(name, kind, LATENCY, read, 0.0, _MOST_MS, f"latency in {unit}, lower is better")
        case "cost":
            description = "cost in US dollars, lower is better"
            return ValueScale(name, kind, COST, amount(column.mark), 0.0, _MOST_USD, description)


def _named(column: ColumnSample, kind: ColumnKind) -> Metric:
    name = kind if column.name in (kind, f"{kind}s") else f"{kind}.{column.name}"
    return replace(metric_named(kind), name=name)


def _binary(
    column: ColumnSample, kind: ColumnKind, read: Read, lower: bool, description: str, reversed_description: str
) -> ValueScale:
    if lower:
        metric = replace(_lower_is_better_metric(f"{kind}.{column.name}", 0.0, 1.0), kind="binary")
        return ValueScale(column.name, kind, metric, read, 0.0, 1.0, reversed_description)
    plain = metric_named("thumb") if kind == "thumb" and column.name in ("thumb", "thumbs") else None
    named = plain or replace(metric_named(kind), name=f"{kind}.{column.name}")
    return ValueScale(column.name, kind, named, read, 0.0, 1.0, description)


def _bounded_scale(
    column: ColumnSample, ends: tuple[float, float], lower: bool, kind: ColumnKind = "score"
) -> ValueScale:
    """Return a scale of scores; one from 0 to 1 with 1 best is the service's metric of that name."""
    low, high = ends
    width = high - low
    name = f"score.{column.name}"
    if lower:
        metric = _lower_is_better_metric(name, low, high)
    elif ends == (0.0, 1.0):
        metric = replace(metric_named("score"), name=name)
    else:
        metric = Metric(name, "higher_is_better", "", "bounded", lambda v: (v - low) / width, lambda s: low + s * width)
    description = f"scores from {low:g} to {high:g}, {low if lower else high:g} is best"
    read = numeric(low, high, column.mark, words=ends == (0.0, 1.0))
    return ValueScale(column.name, kind, metric, read, low, high, description)


def _lower_is_better_metric(name: str, low: float, high: float) -> Metric:
    width = high - low
    return Metric(name, "lower_is_better", "", "bounded", lambda v: (high - v) / width, lambda s: high - s * width)


def _likert_scale(column: ColumnSample, levels: Mapping[str, float], given: ScaleOptions) -> ValueScale:
    """Return a scale of words from 1 to 5; the direction of agreement is that of the column."""
    agreement = levels.keys() == AGREEMENT.keys()
    better = given.directions.get(column.name) or given.better
    lower = lower_is_better(column, given) if agreement else better == "lower"
    found = _bounded_scale(column, (1.0, 5.0), lower, "rating")
    ends = ("strongly disagree", "strongly agree") if agreement else ("worst", "best")
    return replace(
        found,
        read=level_reader(levels),
        description=f"words from {ends[0]} (1) to {ends[1]} (5), {found.description[-9:]}",
    )


def _infer_kind(column: ColumnSample, given: ScaleOptions) -> ColumnKind:
    words, name = column.words, column.name
    read = label(measured_name(name), given.meanings)
    if given.meanings and readable(column.cells, read) and not given.meanings.keys().isdisjoint(_labels(column)):
        return "label"
    if "score" not in words and words & _DURATIONS and readable(column.cells, duration(column.mark)):
        return "latency"
    if "score" not in words and words & _COSTS and readable(column.cells, amount(column.mark)):
        return "cost"
    if readable(column.cells, partial(is_number_or_nan, mark=column.mark)):
        return infer_numeric_kind(column)
    if readable(column.cells, thumb) and not _POLARITY.isdisjoint(_labels(column)) and not readable(column.cells, read):
        raise _unknown(column, read)
    for kind, known in (("thumb", thumb), ("label", read), ("error", failure)):
        if readable(column.cells, known):
            return kind  # type: ignore[return-value]  # one of the three
    raise _unknown(column, read)


def _unknown(column: ColumnSample, read: Read) -> BadFile:
    """Return the error of an unreadable column: a Doubt for words of unknown meaning."""
    wrong = [cell for cell in column.cells if not reads(cell, partial(is_number_or_nan, mark=column.mark))]
    if 2 * len(wrong) < len(column.cells):
        return _partly_numbers(column, wrong)
    texts = Counter(str(cell).strip() for cell in column.cells)
    if len(texts) <= _MOST_WORDS and all(len(text) < 40 for text in texts):
        unknown = [text for text, _ in texts.most_common() if not readable([text], read)]
        return Doubt(
            f"{column.name} contains words of unknown meaning: {', '.join(map(repr, unknown[:8]))} "
            f"({column.unreadable_cells(read)})",
            Option("--good WORD,WORD", "the words that are good", "good", None),
            Option("--bad WORD,WORD", "the words that are bad", "bad", None),
            Option("--missing WORD,WORD", "the words that count as empty", "missing", None),
        )
    return BadFile(
        f"{column.name} contains neither numbers nor known words: {column.unreadable_cells(read)}; choose another "
        "column with --value, or name empty words with --missing"
    )


def is_number_or_nan(cell: Any, mark: Mark) -> float:
    return 0.0 if parse(cell, mark) else math.nan


def _partly_numbers(column: ColumnSample, wrong: Sequence[Any]) -> BadFile:
    """Return the error of a column of numbers with too many other cells."""
    problem = (
        f"{column.name}: {len(wrong):,} of {len(column.cells):,} cells are neither numbers nor empty, such as "
        f"{column.unreadable_cells(partial(is_number_or_nan, mark=column.mark))}"
    )
    if len({str(cell) for cell in wrong}) > 3:
        return BadFile(f"{problem}; correct the file or choose another column with --value")
    return Doubt(problem, Option("--missing WORD,WORD", "the words that count as empty", "missing", None))


def _labels(column: ColumnSample) -> set[str]:
    return {normalized_label(str(cell)) for cell in column.cells}
