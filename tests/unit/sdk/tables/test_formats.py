"""All formats give the same rows; unreadable rows are counted, with the first line number."""

import gzip
import io
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from ratchet.tables import BadFile, Omissions, Table, open_table
from ratchet.tables.rows import BATCH
from tests.unit.sdk.tables.conftest import Write


def cells(source: Table, *columns: str, omissions: Omissions | None = None) -> tuple[list[int], list[tuple[Any, ...]]]:
    """Return all row numbers and rows of a file."""
    source.sample()
    numbers: list[int] = []
    rows: list[tuple[Any, ...]] = []
    for chunk, found in source.batches(columns, omissions or Omissions(), lambda done: None):
        numbers += chunk
        rows += zip(*found, strict=True)
    return numbers, rows


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.tuples(TEXTS, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=20))
def test_all_formats_have_the_same_cells(write: Write, rows: list[tuple[str, float]]) -> None:
    named = [{"text": text, "score": score} for text, score in rows]
    for name in ("past.jsonl", "past.parquet"):
        assert cells(open_table(write(named, name)), "text", "score")[1] == rows
    written = cells(open_table(write(named, "past.csv")), "text", "score")[1]
    assert [(text, float(score)) for text, score in written] == rows


@pytest.mark.parametrize(("name", "first"), [("past.jsonl", 1), ("past.csv", 2), ("past.parquet", 1)])
def test_rows_have_line_numbers(write: Write, name: str, first: int) -> None:
    n = 2 * BATCH + 3
    source = open_table(write([{"score": 1.0, "more": "x"}] * n, name))
    assert cells(source, "score")[0] == list(range(first, first + n))


def test_progress_ends_at_the_size(write: Write) -> None:
    for name in ("past.jsonl", "past.csv", "past.parquet"):
        source, progress = open_table(write([{"score": 1.0}] * (BATCH + 1), name)), [0]
        source.sample()
        for _ in source.batches(["score"], Omissions(), progress.append):
            pass
        assert progress == sorted(progress)
        assert progress[-1] == source.size


def test_lines_that_are_not_objects_are_counted(tmp_path: Path) -> None:
    path, omissions = tmp_path / "past.jsonl", Omissions()
    path.write_bytes(
        b'{"score": 1}\n\n[1]\n{"score": \n{"score": 0}\nnull\n{"score": "\xff"}\n' + b"[" * 10_000 + b"\n"
    )
    assert cells(open_table(path), "score", omissions=omissions) == ([1, 5, 7], [(1,), (0,), ("ÿ",)])
    found = {reason: (omission.n, omission.first) for reason, omission in omissions.found.items()}
    assert found == {"is not a JSON object": (2, 3), "is not JSON": (2, 4)}
    assert omissions.n == 4


def test_columns_within_objects_have_a_path(tmp_path: Path) -> None:
    path = tmp_path / "past.jsonl"
    path.write_text('{"a": {"b": 1}, "a.c": 2}\n{"a": 3}\n{"a": {"b": {"d": 4}}}\n')
    source = open_table(path)
    assert set(source.sample().columns) == {"a.b", "a.c", "a", "a.b.d"}
    assert cells(source, "a.b", "a.c", "a.b.d")[1] == [(1, 2, None), (None, None, None), ({"d": 4}, None, 4)]


