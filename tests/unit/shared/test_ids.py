"""Derived ids are deterministic, new ids sort by time."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st

from shared.events import derived_id, new_id

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, st.integers(1, 10**9))
def test_new_ids_sort_by_time(moment: datetime, milliseconds: int) -> None:
    first, later = new_id(moment), new_id(moment + timedelta(milliseconds=milliseconds))
    assert first < later
    assert (first.version, first.variant) == (7, RFC_4122)


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_derived_ids_are_deterministic(parts: list[str]) -> None:
    assert derived_id(*parts) == derived_id(*parts)
    assert derived_id(*parts) != derived_id(*parts, "more")
