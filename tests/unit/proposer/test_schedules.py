"""Cron expressions in a time zone, also where clocks change."""

from datetime import UTC, datetime

import pytest

from proposer.domain.schedules import InvalidSchedule, next_run


def runs(expression: str, zone: str, after: datetime, count: int) -> list[str]:
    found = []
    for _ in range(count):
        after = next_run(expression, zone, after)
        found.append(f"{after:%m-%d %H:%M}")
    return found


def test_times_are_those_of_the_zone() -> None:
    assert runs("0 2 * * *", "Asia/Seoul", datetime(2026, 1, 1, 12, tzinfo=UTC), 2) == ["01-01 17:00", "01-02 17:00"]


def test_skipped_hour_runs_right_after_the_change() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert runs("30 2 * * *", "Europe/Berlin", before, 2) == ["03-29 01:00", "03-30 00:30"]


def test_repeated_hour_runs_once() -> None:
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert runs("30 2 * * *", "Europe/Berlin", before, 2) == ["10-25 00:30", "10-26 01:30"]


@pytest.mark.parametrize(
    ("expression", "zone", "field"),
    [("x", "UTC", "schedule"), ("0 0 30 2 *", "UTC", "schedule"), ("0 2 * * *", "Mars/Base", "time_zone"),
     ("0 2 * * *", "../etc", "time_zone")],
)  # fmt: skip
def test_wrong_field_is_named(expression: str, zone: str, field: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        next_run(expression, zone, datetime(2026, 1, 1, tzinfo=UTC))
    assert caught.value.field == field
