"""What a column's values mean: which metric, from where to where, and which end is good."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from analyzer.domain.metrics.extraction import COST, ERROR_RATE, LATENCY, metric_named
from analyzer.domain.model import Metric
from ratchet.tables import BadFile, Doubt, Option
from ratchet.tables.numbers import AGREEMENT, Number, Read, decimal_mark, likert, parse
from ratchet_backtest.cell_values import (
    amount,
    duration,
    failure,
    label,
    leveled,
    numeric,
    readable,
    reads,
    thumb,
    thumb_word,
)
from ratchet_backtest.option_types import Better, Kind, Mark
from shared.metric_catalog import Meaning, definition_for, direction_of, normalized_label, tokens

_MOST_MS, _MOST_USD = 1e9, 1e6
_DURATIONS = frozenset(tokens("latency duration elapsed ttft delay"))
_COSTS = frozenset(tokens("cost costs price usd"))
_SECONDS = frozenset(tokens("s sec secs second seconds"))
_MINUTES = frozenset(tokens("min mins minute minutes"))
_STARS = frozenset(tokens("rating ratings star stars csat"))
_THUMBS = frozenset(tokens("thumb thumbs vote votes like liked"))
_PERCENT = frozenset(tokens("percent percentage pct"))
_GENERIC = frozenset(tokens("score scores value values avg mean number numeric rating result label v1 v2 v3"))
"""Words that say nothing about what is measured."""
_PARTS = re.compile(r"[./]")
_MLFLOW = re.compile(r".+/v\d+/score")
"""What MLflow calls the column of a judge's score; its judges give 1 to 5."""
_POLARITY = frozenset({"positive", "negative"})
"""Of a bad quality they may mean either: toxicity was found, or the answer is fine."""
_MOST_WORDS = 20
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ScaleOptions:
    """What is given about how values are read; `directions` and `meanings` by column and by normalised word."""

    kind: Kind | None = None
    ends: tuple[float, float] | None = None
    better: Better | None = None
    directions: Mapping[str, Better] = field(default_factory=dict)
    decimal: Mark | None = None
    meanings: Mapping[str, Meaning] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scale:
    """How the cells of `column` are read: to a number in the metric's own unit from `low` to `high`.

    Numbers outside are left out and counted, never clipped. `told` says what the column was taken for.
    """

    column: str
    kind: Kind
    metric: Metric
    read: Read
    low: float
    high: float
    told: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column with cells to judge it by, the lines or rows that they are in, and the numbers in them."""

    name: str
    cells: Sequence[Any]
    numbers: Sequence[int]
    unit: str
    mark: Mark

    @property
    def words(self) -> set[str]:
        return set(tokens(self.name))

    def shown(self, read: Read) -> str:
        """The first cells that cannot be read, with the lines that they are in."""
        found = []
        for cell, number in zip(self.cells, self.numbers or range(1, len(self.cells) + 1), strict=False):
            if not readable([cell], read):
                found.append(f"{self.unit} {number:,}: {str(cell)[:40]!r}")
            if len(found) == _SHOWN:
                break
        return "; ".join(found)


def limits(text: str) -> tuple[float, float]:
    """`0:10` as two numbers. Raises BadFile."""
    low, _, high = text.partition(":")
    try:
        ends = float(low), float(high)
    except ValueError:
        raise BadFile(f"--scale: {text!r} is not like 0:10") from None
    if not ends[0] < ends[1] or ends[1] - ends[0] == float("inf"):
        raise BadFile(f"--scale: {text!r} must go from a smaller number to a larger one")
    return ends


def scale(
    column: str,
    cells: Sequence[Any],
    given: ScaleOptions = ScaleOptions(),  # it cannot be changed
    numbers: Sequence[int] = (),
    commas: bool = False,
    unit: str = "line",
) -> Scale:
    """What `column` means, by what is given and else by its name and these cells. Raises BadFile.

    Nothing is guessed where two readings are likely: a Doubt says what to give. `commas` says that the file is of a
    dialect with decimal commas.
    """
    mark: Mark = given.decimal or decimal_mark(column, cells, commas)
    known = Column(column, cells, numbers, unit, mark)
    if given.ends is not None:
        return _between(known, given.ends, _lower(known, given), "score")
    if given.kind is None and not cells:
        raise BadFile(f"{column} holds nothing")
    levels = likert([cell for cell in cells if type(cell) is str]) if given.kind is None else None
    if levels and readable(cells, leveled(levels)):
        return _levels(known, levels, given)
    return _of_kind(known, given.kind or _guessed(known, given), given)


def unique_metrics(scales: Sequence[Scale]) -> tuple[Scale, ...]:
    """The same scales; a second one of the same metric measures another, named after its column."""
    taken: set[str] = set()
    found = []
    for each in scales:
        name = each.metric.name if each.metric.name not in taken else f"{each.metric.name}.{each.column}"
        taken.add(name)
        found.append(replace(each, metric=replace(each.metric, name=name)))
    return tuple(found)


def _of_kind(column: Column, kind: Kind, given: ScaleOptions) -> Scale:
    name, better = column.name, given.directions.get(column.name) or given.better
    match kind:
        case "thumb":
            lower = _lower(column, given) if not readable(column.cells, thumb_word) else better == "lower"
            return _binary(column, kind, thumb, lower, "thumbs up and down", "thumbs down and up, down is best")
        case "label":
            read = label(measured_name(name), given.meanings)
            return _binary(
                column, kind, read, better == "lower", "labels, good and bad words", "labels, bad words are best"
            )
        case "rating" if _lower(column, given):
            return _between(column, (1.0, 5.0), lower=True, kind=kind)
        case "rating":
            metric = _named(column, kind)
            return Scale(name, kind, metric, numeric(1.0, 5.0, column.mark), 1.0, 5.0, "ratings from 1 to 5, 5 is best")
        case "percent":
            return _between(column, (0.0, 100.0), _lower(column, given), kind)
        case "score":
            return _between(column, (0.0, 1.0), _lower(column, given), kind)
        case "error":
            return Scale(name, kind, ERROR_RATE, failure, 0.0, 1.0, "outcomes, errors are worst")
        case "latency":
            each, unit = (1000.0, "s") if _SECONDS & column.words else (1.0, "ms")
            each, unit = (60_000.0, "minutes") if _MINUTES & column.words else (each, unit)
            read = duration(column.mark, each)
            return Scale(name, kind, LATENCY, read, 0.0, _MOST_MS, f"latency in {unit}, lower is better")
        case "cost":
            told = "cost in US dollars, lower is better"
            return Scale(name, kind, COST, amount(column.mark), 0.0, _MOST_USD, told)


def _named(column: Column, kind: Kind) -> Metric:
    name = kind if column.name in (kind, f"{kind}s") else f"{kind}.{column.name}"
    return replace(metric_named(kind), name=name)


def _binary(column: Column, kind: Kind, read: Read, lower: bool, told: str, turned: str) -> Scale:
    if lower:
        metric = replace(_turned(f"{kind}.{column.name}", 0.0, 1.0), kind="binary")
        return Scale(column.name, kind, metric, read, 0.0, 1.0, turned)
    plain = metric_named("thumb") if kind == "thumb" and column.name in ("thumb", "thumbs") else None
    named = plain or replace(metric_named(kind), name=f"{kind}.{column.name}")
    return Scale(column.name, kind, named, read, 0.0, 1.0, told)


def _between(column: Column, ends: tuple[float, float], lower: bool, kind: Kind = "score") -> Scale:
    """A score between two ends. One from 0 to 1, 1 being best, is the metric that the service would measure."""
    low, high = ends
    width = high - low
    name = f"score.{column.name}"
    if lower:
        metric = _turned(name, low, high)
    elif ends == (0.0, 1.0):
        metric = replace(metric_named("score"), name=name)
    else:
        metric = Metric(name, "higher_is_better", "", "bounded", lambda v: (v - low) / width, lambda s: low + s * width)
    told = f"scores from {low:g} to {high:g}, {low if lower else high:g} is best"
    read = numeric(low, high, column.mark, words=ends == (0.0, 1.0))
    return Scale(column.name, kind, metric, read, low, high, told)


def _turned(name: str, low: float, high: float) -> Metric:
    width = high - low
    return Metric(name, "lower_is_better", "", "bounded", lambda v: (high - v) / width, lambda s: high - s * width)


def _levels(column: Column, levels: Mapping[str, float], given: ScaleOptions) -> Scale:
    """Words of a scale from 1 to 5. Whether agreement is good depends on the statement, which the name may say."""
    agreement = levels.keys() == AGREEMENT.keys()
    better = given.directions.get(column.name) or given.better
    lower = _lower(column, given) if agreement else better == "lower"
    found = _between(column, (1.0, 5.0), lower, "rating")
    ends = ("strongly disagree", "strongly agree") if agreement else ("worst", "best")
    return replace(found, read=leveled(levels), told=f"words from {ends[0]} (1) to {ends[1]} (5), {found.told[-9:]}")


def _lower(column: Column, given: ScaleOptions) -> bool:
    """Whether less of it is better: as given, else by its name. Raises Doubt."""
    better = given.directions.get(column.name) or given.better
    if better:
        return better == "lower"
    direction = direction_by_name(column.name)
    if direction is None and given.kind in ("thumb", "rating"):
        return False
    if direction is None:
        quoted = f"'{column.name}'" if " " in column.name else column.name
        raise Doubt(
            f"{column.name}: its name does not say whether more of it is better",
            Option(f"--direction {quoted}=higher", "more is better", "directions", (column.name, "higher")),
            Option(f"--direction {quoted}=lower", "less is better", "directions", (column.name, "lower")),
        )
    return direction == "lower"


def direction_by_name(name: str) -> Better | None:
    """Which end of a column's values is good by its name and its path; None if that is unknown or contradictory."""
    whole, own = _direction(name), _direction(measured_name(name))
    return own if whole == own or whole is None else whole if own is None else None


