"""Direction of a column: whether more of it is better, as given or by its name."""

import re

from ratchet.tables import Doubt, Option
from ratchet_backtest.column_sample import ColumnSample, ScaleOptions
from ratchet_backtest.option_types import Better
from shared.metric_catalog import definition_for, direction_of, tokens

_GENERIC = frozenset(tokens("score scores value values avg mean number numeric rating result label v1 v2 v3"))
"""Words that do not name a measure."""
_PARTS = re.compile(r"[./]")


def lower_is_better(column: ColumnSample, given: ScaleOptions) -> bool:
    """Return whether less is better: as given, else by the column's name. Raises Doubt."""
    better = given.directions.get(column.name) or given.better
    if better:
        return better == "lower"
    direction = direction_by_name(column.name)
    if direction is None and given.kind in ("thumb", "rating"):
        return False
    if direction is None:
        quoted = f"'{column.name}'" if " " in column.name else column.name
        raise Doubt(
            f"{column.name}: the name does not decide whether more is better",
            Option(f"--direction {quoted}=higher", "more is better", "directions", (column.name, "higher")),
            Option(f"--direction {quoted}=lower", "less is better", "directions", (column.name, "lower")),
        )
    return direction == "lower"


def direction_by_name(name: str) -> Better | None:
    """Return the direction that a column's name and path suggest; None if they suggest none, or both."""
    whole, own = _direction(name), _direction(measured_name(name))
    return own if whole == own or whole is None else whole if own is None else None


def measured_name(name: str) -> str:
    """Return the part of a path that names the measure: `tone` of `feedback_stats.tone.avg` or `tone/v1/score`."""
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
