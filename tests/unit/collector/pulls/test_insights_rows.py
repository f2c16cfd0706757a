"""Rows of Logs Insights."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.pulls.insights_rows import message_members, read_row

AT = datetime(2026, 11, 21, 12, 0, 0, 250_000, UTC)


def fields(**cells: str) -> list[dict[str, str]]:
    return [{"field": f"@{name}", "value": value} for name, value in cells.items()]


@pytest.mark.parametrize("text", ["2026-11-21 12:00:00.250", "1795262400250", "2026-11-21T13:00:00.250+01:00"])
def test_times_are_utc_or_unix_milliseconds(text: str) -> None:
    assert read_row(fields(timestamp=text)).at == AT


@pytest.mark.parametrize("cells", [{}, {"timestamp": ""}, {"timestamp": "noon"}, {"timestamp": "9" * 40}])
def test_row_without_a_time_is_an_error(cells: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="@timestamp"):
        read_row(fields(**cells))


def test_members_of_the_message_are_cells_and_fields_of_the_query_come_first() -> None:
    message = '{"prompt": "Hi", "usage": {"in": 3}, "level": "INFO"}'
    row = read_row([*fields(timestamp="0", message=message), {"field": "level", "value": "warn"}])
    assert row.cells() == {
        "@timestamp": "0", "@message": message, "prompt": "Hi", "usage": {"in": 3}, "level": "warn"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("message", "members"),
    [
        ('2026-11-21T12:00:00Z\tf3\tINFO\t{"a": 1}\n', {"a": 1}),
        ("START RequestId: f3", {}),
        ("{broken", {}),
        ('{"a": NaN}', {}),
        ("[1, 2]", {}),
        ("", {}),
        (None, {}),
    ],
)
def test_messages_are_json_objects_also_after_other_text(message: str | None, members: dict[str, object]) -> None:
    assert message_members(message) == members


def test_number_does_not_depend_on_the_pointer_but_on_all_else() -> None:
    numbers = {
        read_row(fields(timestamp="0", message=message, logStream=stream, ptr=pointer)).number
        for message, stream in (("a", "s"), ("b", "s"), ("a", "t"))
        for pointer in ("p", "q")
    }
    assert len(numbers) == 3


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), min_size=1), st.text(max_size=20))
def test_every_object_is_found_after_text_without_a_brace(found: dict[str, object], before: str) -> None:
    small = {name: value for name, value in found.items() if not isinstance(value, int) or abs(value) < 2**60}
    assert message_members(before.replace("{", "") + json.dumps(small)) == small