def measured_name(name: str) -> str:
    """The part of a column's path that says what is measured: `tone` of `feedback_stats.tone.avg`, `tone/v1/score`."""
    parts = [part for part in _PARTS.split(name) if part]
    while len(parts) > 1 and _GENERIC.issuperset(tokens(parts[-1])):
        parts.pop()
    return parts[-1] if parts else name


def _direction(name: str) -> Better | None:
    if "thumb" in name.casefold() or "like" in name.casefold():
        found = definition_for(name, "thumb").direction
    else:
        found = direction_of(name)
    return None if found == "undeclared" else "lower" if found == "lower_is_better" else "higher"


def _guessed(column: Column, given: ScaleOptions) -> Kind:
    words, name = column.words, column.name
    read = label(measured_name(name), given.meanings)
    if given.meanings and readable(column.cells, read) and not given.meanings.keys().isdisjoint(_labels(column)):
        return "label"
    if "score" not in words and words & _DURATIONS and readable(column.cells, duration(column.mark)):
        return "latency"
    if "score" not in words and words & _COSTS and readable(column.cells, amount(column.mark)):
        return "cost"
    if readable(column.cells, partial(_number, mark=column.mark)):
        return _numbers(column)
    if readable(column.cells, thumb) and not _POLARITY.isdisjoint(_labels(column)) and not readable(column.cells, read):
        raise _unknown(column, read)
    for kind, known in (("thumb", thumb), ("label", read), ("error", failure)):
        if readable(column.cells, known):
            return kind  # type: ignore[return-value]  # one of the three
    raise _unknown(column, read)


