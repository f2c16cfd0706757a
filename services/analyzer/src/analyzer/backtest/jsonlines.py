"""JSON Lines: one object a line. A column within an object is named by its path, as in `feedback.score`."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from analyzer.backtest.files import SAMPLE, STRIDE, Advance, Row, Sample, Unit
from analyzer.backtest.troubles import BadFile, Troubles

Place = tuple[str, ...]


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
            found = [dict(_flat(row)) for _, row in islice(_objects(file, Troubles()), SAMPLE)]
        self._places = {".".join(place): place for row in found for place in row}
        return Sample({name: [row.get(place) for row in found] for name, place in self._places.items()})

    def rows(self, columns: Sequence[str], troubles: Troubles, advance: Advance) -> Iterator[Row]:
        places = [self._places[column] for column in columns]
        names = [place[0] for place in places]
        nested = any(len(place) > 1 for place in places)
        with self._path.open("rb") as file:
            for count, (number, row) in enumerate(_objects(file, troubles)):
                if count % STRIDE == 0:
                    advance(file.tell())
                yield number, [_reach(row, place) for place in places] if nested else [row.get(name) for name in names]


def _objects(lines: Iterable[bytes], troubles: Troubles) -> Iterator[tuple[int, dict[str, Any]]]:
    loads = json.loads
    for number, line in enumerate(lines, 1):
        try:
            row = loads(line)
        except (ValueError, RecursionError):
            if line.strip():
                troubles.count(number, "is not JSON")
            continue
        if type(row) is dict:
            yield number, row
        else:
            troubles.count(number, "is not a JSON object")


def _flat(row: Mapping[str, Any], above: Place = ()) -> Iterator[tuple[Place, Any]]:
    for name, cell in row.items():
        if isinstance(cell, dict) and len(above) < 8:
            yield from _flat(cell, (*above, name))
        else:
            yield (*above, name), cell


def _reach(row: Any, place: Place) -> Any:
    for name in place:
        if type(row) is not dict:
            return None
        row = row.get(name)
    return row
