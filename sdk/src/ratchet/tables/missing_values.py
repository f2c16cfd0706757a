"""Missing values of cells, in all notations."""

from typing import Any

BLANKS = frozenset(
    {"", "nan", "null", "none", "na", "n/a", "n.a.", "n/d", "k.a.", "-", "--", "---", "–", "—", "nil", "undefined"}
    | {"missing", "#n/a", "#na", "#nv", "#null!", "#div/0!", "#value!", "#ref!", "<na>", "<null>", "(null)", "nat"}
    | {"not available", "not applicable", "unknown", "\\n", "(blank)", "(empty)", "[null]"}
)
"""Compared without surrounding whitespace and case-insensitively."""


def is_blank(cell: Any) -> bool:
    """Tell whether a cell has no value."""
    if cell is None or cell != cell or cell == []:
        return True
    return type(cell) is str and (not cell or (len(cell) < 20 and cell.strip().casefold() in BLANKS))
