"""The same rows, whatever the format; what can't be read is counted with its first line."""

import gzip
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from analyzer.backtest.files import BATCH, Source
from analyzer.backtest.opening import opened
from analyzer.backtest.troubles import BadFile, Troubles
from tests.unit.analyzer.backtest.conftest import Write


def cells(source: Source, *columns: str, troubles: Troubles | None = None) -> tuple[list[int], list[tuple[Any, ...]]]:
    """All numbers and rows of a file."""
    source.sample()
    numbers: list[int] = []
    rows: list[tuple[Any, ...]] = []
    for some, found in source.batches(columns, troubles or Troubles(), lambda done: None):
        numbers += some
        rows += zip(*found, strict=True)
    return numbers, rows


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.tuples(TEXTS, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=20))
def test_all_formats_hold_the_same_cells(write: Write, rows: list[tuple[str, float]]) -> None:
    named = [{"text": text, "score": score} for text, score in rows]
    for name in ("past.jsonl", "past.parquet"):
        assert cells(opened(write(named, name)), "text", "score")[1] == rows
    written = cells(opened(write(named, "past.csv")), "text", "score")[1]
    assert [(text, float(score)) for text, score in written] == rows


@pytest.mark.parametrize(("name", "first"), [("past.jsonl", 1), ("past.csv", 2), ("past.parquet", 1)])
def test_rows_are_numbered_as_an_editor_does(write: Write, name: str, first: int) -> None:
    n = 2 * BATCH + 3
    source = opened(write([{"score": 1.0, "more": "x"}] * n, name))
    assert cells(source, "score")[0] == list(range(first, first + n))


def test_progress_ends_at_the_size(write: Write) -> None:
    for name in ("past.jsonl", "past.csv", "past.parquet"):
        source, told = opened(write([{"score": 1.0}] * (BATCH + 1), name)), [0]
        source.sample()
        for _ in source.batches(["score"], Troubles(), told.append):
            pass
        assert told == sorted(told)
        assert told[-1] == source.size


def test_lines_that_are_no_objects_are_counted(tmp_path: Path) -> None:
    path, troubles = tmp_path / "past.jsonl", Troubles()
    path.write_bytes(
        b'{"score": 1}\n\n[1]\n{"score": \n{"score": 0}\nnull\n{"score": "\xff"}\n' + b"[" * 10_000 + b"\n"
    )
    assert cells(opened(path), "score", troubles=troubles) == ([1, 5], [(1,), (0,)])
    found = {reason: (trouble.n, trouble.first) for reason, trouble in troubles.found.items()}
    assert found == {"is not a JSON object": (2, 3), "is not JSON": (3, 4)}
    assert troubles.n == 5


def test_columns_within_objects_have_a_path(tmp_path: Path) -> None:
    path = tmp_path / "past.jsonl"
    path.write_text('{"a": {"b": 1}, "a.c": 2}\n{"a": 3}\n{"a": {"b": {"d": 4}}}\n')
    source = opened(path)
    assert set(source.sample().columns) == {"a.b", "a.c", "a", "a.b.d"}
    assert cells(source, "a.b", "a.c", "a.b.d")[1] == [(1, 2, None), (None, None, None), ({"d": 4}, None, 4)]


def test_records_that_are_not_as_wide_as_the_header_are_counted(tmp_path: Path) -> None:
    path, troubles = tmp_path / "past.csv", Troubles()
    path.write_text('text,score\n"two\nlines",1\nshort\n\na,b,c\nlast,0\n')
    assert cells(opened(path), "score", troubles=troubles) == ([2, 7], [("1",), ("0",)])
    (reason, trouble), *_ = troubles.found.items()
    assert (reason, trouble.n, trouble.first) == ("has more or fewer fields than the header", 2, 4)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_and_encodings(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "past.csv"
    path.write_text(f"wörter{delimiter}score\nschön{delimiter}1\n", encoding)
    assert cells(opened(path), "wörter", "score")[1] == [("schön", "1")]


def test_a_field_that_is_too_long_is_counted(tmp_path: Path) -> None:
    path, troubles = tmp_path / "past.csv", Troubles()
    path.write_text(f"text,score\n{'x' * 17_000_000},1\nshort,0\n")
    assert cells(opened(path), "score", troubles=troubles)[1] == [("0",)]
    assert troubles.n == 1


def test_times_of_parquet_come_as_seconds(tmp_path: Path) -> None:
    for unit in ("s", "ms", "us", "ns"):
        path = tmp_path / f"{unit}.parquet"
        times = pyarrow.array([1_772_366_400, None], pyarrow.int64()).cast(pyarrow.timestamp("s", "UTC"))
        parquet.write_table(pyarrow.table({"time": times.cast(pyarrow.timestamp(unit, "UTC"))}), path, version="2.6")
        assert cells(opened(path), "time")[1] == [(1_772_366_400.0,), (None,)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("past.xlsx", b"", r"past.xlsx: its name must end with one of .jsonl, .*parquet"),
        ("past.json", b'[{"score": 1}]', r"past.json is one JSON array: make lines of it, as jq"),
        ("past.csv", b"", "past.csv is empty"),
        ("past.csv", b"a,b,a\n", "the header of past.csv names a column twice: a"),
        ("past.parquet", b"PAR1", "past.parquet is not a Parquet file that can be read"),
        ("past.parquet", gzip.compress(b"x" * 100, mtime=0), "past.parquet is not a Parquet file"),
    ],
)
def test_files_that_can_t_be_used(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadFile, match=message):
        opened(path).sample()


def test_parquet_without_pyarrow_says_what_to_install(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write([{"score": 1.0}], "past.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BadFile, match=r"pip install 'ratchet-analyzer\[parquet\]'"):
        opened(path)


def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "past.parquet"
    parquet.write_table(pyarrow.table({"score": pyarrow.array([], pyarrow.float64())}), path)
    assert opened(path).sample().columns == {"score": []}


def test_semicolons_come_with_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "past.csv"
    path.write_text("score;share;text\n0,75;80,5%;a,b\n-,5;1;1,2,3\n")
    assert cells(opened(path), "score", "share", "text")[1] == [("0.75", "80.5%", "a,b"), ("-.5", "1", "1,2,3")]
    path.write_text('score,text\n"0,75",x\n')
    assert cells(opened(path), "score")[1] == [("0,75",)]


@pytest.mark.parametrize(
    ("text", "message"),
    [("hello\n", "no line that can be read: line 1 is not JSON"), ("", "no line that can be read$")],
)
def test_a_file_of_other_lines_says_what_the_first_is(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "past.jsonl"
    path.write_text(text)
    with pytest.raises(BadFile, match=message):
        opened(path).sample()
