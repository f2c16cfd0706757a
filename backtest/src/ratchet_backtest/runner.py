"""Run a backtest: interpret a source, replay it and build the report; progress bar on stderr."""

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
from analyzer.domain.watch_rules import Rule
from ratchet.cli.output import console
from ratchet.tables import BadFile, Layout, Omissions, Rows, Sample, Table, open_table
from ratchet.tables.missing_values import is_blank
from ratchet.tables.time_zones import zone
from ratchet_backtest.column_inference import resolve_columns
from ratchet_backtest.column_roles import ColumnChoice, ColumnReader, ColumnRoles, listed
from ratchet_backtest.column_sample import ScaleOptions
from ratchet_backtest.detectable_drop import Detectable, simulate_detectable_drop
from ratchet_backtest.loader import TimeReader, load_dataset
from ratchet_backtest.long_format import LongTable, detect_long_layout
from ratchet_backtest.option_types import Better, ColumnKind, Mark
from ratchet_backtest.replay_engine import NO_USES, ReplayEngine
from ratchet_backtest.report import Report, build_report
from ratchet_backtest.results import Series, replay
from ratchet_backtest.row_order_checks import ask_order, order_notes
from ratchet_backtest.scales import ValueScale, infer_scale, unique_metrics
from ratchet_backtest.time_columns import detect_time_format
from shared.metric_catalog import Meaning

_MOST_SIMULATED = 8
_STEPS = 100
_MOST_DIFFERENT = 100_000
ProgressBar = Callable[[str, int], Callable[[int], None]]
"""Start or restart a stage with a number of steps; returns a function that takes the number of finished steps."""


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """Options of a run: columns, and how the file, its times and its values are read."""

    given: ColumnChoice
    kind: ColumnKind | None = None
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
    def scale_options(self) -> ScaleOptions:
        return ScaleOptions(self.kind, self.ends, self.better, self.directions, self.decimal, self.meanings)


@dataclass(frozen=True, slots=True)
class FileInterpretation:
    """Interpretation of a file from a sample of its rows."""

    rows: Table | LongTable
    columns: ColumnRoles
    scales: tuple[ValueScale, ...]
    clock: TimeReader
    notes: tuple[str, ...]


def run_backtest(file: Path, options: BacktestOptions, bar: ProgressBar) -> Report:
    """Run a backtest on a file. Raises BadFile, or Doubt."""
    found = interpret_file(file, options)
    known = DatasetContext(notes=found.notes)
    return analyse_rows(file.name, found.rows, found.columns, found.scales, options, bar, known, found.clock)


def interpret_file(file: Path, options: BacktestOptions) -> FileInterpretation:
    """Return the columns, times and scales of a file. Raises BadFile, or Doubt."""
    table = open_table(file, options.layout)
    layout = detect_long_layout(table.sample(), options.given, options.metric)
    rows = LongTable(table, layout) if layout else table
    sample, given = rows.sample(), options.given
    if (isinstance(rows, LongTable) and not given.values) or (
        isinstance(rows, LongTable) and layout and given.values == (layout.value,)
    ):
        given = replace(given, values=rows.metrics)
    whole = partial(_whole, table)
    chosen = resolve_columns(sample, given, options.time_format, whole)
    scales, left = _scales(rows, sample, chosen, options, whole, alone=bool(options.given.values))
    clock, notes = _time_reader(sample, chosen, options, whole)
    if chosen.time is None or _same_times(sample, chosen.time, whole):
        ask_order(sample, chosen, options.newest_first if not options.order else False)
    used = tuple(each.column for each in scales)
    chosen = replace(chosen, values=used, guessed=_used_guesses(chosen, used))
    return FileInterpretation(rows, chosen, scales, clock, (*rows.notes, *notes, *left))


def _same_times(sample: Sample, time: str, whole: ColumnReader) -> bool:
    """Return whether all times are equal."""
    return len({str(cell) for cell in sample.known(time)}) == 1 and len({str(cell) for cell in whole(time)}) <= 1


def _used_guesses(chosen: ColumnRoles, used: Sequence[str]) -> dict[str, str]:
    """Return the inferred roles with only the used values."""
    kept = {role: name for role, name in chosen.guessed.items() if role not in ("value", "values")}
    if "value" in chosen.guessed or "values" in chosen.guessed:
        kept["values" if len(used) > 1 else "value"] = listed(used)
    return kept


