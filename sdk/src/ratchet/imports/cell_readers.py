"""Readers of cells by kind. They raise ValueError with a reason that completes "line 7: cost …". Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, get_args

from ratchet.client.field_values import Confidentiality, Outcome
from ratchet.imports.record_fields import CellKind
from ratchet.tables import BadFile
from ratchet.tables.missing_values import is_blank
from ratchet.tables.numbers import Mark, decimal_mark, parse
from ratchet.tables.times import time_format
from ratchet.tables.verbal_scales import THUMBS, YES_NO, likert, normalise_word

Reader = Callable[[Any], Any]
"""Returns the value of a cell; None for one without a value."""


def cell_reader(
    kind: CellKind, column: str, sample: Sequence[Any], *, zone: tzinfo, times: str | None, commas: bool
) -> Reader:
    """Return the reader of a column's cells; `sample` decides its formats. Raises BadFile, or Doubt.

    `zone`: of times without one. `times`: the name of the time format. `commas`: the file has decimal commas.
    """
    known = [cell for cell in sample if not is_blank(cell)]
    if kind == "time":
        return _time_reader(column, known, zone, times)
    if kind == "rating" and (levels := likert([cell for cell in known if isinstance(cell, str)])):
        return partial(read_level, levels=levels)
    if kind in ("number", "rating", "count"):
        mark = decimal_mark(column, known, commas)
        return partial({"number": read_number, "rating": read_rating, "count": read_count}[kind], mark=mark)
    return _READERS[kind]


def read_number(cell: Any, mark: Mark = "point") -> float | None:
    """Return a number; a percentage and a fraction as a share of 1."""
    found = parse(cell, mark)
    if found is None:
        return None
    if found.unit == "word":
        raise ValueError("is not a number")
    return found.value / 100.0 if found.unit == "%" else found.value


def read_rating(cell: Any, mark: Mark = "point") -> float | None:
    """Return a rating of 1 to 5 stars."""
    found = parse(cell, mark)
    if found is None:
        return None
    value = found.value * found.of if found.unit == "/" and found.of == 5 else found.value
    if found.unit not in ("", "stars", "/") or not 1 <= value <= 5:
        raise ValueError("is not a rating of 1 to 5")
    return value


def read_level(cell: Any, levels: Mapping[str, float]) -> float | None:
    """Return the rating of a level such as `very satisfied`."""
    if is_blank(cell):
        return None
    if (found := levels.get(normalise_word(cell))) is None:
        raise ValueError("is not a level of the column's scale")
    return found


def read_count(cell: Any, mark: Mark = "point") -> int | None:
    """Return a whole number of at least 0."""
    found = read_number(cell, mark)
    if found is not None and (found < 0 or not found.is_integer()):
        raise ValueError("is not a whole number of at least 0")
    return None if found is None else int(found)


def read_yes_no(cell: Any) -> bool | None:
    """Return whether a cell says yes."""
    if is_blank(cell):
        return None
    word = normalise_word(cell)
    if word in ("1", "1.0") or YES_NO.get(word) == 1.0:
        return True
    if word in ("0", "0.0") or YES_NO.get(word) == 0.0:
        return False
    raise ValueError("is neither yes nor no")


def read_step(cell: Any) -> bool | None:
    """Return whether a cell says yes; None for no: what the user did instead is in another column."""
    return read_yes_no(cell) or None


def read_thumb(cell: Any) -> bool | None:
    """Return whether a thumb points up; 0 and -1 point down."""
    if is_blank(cell):
        return None
    word = normalise_word(cell)
    if word in THUMBS:
        return THUMBS[word] == 1.0
    if str(cell).strip() in ("-1", "-1.0"):
        return False
    try:
        return read_yes_no(cell)
    except ValueError:
        raise ValueError("is neither thumbs up nor thumbs down") from None


def read_id(cell: Any) -> str | None:
    """Return an id or a name; a whole number without its decimals, as a workbook stores it."""
    if is_blank(cell):
        return None
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, list | dict):
        raise ValueError("is not a text")
    return str(cell).strip()


def read_outcome(cell: Any) -> str | None:
    """Return the outcome of an execution."""
    if is_blank(cell):
        return None
    return _one_of(cell, get_args(Outcome))


def read_confidentiality(cell: Any) -> str | None:
    """Return how confidential the texts of an execution are."""
    return None if is_blank(cell) else _one_of(cell, get_args(Confidentiality))


def _one_of(cell: Any, words: Sequence[str]) -> str:
    if (word := normalise_word(cell)) not in words:
        raise ValueError(f"is none of {', '.join(words)}")
    return word


def read_text(cell: Any) -> str | None:
    """Return a text as it is. Words such as `none` are texts too."""
    if cell is None or cell != cell or cell == "":
        return None
    return cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, default=str)


def is_object(cell: Any) -> bool:
    """Return whether a cell has named values, or is a list of such."""
    return isinstance(cell, dict) or (
        isinstance(cell, list) and bool(cell) and all(isinstance(it, dict) for it in cell)
    )


def read_object(cell: Any) -> dict[str, Any] | None:
    """Return named values without those that are null."""
    if cell is None or cell != cell:
        return None
    if not isinstance(cell, dict):
        raise ValueError("is not an object")
    return {name: value for name, value in cell.items() if value is not None} or None


def read_prompts(cell: Any) -> list[dict[str, Any]] | None:
    """Return the prompts used, each without members that are null."""
    if cell is None or cell != cell or cell == []:
        return None
    if not isinstance(cell, list) or not is_object(cell):
        raise ValueError("is not a list of objects")
    return [{name: value for name, value in use.items() if value is not None} for use in cell]


def read_content(cell: Any) -> Any:
    """Return an input or output: text, or messages and objects as they are."""
    return cell if isinstance(cell, list | dict) else read_text(cell)


def read_list(cell: Any) -> list[Any] | None:
    """Return a list; a text is a JSON array, or one element."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            raise ValueError("is not a JSON array") from None
    found = cell if isinstance(cell, list) else [read_text(cell)]
    return [item for item in found if item is not None] or None


def read_plain(cell: Any) -> Any:
    """Return an attribute: a number or yes and no where the file has types, else text."""
    return cell if isinstance(cell, bool | int | float) and cell == cell else read_text(cell)


def _time_reader(column: str, known: Sequence[Any], zone: tzinfo, times: str | None) -> Reader:
    found = time_format(column, known, times)
    if found is None:
        if known:
            raise BadFile(
                f"{column}: no format reads nearly all of its times, such as {str(known[0])[:60]!r}: "
                "give --time-format: iso, day-first, month-first, epoch-s, epoch-ms, excel, or a pattern like %d.%m.%Y"
            )
        return lambda cell: None

    def read(cell: Any) -> datetime | None:
        if is_blank(cell):
            return None
        parsed = found.parse(cell)
        return parsed.replace(tzinfo=zone) if isinstance(parsed, datetime) else datetime.fromtimestamp(parsed, UTC)

    return read


_READERS: Mapping[CellKind, Reader] = {
    "object": read_object,
    "prompts": read_prompts,
    "id": read_id,
    "text": read_text,
    "content": read_content,
    "yes_no": read_yes_no,
    "step": read_step,
    "list": read_list,
    "thumb": read_thumb,
    "outcome": read_outcome,
    "confidentiality": read_confidentiality,
    "plain": read_plain,
}
