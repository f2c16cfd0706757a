"""From a file to a report, with a progress bar on stderr."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from analyzer.domain.model import Use
from analyzer.domain.rules import Rule
from ratchet.cli.output import console
from ratchet.tables import BadFile, Layout, Omissions, Rows, Sample, Table, open_table
from ratchet.tables.missing_values import is_blank
from ratchet.tables.times import zone
from ratchet_backtest.columns import Columns, Given, Whole, columns, listed, time_format_of
from ratchet_backtest.detectable_drop import Detectable, detectable
from ratchet_backtest.loader import TimeReader, load_dataset
from ratchet_backtest.long_format import LongTable, long_layout
from ratchet_backtest.option_types import Better, Kind, Mark
from ratchet_backtest.replay_engine import NO_USES, ReplayEngine
from ratchet_backtest.report import Report, report
from ratchet_backtest.results import Series, replay_dataset
from ratchet_backtest.row_order_checks import ask_order, order_notes
from ratchet_backtest.scales import Scale, ScaleOptions, scale, unique_metrics
from shared.metric_catalog import Meaning

_MOST_SIMULATED = 8
_STEPS = 100
_MOST_DIFFERENT = 100_000
Bar = Callable[[str, int], Callable[[int], None]]
"""Begins a stage of so many steps, or begins it anew; what it gives back is told how many are done."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked: the columns of a past, and how the file, its times and its values are to be read."""

    given: Given
    kind: Kind | None = None
    ends: tuple[float, float] | None = None
    better: Better | None = None
    order: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    directions: Mapping[str, Better] = field(default_factory=dict)
    decimal: Mark | None = None
    meanings: Mapping[str, Meaning] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    metric: str | None = None
    time_format: str | None = None
    zone: str | None = None
    newest_first: bool | None = None

    @property
    def reading(self) -> ScaleOptions:
        return ScaleOptions(self.kind, self.ends, self.better, self.directions, self.decimal, self.meanings)


@dataclass(frozen=True, slots=True)
class FileInterpretation:
    """What a file was taken for, before all of it is read."""

    rows: Table | LongTable
    columns: Columns
    scales: tuple[Scale, ...]
    clock: TimeReader
    notes: tuple[str, ...]


def run_backtest(file: Path, question: Options, bar: Bar) -> Report:
    """Read a file, fold, simulate. Raises BadFile, or Doubt."""
    found = interpret_file(file, question)
    known = DatasetContext(notes=found.notes)
    return measured(file.name, found.rows, found.columns, found.scales, question, bar, known, found.clock)


def interpret_file(file: Path, question: Options) -> FileInterpretation:
    """What a file's columns, times and values are. Raises BadFile, or Doubt."""
    table = open_table(file, question.layout)
    layout = long_layout(table.sample(), question.given, question.metric)
    rows = LongTable(table, layout) if layout else table
    sample, given = rows.sample(), question.given
    if (isinstance(rows, LongTable) and not given.values) or (
        isinstance(rows, LongTable) and layout and given.values == (layout.value,)
    ):
        given = replace(given, values=rows.metrics)
    whole = partial(_whole, table)
    chosen = columns(sample, given, question.time_format, whole)
    scales, left = _scales(rows, sample, chosen, question, whole, alone=bool(question.given.values))
    clock, notes = _clock(sample, chosen, question, whole)
    if chosen.time is None or _same_times(sample, chosen.time, whole):
        ask_order(sample, chosen, question.newest_first if not question.order else False)
    used = tuple(each.column for each in scales)
    chosen = replace(chosen, values=used, guessed=_said(chosen, used))
    return FileInterpretation(rows, chosen, scales, clock, (*rows.notes, *notes, *left))


def _same_times(sample: Sample, time: str, whole: Whole) -> bool:
    """Whether all times are equal, so that they give no order."""
    return len({str(cell) for cell in sample.known(time)}) == 1 and len({str(cell) for cell in whole(time)}) <= 1


def _said(chosen: Columns, used: Sequence[str]) -> dict[str, str]:
    """What was guessed, without values that are not used after all."""
    kept = {role: name for role, name in chosen.guessed.items() if role not in ("value", "values")}
    if "value" in chosen.guessed or "values" in chosen.guessed:
        kept["values" if len(used) > 1 else "value"] = listed(used)
    return kept


