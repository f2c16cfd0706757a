"""Selection of the columns of a Langfuse project, with their scales."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from ratchet.tables import BadFile
from ratchet_backtest.column_roles import ColumnChoice, ColumnRoles, listed
from ratchet_backtest.langfuse.trace_table import TraceTable
from ratchet_backtest.runner import BacktestOptions
from ratchet_backtest.scales import ValueScale, infer_scale

Limits = Mapping[str, tuple[float, float]]
"""The allowed range of a score, by name."""
_MEASURED = ("latency_ms", "cost_usd", "error")


@dataclass(frozen=True, slots=True)
class MetricSelection:
    """Column roles, a scale for each value column, and notes about omitted scores."""

    columns: ColumnRoles
    scales: tuple[ValueScale, ...]
    notes: tuple[str, ...]


def select_metrics(table: TraceTable, options: BacktestOptions, limits: Limits) -> MetricSelection:
    """Select the columns of flags; without flags all scores with a scale, latency, cost and errors.

    Raises BadFile if a flag names a missing column, or nothing remains.
    """
    given = options.given
    for name in given.named():
        if name not in table.cells:
            raise BadFile(f"there is no column {name}; the columns are {listed(table.cells)}")
    if not given.values and (options.kind or options.ends or options.better):
        raise BadFile("--kind, --scale and --lower-is-better require --value")
    scales, notes = [], []
    for name in given.values or _values(table):
        try:
            scales.append(_scale(table, name, options, limits))
        except BadFile as error:
            if given.values:
                raise
            notes.append(f"left out: {error} (with --value {name})")
    if not scales:
        raise BadFile("; ".join(notes) or "there are no scores, latencies, costs or errors")
    return MetricSelection(_columns(table, given, scales), tuple(scales), tuple(notes))


def _values(table: TraceTable) -> list[str]:
    measured = [name for name in _MEASURED if len(set(table.known(name))) > 1]
    return [*(name for name in table.scores if table.known(name)), *measured]


def _scale(table: TraceTable, name: str, options: BacktestOptions, limits: Limits) -> ValueScale:
    cells, score, ends = table.known(name), table.scores.get(name), options.ends
    allowed = limits.get(score[0]) if score else None
    if ends is None and options.kind is None and allowed and all(_within(cell, allowed) for cell in cells):
        ends = allowed
    return infer_scale(name, cells, replace(options.scale_options, ends=ends))


def _within(cell: object, allowed: tuple[float, float]) -> bool:
    return isinstance(cell, int | float) and allowed[0] <= cell <= allowed[1]


def _columns(table: TraceTable, given: ColumnChoice, scales: Sequence[ValueScale]) -> ColumnRoles:
    """Return the roles, by the fixed names of the columns."""
    version, model, user = (role if table.known(role) else None for role in ("version", "model", "user"))
    values = tuple(each.column for each in scales)
    presets = ColumnChoice("time", values, "target", version=version, model=model, user=user)
    found = given.completed_by(presets)
    return ColumnRoles(**{each.name: getattr(found, each.name) for each in fields(ColumnChoice)})