def _unknown(column: Column, read: Read) -> BadFile:
    """Why a column is none that can be read: words of unknown meaning are asked for, others shown."""
    wrong = [cell for cell in column.cells if not reads(cell, partial(_number, mark=column.mark))]
    if 2 * len(wrong) < len(column.cells):
        return _partly_numbers(column, wrong)
    texts = Counter(str(cell).strip() for cell in column.cells)
    if len(texts) <= _MOST_WORDS and all(len(text) < 40 for text in texts):
        unknown = [text for text, _ in texts.most_common() if not readable([text], read)]
        return Doubt(
            f"{column.name} holds words of unknown meaning: {', '.join(map(repr, unknown[:8]))} ({column.shown(read)})",
            Option("--good WORD,WORD", "the words that are good", "good", None),
            Option("--bad WORD,WORD", "the words that are bad", "bad", None),
            Option("--missing WORD,WORD", "the words that count as empty", "missing", None),
        )
    return BadFile(
        f"{column.name} holds neither numbers nor words that are known: {column.shown(read)}; --value names another "
        "column, --missing the words that count as empty"
    )


def _number(cell: Any, mark: Mark) -> float:
    return 0.0 if parse(cell, mark) else math.nan


def _partly_numbers(column: Column, wrong: Sequence[Any]) -> BadFile:
    """Why a column of numbers is refused: too many cells are something else."""
    problem = (
        f"{column.name}: {len(wrong):,} of {len(column.cells):,} cells are neither numbers nor empty, as "
        f"{column.shown(partial(_number, mark=column.mark))}"
    )
    if len({str(cell) for cell in wrong}) > _SHOWN:
        return BadFile(f"{problem}; correct the file, or name another column by --value")
    return Doubt(problem, Option("--missing WORD,WORD", "the words that count as empty", "missing", None))


def _labels(column: Column) -> set[str]:
    return {normalized_label(str(cell)) for cell in column.cells}


def _numbers(column: Column) -> Kind:
    """What numbers count, by how they are written and between what they lie. Raises Doubt."""
    numbers = _parsed(column)
    values = [number.value for number in numbers if number.unit in ("", "word")]
    plain = set(values)
    units = {number.unit for number in numbers}
    if "stars" in units:
        return "rating"
    if "%" in units:
        return _percentages(column, plain)
    if "/" in units:
        return _fractions(column, plain, {number.of for number in numbers if number.unit == "/"})
    return _plain(column, values)


def _parsed(column: Column) -> list[Number]:
    found = []
    for cell in column.cells:
        try:
            number = parse(cell, column.mark)
        except ValueError:
            continue
        if number is not None:
            found.append(number)
    return found


