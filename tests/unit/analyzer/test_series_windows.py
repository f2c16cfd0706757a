"""Windows of a chart: assignment of values, and widths."""

import random
from collections.abc import Iterable
from datetime import timedelta

import pytest

from analyzer.domain.metrics.extraction import metric_named
from analyzer.domain.model import Reading
from analyzer.domain.series import KEPT_FOR, Extent, WindowKey, split_page, wider, width, window_start, windowed_sums
from analyzer.domain.streams.sums import Sums, measurement
from analyzer.domain.value_columns import to_columns
from analyzer.domain.watch_rules import Rules
from analyzer.handlers import readings
from shared.events.base import Event
from tests.support.quality import START, feedback, replacing

BEGUN = int(START.timestamp())


def measured(events: Iterable[Event]) -> dict[WindowKey, Sums]:
    found = [each for event in events for each in readings(event)]  # type: ignore[arg-type]
    return windowed_sums(to_columns((each for each in found if isinstance(each, Reading)), Rules()))


def test_value_is_in_the_window_of_its_execution() -> None:
    found = measured(feedback(number) for number in range(12))
    assert [(window.start - BEGUN, window.seconds, sums.n) for window, sums in found.items()] == [
        (0, 5, 5), (5, 5, 5), (10, 5, 2),
    ]  # fmt: skip
    assert {window.stream.identity for window in found} == {"label:v1"}


def test_drop_is_visible() -> None:
    found = measured(feedback(number, value=float(number < 50)) for number in range(100))
    means = [sums.mean for _, sums in sorted(found.items(), key=lambda item: item[0].start)]
    assert means == [1.0] * 10 + [0.0] * 10


def test_replaced_value_is_removed_from_its_own_window() -> None:
    found = measured([*(feedback(number) for number in range(5)), feedback(9), replacing(1, 0.0, 1.0)])
    assert [sums.mean for sums in found.values()] == [0.8, 1.0]


def test_order_does_not_matter() -> None:
    events = [*(feedback(number) for number in range(20)), *(replacing(number, 0.0, 1.0) for number in range(0, 20, 3))]
    shuffled = random.Random(5).sample(events, len(events))
    assert measured(events) == measured(shuffled)


def test_late_values_go_to_existing_windows() -> None:
    days = [0, 2, 31]
    late = [feedback(0, received_at=START + timedelta(days=day)) for day in days]
    assert [(window.seconds, sums.n) for window, sums in measured(late).items()] == [(5, 1), (300, 1)]
    assert KEPT_FOR == 30 * 86_400


def busy(seconds: int, values: int, rows: int = 1, moments: int = 1) -> Extent:
    return Extent(0, seconds, values, seconds, rows, moments)


@pytest.mark.parametrize(
    ("values", "seconds", "expected"),
    [(3000, 600, 5), (600, 600, 30), (2700, 600, 10), (7, 600, 3600), (1, 5, 300), (1_000_000, 3600, 5)],
)
def test_windows_have_25_values_on_average_and_at_least_5_s(values: int, seconds: int, expected: int) -> None:
    assert width(busy(seconds, values)) == expected


def test_windows_are_wide_enough_for_the_limit() -> None:
    assert width(busy(7 * 86_400, 10_000_000), 2000) == 900
    assert width(busy(7 * 86_400, 10_000_000), 150) == 6 * 3600
    assert width(busy(7 * 86_400, 10_000_000, rows=200, moments=100), 1000) == 3600


def test_gap_without_values_does_not_widen_windows() -> None:
    assert width(Extent(0, 86_400, 6000, active=1200), 300) == 5


def test_concurrent_streams_share_the_limit() -> None:
    assert width(busy(600, 3000, rows=240, moments=120)) == 10


def test_widths_grow_up_to_the_retention() -> None:
    widths, step = [], wider(5)
    while step is not None:
        widths.append(step)
        step = wider(step)
    assert widths == sorted(widths)
    assert widths[-1] == KEPT_FOR
    assert all(step % 300 == 0 for step in widths if step > 300)


def test_pages_do_not_split_a_window() -> None:
    rows = [(0, 5), (5, 5), (5, 5), (10, 5)]
    assert split_page(rows, 4) == (4, None)
    assert split_page(rows[:3], 2) == (1, 5)
    assert split_page([(5, 5), (5, 5)], 1) == (1, 10)


def test_windows_begin_at_multiples_of_their_width() -> None:
    assert (window_start(1003.9, 5), window_start(1005, 5), window_start(1004, 300)) == (1000, 1005, 900)


def test_intervals_of_windows_cover_the_truth() -> None:
    """At least 95 % of the intervals of windows of 25 thumbs contain the true share."""
    rnd, held, rounds = random.Random(3), 0, 1000
    for _ in range(rounds):
        sums = Sums()
        for _ in range(25):
            sums.add(float(rnd.random() < 0.85))
        interval = measurement(sums, metric_named("thumb"))
        held += interval.low <= 0.85 <= interval.high
    assert held / rounds >= 0.95