def _whole(table: Table, column: str) -> list[Any]:
    """The different cells of a whole column, at most 100,000; none if the sample is the whole file."""
    if table.complete or column not in table.sample().columns:
        return []
    found: dict[str, Any] = {}
    for _, (cells,) in table.batches([column], Omissions(), lambda done: None):
        for cell in cells:
            found.setdefault(str(cell), cell)
        if len(found) > _MOST_DIFFERENT:
            break
    return [cell for cell in found.values() if not is_blank(cell)]


def _scales(
    rows: Table | LongTable, sample: Sample, chosen: Columns, question: Options, whole: Whole, alone: bool
) -> tuple[tuple[Scale, ...], list[str]]:
    """A scale for each column of values; of several that were guessed, those with a doubt are left out and said."""
    found, left, doubts = [], [], []
    for column in chosen.values:
        numbered = rows.numbers.get(column) if isinstance(rows, LongTable) else None
        at = numbered if numbered is not None else sample.numbers
        cells = [(cell, number) for cell, number in zip_longest(sample.columns[column], at) if not is_blank(cell)]
        known, numbers = [cell for cell, _ in cells], [number or 0 for _, number in cells]
        try:
            try:
                found.append(scale(column, known, question.reading, numbers, sample.decimal_commas, rows.unit))
            except BadFile:
                more = whole(column)
                if not more:
                    raise
                both = [*known, *more]
                found.append(scale(column, both, question.reading, numbers, sample.decimal_commas, rows.unit))
        except BadFile as error:
            doubts.append(error)
            left.append(f"left out: {error}")
    if doubts and (alone or not found):
        raise doubts[0]
    return unique_metrics(found), left


def _clock(sample: Sample, chosen: Columns, question: Options, whole: Whole) -> tuple[TimeReader, list[str]]:
    """How times are read, and what is to be said about it."""
    where = zone(question.zone) if question.zone else UTC
    if chosen.time is None:
        return TimeReader(newest_first=question.newest_first), []
    found = time_format_of(chosen.time, sample.known(chosen.time) or whole(chosen.time), question.time_format, whole)
    if found is None:
        raise BadFile(f"{chosen.time} holds no times")
    notes = [found.note] if found.note else []
    if found.naive and not question.zone:
        notes.append(f"times in {chosen.time} have no zone and are read as UTC (--timezone)")
    return TimeReader(found, where, question.newest_first), notes


@dataclass(frozen=True, slots=True)
class DatasetContext:
    """What is known of a past besides its cells: the prompts behind its versions, its executions' names, notes."""

    uses: Mapping[str, tuple[Use, ...]] = field(default_factory=lambda: NO_USES)
    execution: Callable[[int], str] = str
    notes: tuple[str, ...] = ()


def measured(
    name: str,
    source: Rows,
    chosen: Columns,
    scales: Sequence[Scale],
    question: Options,
    bar: Bar,
    known: DatasetContext = DatasetContext(),  # it can't be changed
    clock: TimeReader | None = None,
) -> Report:
    """What is found in rows, in the order that was asked for. Raises BadFile."""
    with closing(load_dataset(source, chosen, scales, bar("reading", source.size), clock)) as past:
        past.execution = known.execution
        order, driver = past.order(question.order), ReplayEngine(question.rules, chosen.segments, known.uses)
        series = replay_dataset(order, driver, bar("analysing", len(order.rows)))
        seen = list(_seen(series, question.rules, bar))
        notes = (*known.notes, *order_notes(past))
        return report(name, chosen, order, driver, series, seen, notes)


def _seen(series: Sequence[Series], rules: Sequence[Rule], bar: Bar) -> Iterator[Detectable | None]:
    """What a series could have seen, where it saw nothing; of many, for the longest."""
    quiet = [one for one in series if one.raised == [] and one.sums.n]
    asked = sorted(quiet, key=lambda one: -one.sums.n)[:_MOST_SIMULATED]
    advance, done = bar("simulating", _STEPS * len(asked)), 0

    def told(part: float) -> None:
        advance(round(_STEPS * (done + part)))

    for one in series:
        if any(one is each for each in asked):
            yield detectable(list(one.recent), one.watched, rules, advance=told)
            done += 1
        else:
            yield None


@contextmanager
def progress() -> Iterator[Bar]:
    """A bar on stderr; nothing where that is no terminal."""
    shown = console(stderr=True)
    parts = (TextColumn("{task.description:<10}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*parts, console=shown, transient=True, disable=not shown.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def begin(stage: str, total: int) -> Callable[[int], None]:
            if stage in tasks:
                bars.reset(tasks[stage], total=total)
            task = tasks[stage] = tasks[stage] if stage in tasks else bars.add_task(stage, total=total)
            return lambda done: bars.update(task, completed=done)

        yield begin
