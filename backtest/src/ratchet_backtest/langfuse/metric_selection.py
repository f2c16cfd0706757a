"""Which columns of a Langfuse past are folded, and on which scale; a score that can't be placed on one is told of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from ratchet.tables import BadFile
from ratchet_backtest.columns import Columns, Given, listed
from ratchet_backtest.langfuse.trace_table import TraceTable
from ratchet_backtest.runner import Options
from ratchet_backtest.scales import Scale, scale

Limits = Mapping[str, tuple[float, float]]
"""By a score's name, from where to where its project allows it to be."""
_MEASURED = ("latency_ms", "cost_usd", "error")


@dataclass(frozen=True, slots=True)
class MetricSelection:
    """The columns, a scale for each of their values, and what is to be told of scores that are left out."""

    columns: Columns
    scales: tuple[Scale, ...]
    notes: tuple[str, ...]


def select_metrics(table: TraceTable, question: Options, limits: Limits) -> MetricSelection:
    """What flags name is taken as they say; without any, all scores that have a scale, latency, cost and errors.

    Raises BadFile where a flag names what is not there, or nothing is left to fold.
    """
    given = question.given
    for name in given.named():
        if name not in table.cells:
            raise BadFile(f"there is no column {name}; there are {listed(table.cells)}")
    if not given.values and (question.kind or question.ends or question.better):
        raise BadFile("--kind, --scale and --lower-is-better are of one score: name it by --value")
    scales, notes = [], []
    for name in given.values or _values(table):
        try:
            scales.append(_scale(table, name, question, limits))
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


def _scale(table: TraceTable, name: str, question: Options, limits: Limits) -> Scale:
    cells, score, ends = table.known(name), table.scores.get(name), question.ends
    allowed = limits.get(score[0]) if score else None
    if ends is None and question.kind is None and allowed and all(_within(cell, allowed) for cell in cells):
        ends = allowed
    return scale(name, cells, replace(question.reading, ends=ends))


def _within(cell: object, allowed: tuple[float, float]) -> bool:
    return isinstance(cell, int | float) and allowed[0] <= cell <= allowed[1]


def _columns(table: TraceTable, given: Given, scales: Sequence[Scale]) -> Columns:
    """No role is guessed here: a column is what it is called."""
    version, model, user = (role if table.known(role) else None for role in ("version", "model", "user"))
    values = tuple(one.column for one in scales)
    presets = Given("time", values, "target", version=version, model=model, user=user)
    found = given.over(presets)
    return Columns(**{one.name: getattr(found, one.name) for one in fields(Given)})
