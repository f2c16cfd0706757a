"""Times that are parsed at once are those that are parsed one by one."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.tables.time_parsers import parse_iso
from ratchet_backtest.iso_times import parse_iso_times
from ratchet_backtest.loader import TimeReader

MOMENTS = st.lists(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)), min_size=1, max_size=20)
LAYOUTS = st.sampled_from(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"])
ZONES = st.sampled_from(["Z", "+00:00", "-07:30", "+14:00", ""])


@given(moments=MOMENTS, layout=LAYOUTS, zone=ZONES)
def test_times_of_one_layout_are_equal(moments: list[datetime], layout: str, zone: str) -> None:
    cells = [f"{moment.year:04}{moment.strftime(layout.removeprefix('%Y'))}{zone}" for moment in moments]
    found = parse_iso_times(cells, utc=True)

    assert found is not None
    assert list(found) == [TimeReader(zone=UTC).located(parse_iso(cell)) for cell in cells]


@given(st.integers(-12, 14), st.integers(0, 59), MOMENTS)
def test_offsets_of_one_sign_are_read_row_by_row(hours: int, minutes: int, moments: list[datetime]) -> None:
    cells = [moment.replace(tzinfo=timezone(timedelta(hours=hours, minutes=minutes))).isoformat() for moment in moments]
    found = parse_iso_times(cells, utc=False)

    assert found is None or list(found) == [parse_iso(cell) for cell in cells]


@given(st.text("0123456789-:TZ+. ", min_size=1, max_size=30))
def test_what_is_no_time_is_not_read(text: str) -> None:
    good = "2026-01-31T10:00:00Z"
    for cells in ([text], [good, text], [good, good[: -len(text)] + text]):
        found = parse_iso_times(cells, utc=True)
        assert found is None or list(found) == [TimeReader(zone=UTC).located(parse_iso(cell)) for cell in cells]


@pytest.mark.parametrize(
    "cell",
    [
        "2026-02-29T10:00:00Z",
        "1900-02-29T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-00-10T10:00:00Z",
        "2026-01-00T10:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T10:60:00Z",
        "2026-01-01T10:00:60Z",
        "0000-01-01T10:00:00Z",
        "2026-01-01T10:00:0٣Z",
        None,
        1.5,
    ],
)
def test_a_cell_that_is_no_time_is_left_to_the_parser(cell: object) -> None:
    assert parse_iso_times(["2026-01-01T10:00:00Z", cell], utc=True) is None


def test_leap_days() -> None:
    cells = ["2000-02-29T00:00:00Z", "2024-02-29T23:59:59Z"]

    assert parse_iso_times(cells, utc=False) == parse_iso_times(cells, utc=True)
    assert list(parse_iso_times(cells, utc=False) or ()) == [parse_iso(cell) for cell in cells]


def test_times_without_a_zone_are_read_in_utc_only() -> None:
    assert parse_iso_times(["2026-01-01T10:00:00"], utc=False) is None
    assert parse_iso_times([], utc=True) is None
