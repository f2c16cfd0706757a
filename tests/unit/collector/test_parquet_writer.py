"""Row groups and files of the archive stay small enough to be read with little memory."""

import pytest

from collector.storage.archive.parquet_writer import ROW_GROUP, is_full, row_group_size

KB = 1_000


@pytest.mark.parametrize(
    ("row_bytes", "rows"), [(100, ROW_GROUP), (800, ROW_GROUP), (2 * KB, 4_000), (5 * KB, 2_048), (700 * KB, 2_048)]
)
def test_row_group_has_fewer_rows_if_they_are_large(row_bytes: int, rows: int) -> None:
    assert row_group_size(50_000, 50_000 * row_bytes) == rows


def test_row_group_of_nothing_has_a_size() -> None:
    assert row_group_size(0, 0) == 2_048


@pytest.mark.parametrize(("row_bytes", "rows"), [(5 * KB, 51_200), (15 * KB, 17_067), (20 * KB, 1_600), (700 * KB, 46)])
def test_file_of_large_rows_ends_after_one_row_group(row_bytes: int, rows: int) -> None:
    assert is_full(rows, rows * row_bytes)
    assert not is_full(rows - 1, (rows - 1) * row_bytes)
