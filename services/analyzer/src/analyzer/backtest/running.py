"""From a file to a report, with a progress bar on stderr."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from analyzer.backtest.columns import Columns, Given, columns
from analyzer.backtest.detectable import Detectable, detectable
from analyzer.backtest.driving import NO_USES, Driver
from analyzer.backtest.files import Rows
from analyzer.backtest.filling import read
from analyzer.backtest.findings import Series, fold
from analyzer.backtest.kinds import Better, Kind
from analyzer.backtest.opening import opened
from analyzer.backtest.report import Report, report
from analyzer.backtest.scales import Scale, scale
from analyzer.model import Use
from analyzer.rules import Rule
from ratchet.cli.output import console

_MOST_SIMULATED = 8
_STEPS = 100
Bar = Callable[[str, int], Callable[[int], None]]
"""Begins a stage of so many steps, or begins it anew; what it gives back is told how many are done."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: the columns of a past, and how their values are to be read."""

    given: Given
    kind: Kind | None = None
    ends: tuple[float, float] | None = None
    better: Better | None = None
    order: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


def answer(file: Path, question: Question, bar: Bar) -> Report:
    """Reads a file, folds, simulates. Raises BadFile."""
    source = opened(file)
    sample = source.sample()
    chosen = columns(sample, question.given)
    scales = [
        scale(column, sample.known(column), question.kind, question.ends, question.better) for column in chosen.values
    ]
    return measured(file.name, source, chosen, scales, question, bar)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a past besides its cells: the prompts behind its versions, its executions' names, notes."""

    uses: Mapping[str, tuple[Use, ...]] = field(default_factory=lambda: NO_USES)
    execution: Callable[[int], str] = str
    notes: tuple[str, ...] = ()


def measured(
    name: str,
    source: Rows,
    chosen: Columns,
    scales: Sequence[Scale],
    question: Question,
    bar: Bar,
    known: Known = Known(),  # it can't be changed
) -> Report:
    """What is found in rows, in the order that was asked for. Raises BadFile."""
    with closing(read(source, chosen, scales, bar("reading", source.size))) as past:
        past.execution = known.execution
        order, driver = past.order(question.order), Driver(question.rules, chosen.segments, known.uses)
        series = fold(order, driver, bar("analysing", len(order.rows)))
        seen = list(_seen(series, question.rules, bar))
        return report(name, chosen, order, driver, series, seen, known.notes)


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
