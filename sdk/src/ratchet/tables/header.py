"""Detection of the header of a table."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ratchet.tables.errors import BadFile, Doubt, Option
from ratchet.tables.missing_values import is_blank

_NUMBER = re.compile(r"[-+−]?[\d.,' \u00a0\u202f]*\d(e[-+]?\d+)?\s*%?", re.IGNORECASE)
_TIME = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ,].*)?")
_TOTALS = frozenset(
    {"total", "totals", "grand total", "subtotal", "sum", "average", "avg", "mean", "median", "overall", "count"}
    | {
        "summe",
        "gesamt",
        "gesamtsumme",
        "mittelwert",
        "durchschnitt",
        "moyenne",
        "somme",
        "promedio",
        "totale",
        "media",
    }
)


@dataclass(frozen=True, slots=True)
class Header:
    """The names of columns, the number of records before the first row, and a note."""

    names: tuple[str, ...]
    skipped: int
    note: str | None = None


def find_header(records: Sequence[Sequence[Any]], wanted: bool | None, unit: str) -> Header:
    """Return the header of the first records, all non-empty. Raises Doubt where the first may be a row.

    `wanted`: whether there is a header; None detects it.
    """
    width = modal_width(records)
    if wanted is False:
        return Header(tuple(f"column {number}" for number in range(1, width + 1)), 0)
    row_number = next((row_number for row_number, record in enumerate(records) if fits(record, width)), 0)
    while _is_comment(records, row_number, width):
        row_number += 1
    first = records[row_number]
    if len(first) < width and not _named_rows(records[row_number + 1 :], width):
        raise BadFile(
            f"the header has {len(first)} fields and most {unit}s have {width}; quote fields with a delimiter"
        )
    names = [*[""] * (width - len(first)), *first]
    if wanted is None and _is_row(first, names, records[row_number + 1 :]):
        raise Doubt(
            f"the first {unit} looks like a row, not like names of columns ({', '.join(map(str, first))[:60]})",
            Option("--no-header", "there are no names: the columns are called column 1, column 2 …", "header", False),
            Option("--header", "these are the names of the columns", "header", True),
        )
    note = f"{row_number} {unit}{'s' * (row_number > 1)} above the header passed over" if row_number else None
    return Header(_unique(names), row_number + 1, note)


def _is_comment(records: Sequence[Sequence[Any]], row_number: int, width: int) -> bool:
    """Whether a record begins with a hash and the next one can be the header."""
    following = records[row_number + 1] if row_number + 1 < len(records) else ()
    begins = bool(records[row_number]) and str(records[row_number][0]).lstrip("\ufeff ").startswith("#")
    return begins and fits(following, width) and not any(map(looks_measured, following))


def _named_rows(records: Sequence[Sequence[Any]], width: int) -> bool:
    """Whether the first fields can be row names, as R writes them: distinct, and either numbered or not numeric."""
    first = [str(record[0]) for record in records if len(record) == width]
    return len(set(first)) == len(first) and (all(map(str.isdigit, first)) or not any(map(looks_measured, first)))


def modal_width(records: Sequence[Sequence[Any]]) -> int:
    """Return the most frequent number of fields."""
    counts = Counter(map(len, records))
    return max(counts, key=lambda width: (counts[width], width))


def fits(record: Sequence[Any], width: int) -> bool:
    """Tell whether a record is as wide as the rows, or one field less where rows have names (as R writes them)."""
    return len(record) == width or (len(record) == width - 1 > 1 and not any(map(looks_measured, record)))


def looks_measured(cell: Any) -> bool:
    """Tell whether a cell is a number or a time, which is not the name of a column."""
    if type(cell) is not str:
        return cell is not None
    text = cell.strip()
    return bool(_NUMBER.fullmatch(text) or _TIME.fullmatch(text))


def _is_row(first: Sequence[Any], names: Sequence[Any], rows: Sequence[Sequence[Any]]) -> bool:
    """Whether a name is a number or time like the cells below it, or one of a few words in them."""
    below = [list(column) for column in zip(*(row for row in rows if len(row) == len(names)), strict=True)]
    if not below:
        return len(first) > 1 and any(map(looks_measured, first)) and not rows
    for name, column in zip(names, below, strict=True):
        known = [cell for cell in column if not is_blank(cell)]
        if looks_measured(name) and known and sum(map(looks_measured, known)) > 0.5 * len(known):
            return True
        if not is_blank(name) and known.count(name) > max(1, 0.02 * len(known)):
            return True
    return False


def _unique(names: Sequence[Any]) -> tuple[str, ...]:
    """Return unique names: a second `score` is `score (2)`; an unnamed column is named by its number."""
    found: list[str] = []
    for number, name in enumerate(names, 1):
        text = "" if name is None else str(name).strip().lstrip("\ufeff")
        text = text or ("index" if number == 1 else f"column {number}")
        called, again = text, 2
        while called in found:
            called, again = f"{text} ({again})", again + 1
        found.append(called)
    return tuple(found)


def is_total(record: Sequence[Any]) -> bool:
    """Tell whether a record is a total of those above it: its first cell says so, and only numbers follow."""
    known = [cell for cell in record if not is_blank(cell)]
    if len(record) < 2 or not known or type(known[0]) is not str:
        return False
    word = known[0].strip().rstrip(":").casefold()
    return word in _TOTALS and not any(type(cell) is str and not looks_measured(cell) for cell in known[1:])