def test_records_with_a_wrong_number_of_columns_are_counted(tmp_path: Path) -> None:
    path, omissions = tmp_path / "past.csv", Omissions()
    path.write_text('text,score\n"two\nlines",1\nshort\n\na,b,c\nlast,0\n')
    assert cells(open_table(path), "score", omissions=omissions) == ([2, 7], [("1",), ("0",)])
    (reason, omission), *_ = omissions.found.items()
    assert (reason, omission.n, omission.first) == ("has more or fewer fields than the header", 2, 4)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_and_encodings(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "past.csv"
    path.write_text(f"wörter{delimiter}score\nschön{delimiter}1\n", encoding)
    assert cells(open_table(path), "wörter", "score")[1] == [("schön", "1")]


def test_a_field_that_is_too_long_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratchet.tables.delimited._LARGEST_FIELD", 1 << 20)
    path, omissions = tmp_path / "past.csv", Omissions()
    path.write_text(f"text,score\n{'x' * 1_100_000},1\nshort,0\n")
    assert cells(open_table(path), "score", omissions=omissions)[1] == [("0",)]
    assert omissions.n == 1


def test_parquet_times_are_seconds(tmp_path: Path) -> None:
    for unit in ("s", "ms", "us", "ns"):
        path = tmp_path / f"{unit}.parquet"
        times = pyarrow.array([1_772_366_400, None], pyarrow.int64()).cast(pyarrow.timestamp("s", "UTC"))
        parquet.write_table(pyarrow.table({"time": times.cast(pyarrow.timestamp(unit, "UTC"))}), path, version="2.6")
        assert cells(open_table(path), "time")[1] == [(1_772_366_400.0,), (None,)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("past.xlsx", b"PK\x03\x04", "past.xlsx cannot be decompressed: it is damaged"),
        ("past.xls", b"\xd0\xcf\x11\xe0\xa1", "past.xls is an old Excel file: save it as .xlsx or CSV"),
        ("past.csv", b"", "past.csv is empty"),
        ("past.csv", b"\n\n", "past.csv is empty"),
        ("past.html", b"<!doctype html><table>", "past.html is HTML or XML: CSV, JSON"),
        ("past.bin", b"\x00\x01\x02abc\x00", "past.bin has an unknown format"),
        ("past.pdf", b"%PDF-1.7", "past.pdf has an unknown format"),
        ("past.parquet", b"PAR1", "past.parquet is not a readable Parquet file"),
        (
            "past.csv",
            gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9],
            "past.csv cannot be decompressed: it is damaged or",
        ),
        ("past.json", b'[{"score": 1},\n{"score": ', "past.json is not JSON: line 2"),
    ],
)
def test_unusable_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadFile, match=message):
        cells(open_table(path), *open_table(path).sample().columns)


@pytest.mark.parametrize(("module", "extra"), [("pyarrow", "parquet"), ("openpyxl", "xlsx"), ("zstandard", "zst")])
def test_missing_dependency_of_a_format_is_named(
    tmp_path: Path, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"past.{extra}"
    path.write_bytes({"parquet": b"PAR1", "xlsx": _workbook([["a"]]), "zst": zstandard.compress(b"a")}[extra])
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BadFile, match=rf"pip install 'ratchet-sdk\[{extra}\]'"):
        open_table(path)


def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "past.parquet"
    parquet.write_table(pyarrow.table({"score": pyarrow.array([], pyarrow.float64())}), path)
    assert open_table(path).sample().columns == {"score": []}


def test_semicolons_imply_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "past.csv"
    path.write_text("score;text\n0,75;a,b\n")
    assert open_table(path).sample().decimal_commas
    path.write_text('score,text\n"0,75",x\n')
    assert not open_table(path).sample().decimal_commas


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n", "no line that can be read: line 1 is not JSON"),
        ("1\n2\n", "no line that can be read: line 1 is not a JSON object"),
    ],
)
def test_error_for_another_line_format_quotes_the_first_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "past.jsonl"
    path.write_text(text)
    with pytest.raises(BadFile, match=message):
        open_table(path).sample()


def _workbook(rows: list[list[Any]]) -> bytes:
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(content)
    return content.getvalue()


@pytest.mark.parametrize("name", ["one.jsonl", "one.ndjson", "one.jsonl.gz"])
def test_a_single_line_is_one_row_of_a_file_of_lines(tmp_path: Path, name: str) -> None:
    line = b'{"target": "bot", "messages": [{"role": "user"}, {"role": "assistant"}], "usage": {"input": 1}}\n'
    path = tmp_path / name
    path.write_bytes(gzip.compress(line) if name.endswith(".gz") else line)
    assert cells(open_table(path), "target") == ([1], [("bot",)])
    document = tmp_path / "one.json"
    document.write_bytes(line)
    assert cells(open_table(document), "role")[1] == [("user",), ("assistant",)]
