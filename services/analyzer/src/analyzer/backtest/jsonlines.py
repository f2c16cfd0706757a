"""JSON Lines: one object a line. A column within an object is named by its path, as in `feedback.score`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from analyzer.backtest.files import BATCH, SAMPLE, Advance, Batch, Sample, Unit
from analyzer.backtest.troubles import BadFile, Troubles

Place = tuple[str, ...]
_DEEPEST = 8


class JsonLines:
    """A JSON Lines file in UTF-8; empty lines are passed over."""

    unit: Unit = "line"

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size
        self._places: dict[str, Place] = {}

    def sample(self) -> Sample:
        with self._path.open("rb") as file:
            if file.read(1) == b"[":
                raise BadFile(f"{self._path.name} is one JSON array: make lines of it, as jq -c '.[]' does")
            file.seek(0)
            troubles = Troubles()
            _, rows = next(_objects(file, SAMPLE, troubles), ([], []))
        if not rows:
            raise BadFile(f"{self._path.name} has no line that can be read{_first(troubles)}")
        flat = [dict(_flat(row)) for row in rows]
        self._places = {".".join(place): place for row in flat for place in row}
        return Sample({name: [row.get(place) for row in flat] for name, place in self._places.items()})

    def batches(self, columns: Sequence[str], troubles: Troubles, advance: Advance) -> Iterator[Batch]:
        places = [self._places[column] for column in columns]
        with self._path.open("rb") as file:
            for numbers, rows in _objects(file, BATCH, troubles):
                yield numbers, [_column(rows, place) for place in places]
                advance(file.tell())


def _first(troubles: Troubles) -> str:
    return "".join(f": line {found.first} {reason}" for reason, found in list(troubles.found.items())[:1])


def _objects(lines: Iterable[bytes], size: int, troubles: Troubles) -> Iterator[tuple[list[int], list[dict[str, Any]]]]:
    """Some rows at a time, with the numbers of their lines."""
    numbers: list[int] = []
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            row = from_json(line)
        except ValueError:
            if line.strip():
                troubles.count(number, "is not JSON")
            continue
        if type(row) is not dict:
            troubles.count(number, "is not a JSON object")
            continue
        numbers.append(number)
        rows.append(row)
        if len(rows) == size:
            yield numbers, rows
            numbers, rows = [], []
    if rows:
        yield numbers, rows


def _flat(row: Mapping[str, Any], above: Place = ()) -> Iterator[tuple[Place, Any]]:
    for name, cell in row.items():
        if isinstance(cell, dict) and len(above) < _DEEPEST:
            yield from _flat(cell, (*above, name))
        else:
            yield (*above, name), cell


def _column(rows: Sequence[dict[str, Any]], place: Place) -> list[Any]:
    if len(place) == 1:
        name = place[0]
        return [row.get(name) for row in rows]
    return [_reach(row, place) for row in rows]


def _reach(row: Any, place: Place) -> Any:
    for name in place:
        if type(row) is not dict:
            return None
        row = row.get(name)
    return row
