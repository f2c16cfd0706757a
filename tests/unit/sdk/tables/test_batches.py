"""Files that are parsed in batches have the rows and omissions of a parse record by record."""

import csv
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratchet.tables import BadFile, Omissions, open_table
from ratchet.tables.rows import BATCH
from tests.support.soak import scaled

LINES = st.lists(
    st.sampled_from(
        ["1,2", "3,4,", "5", "", ' "6",7', '"8\n9",10', '"a""b",c', 'a"b,c', '"x,y"z,1', "Total,7", "one,two", "1,2,3"]
    ),
    max_size=30,
)
FEW = settings(
    max_examples=scaled(60, 60, unit=10), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def read(path: Path, columns: tuple[str, ...]) -> Any:
    """Return numbers, cells and omissions of a file, or its error."""
    omissions = Omissions()
    try:
        table = open_table(path)
        names = [name for name in columns if name in table.sample().columns]
        batches = list(table.batches(names, omissions, lambda done: None))
    except BadFile as error:
        return str(error)
    rows = [row for numbers, cells in batches for row in zip(numbers, *cells, strict=True)]
    return rows, {reason: (each.n, each.first) for reason, each in omissions.found.items()}


def simple_rows(path: Path) -> tuple[list[tuple[Any, ...]], int]:
    """Return the rows of two fields with their numbers, and how many records are omitted, one record at a time."""
    rows: list[tuple[Any, ...]] = []
    omitted = 0
    with path.open(newline="") as file:
        reader = csv.reader(file, strict=True)
        next(reader)
        while True:
            number = reader.line_num + 1
            try:
                record = next(reader)
            except StopIteration:
                break
            except csv.Error:
                omitted += 1
                continue
            if len(record) == 2 or (len(record) > 2 and not any(record[2:])):
                rows.append((number, *record[:2]))
            elif record:
                omitted += 1
    while rows and rows[-1][1] in ("Total", "one"):
        rows.pop()
        omitted += 1
    return rows, omitted


@FEW
@given(lines=LINES, before=st.integers(0, 3), newline=st.sampled_from(["\n", "\r\n"]))
def test_rows_of_a_csv_file(tmp_path: Path, lines: list[str], before: int, newline: str) -> None:
    path = tmp_path / "past.csv"
    filler = [f"{number},x" for number in range(before * BATCH - before)]
    text = newline.join(["one,two", "0,x", "1,x", *filler, *lines, "2,y"]) + newline
    path.write_text(text, newline="")
    found = read(path, ("one", "two"))

    if isinstance(found, str):
        assert "quote" in found or "looks like a row" in found
        return
    rows, omissions = found
    expected, omitted = simple_rows(path)
    assert rows == expected
    assert sum(n for n, _ in omissions.values()) == omitted


VALUES = st.sampled_from(
    ['{"a": 1}', '{"a": [{}', "{}]}", '{"x": 1},{"y": 2}', '{"a": "', '"}', "}],[{", "", "[1]", "7", '{"b": null}', "{"]
)


@FEW
@given(lines=st.lists(VALUES, max_size=30), before=st.integers(0, 3))
def test_rows_of_json_lines(tmp_path: Path, lines: list[str], before: int) -> None:
    path = tmp_path / "past.jsonl"
    all_lines = [f'{{"a": {number}}}' for number in range(60 + 500 * before)] + lines + ['{"a": "last"}']
    path.write_text("\n".join(all_lines))
    rows, omissions = read(path, ("a",))

    expected, omitted = [], 0
    for number, line in enumerate(all_lines, 1):
        try:
            value = json.loads(line)
        except ValueError:
            omitted += bool(line)
            continue
        if isinstance(value, dict):
            expected.append((number, value.get("a")))
        else:
            omitted += 1
    assert rows == [(number, _only(cell)) for number, cell in expected]
    assert sum(n for n, _ in omissions.values()) == omitted


def _only(cell: Any) -> Any:
    return cell[0] if isinstance(cell, list) and len(cell) == 1 else cell