def _percentages(column: Column, plain: set[float]) -> Kind:
    """A column with percent signs in some cells or all: `0.9` beside `90%` is the same, `1` is not sure."""
    if not plain:
        return "percent"
    low, high = min(plain), max(plain)
    parts = any(value != int(value) for value in plain if value <= 1.0)
    if low >= 0.0 and high <= 1.0 and parts:
        return "score"
    if low >= 0.0 and 1.0 < high <= 100.0 and not parts and not any(0.0 < value <= 1.0 for value in plain):
        return "percent"
    raise Doubt(
        f"{column.name} holds percentages and numbers from {low:g} to {high:g}, which can be on another scale",
        Option("--kind score", "numbers are from 0 to 1, 1 is 100 %", "kind", "score"),
        Option("--kind percent", "numbers are per cent", "kind", "percent"),
    )


def _fractions(column: Column, plain: set[float], wholes: set[float]) -> Kind:
    if not plain or (min(plain) >= 0.0 and max(plain) <= 1.0 and any(value != int(value) for value in plain)):
        return "score"
    end = max(wholes)
    raise Doubt(
        f"{column.name} holds fractions and numbers from {min(plain):g} to {max(plain):g}",
        Option(f"--scale 0:{end:g}", f"numbers are from 0 to {end:g}", "ends", (0.0, end)),
        Option("--scale 0:1", "numbers are from 0 to 1", "ends", (0.0, 1.0)),
    )


def _plain(column: Column, numbers: Sequence[float]) -> Kind:
    words, found = column.words, set(numbers)
    low, high = _bulk(numbers)
    if found == {-1.0, 1.0} or (words & _THUMBS and found <= {-1.0, 0.0, 1.0} and len(found) < 3):
        return "thumb"
    judged = _MLFLOW.fullmatch(column.name) and all(value == int(value) for value in found)
    if (words & _STARS or judged) and low >= 1.0 and high <= 5.0 and (high > 1.0 or "csat" in words):
        return "rating"
    only_ones = words & (_STARS | _PERCENT) and found == {1.0}
    if low >= 0.0 and high <= 1.0 and not only_ones and not _own_scale(column.name):
        return "score"
    if low >= 1.0 and high <= 5.0 and {1.0, 5.0} <= found and all(value == int(value) for value in found):
        return "rating"
    if words & _PERCENT and low >= 0.0 and high <= 100.0:
        return "percent"
    parts = sum(0.0 < value < 1.0 for value in numbers)
    if low >= 0.0 and 1.0 < high <= 100.0 and parts and not any(1.0 < value < 5.0 for value in numbers):
        raise BadFile(
            f"{column.name} holds {parts:,} numbers from 0 to 1 and others up to {high:g}, which can be two scales in "
            "one column: correct the file, or give --scale if it is one"
        )
    raise _scale_doubt(column.name, low, high, _sentinel(numbers))


def _bulk(numbers: Sequence[float]) -> tuple[float, float]:
    """Between what the numbers lie, apart from the one per cent that may be wrong."""
    ordered = sorted(numbers)
    spare = len(ordered) // 200
    return ordered[spare], ordered[len(ordered) - 1 - spare]


def _own_scale(name: str) -> bool:
    """Whether the catalogue has another scale than 0 to 1 for scores of that name."""
    found = definition_for(name, "score")
    return not found.amount and found.scale != (0.0, 1.0)


def _sentinel(numbers: Sequence[float]) -> float | None:
    """The one number outside 0 to 1, which may stand for a missing value; None if there are several."""
    outside = {value for value in numbers if not 0.0 <= value <= 1.0}
    return next(iter(outside)) if len(outside) == 1 and len(set(numbers)) > 2 else None


def _scale_doubt(name: str, low: float, high: float, sentinel: float | None = None) -> Doubt:
    ends = {(min(0, math.floor(low)), _round(high)): "such as"}
    if low >= 1.0 and high <= 5.0:
        ends = {(1, 5): "", (0, 5): ""}
    elif _own_scale(name):
        own = definition_for(name, "score").scale
        ends = {(round(own[0]), round(own[1])): "", **ends}
    options = [
        Option(f"--scale {first}:{last}", f"from {first} to {last}", "ends", (float(first), float(last)))
        for first, last in ends
    ]
    if sentinel is not None:
        text = f"{sentinel:g}"
        options.insert(0, Option(f"--missing {text}", f"{text} stands for a missing value", "missing", text))
    return Doubt(f"{name} holds numbers from {low:g} to {high:g}, and it is not known on which scale", *options)


def _round(high: float) -> int:
    """The next end that a scale may have: 5, 10, 100 …"""
    return next((end for end in (1, 5, 7, 10, 100) if high <= end), math.ceil(high))