def _whole(table: Table, column: str) -> list[Any]:
    """Return the different cells of a whole column, about 100,000 at most; empty if the sample is complete."""
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
    rows: Table | LongTable,
    sample: Sample,
    chosen: ColumnRoles,
    options: BacktestOptions,
    whole: ColumnReader,
    alone: bool,
) -> tuple[tuple[ValueScale, ...], list[str]]:
    """Return a scale for each column of values, and notes about inferred columns that are omitted."""
    found, left, doubts = [], [], []
    for column in chosen.values:
        numbered = rows.numbers.get(column) if isinstance(rows, LongTable) else None
        at = numbered if numbered is not None else sample.numbers
        cells = [(cell, number) for cell, number in zip_longest(sample.columns[column], at) if not is_blank(cell)]
        known, numbers = [cell for cell, _ in cells], [number or 0 for _, number in cells]
        try:
            try:
                found.append(
                    infer_scale(column, known, options.scale_options, numbers, sample.decimal_commas, rows.unit)
                )
            except BadFile:
                more = whole(column)
                if not more:
                    raise
                both = [*known, *more]
                found.append(
                    infer_scale(column, both, options.scale_options, numbers, sample.decimal_commas, rows.unit)
                )
        except BadFile as error:
            doubts.append(error)
            left.append(f"left out: {error}")
    if doubts and (alone or not found):
        raise doubts[0]
    return unique_metrics(found), left


def _time_reader(
    sample: Sample, chosen: ColumnRoles, options: BacktestOptions, whole: ColumnReader
) -> tuple[TimeReader, list[str]]:
    """Return the parser of times, and notes about it."""
    where = zone(options.zone) if options.zone else UTC
    if chosen.time is None:
        return TimeReader(newest_first=options.newest_first), []
    found = detect_time_format(chosen.time, sample.known(chosen.time) or whole(chosen.time), options.time_format, whole)
    if found is None:
        raise BadFile(f"{chosen.time} has no readable times")
    notes = [found.note] if found.note else []
    if found.naive and not options.zone:
        notes.append(f"times in {chosen.time} have no zone and are read as UTC (set it with --timezone)")
    return TimeReader(found, where, options.newest_first), notes


@dataclass(frozen=True, slots=True)
class DatasetContext:
    """Facts beyond the cells: prompts of versions, ids of executions, notes."""

    uses: Mapping[str, tuple[Use, ...]] = field(default_factory=lambda: NO_USES)
    execution: Callable[[int], str] = str
    notes: tuple[str, ...] = ()


def analyse_rows(
    name: str,
    source: Rows,
    chosen: ColumnRoles,
    scales: Sequence[ValueScale],
    options: BacktestOptions,
    bar: ProgressBar,
    known: DatasetContext = DatasetContext(),  # it can't be changed
    clock: TimeReader | None = None,
) -> Report:
    """Replay rows in the chosen order and return the report. Raises BadFile."""
    with closing(load_dataset(source, chosen, scales, bar("reading", source.size), clock)) as dataset:
        dataset.execution = known.execution
        order, engine = dataset.order(options.order), ReplayEngine(options.rules, chosen.segments, known.uses)
        series = replay(order, engine, bar("analysing", len(order.rows)))
        drops = list(_detectable_drops(series, options.rules, bar))
        notes = (*known.notes, *order_notes(dataset))
        return build_report(name, chosen, order, engine, series, drops, notes)


def _detectable_drops(series: Sequence[Series], rules: Sequence[Rule], bar: ProgressBar) -> Iterator[Detectable | None]:
    """Yield the detectable drop of series without regressions: of the longest ones, else None."""
    quiet = [each for each in series if not each.alarms and each.sums.n]
    simulated = sorted(quiet, key=lambda each: -each.sums.n)[:_MOST_SIMULATED]
    advance, done = bar("simulating", _STEPS * len(simulated)), 0

    def report_progress(part: float) -> None:
        advance(round(_STEPS * (done + part)))

    for each in series:
        if any(each is other for other in simulated):
            yield simulate_detectable_drop(list(each.recent), each.watched, rules, advance=report_progress)
            done += 1
        else:
            yield None


@contextmanager
def progress() -> Iterator[ProgressBar]:
    """Yield a progress bar on stderr; it is silent if that is not a terminal."""
    shown = console(stderr=True)
    parts = (TextColumn("{task.description:<10}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*parts, console=shown, transient=True, disable=not shown.is_terminal) as display:
        tasks: dict[str, TaskID] = {}

        def start(stage: str, total: int) -> Callable[[int], None]:
            if stage in tasks:
                display.reset(tasks[stage], total=total)
            task = tasks[stage] = tasks[stage] if stage in tasks else display.add_task(stage, total=total)
            return lambda done: display.update(task, completed=done)

        yield start
