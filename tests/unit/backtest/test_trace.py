"""Points of a chart."""

from hypothesis import given
from hypothesis import strategies as st

from ratchet_backtest.trace import MetricTrace


@given(st.integers(0, 20_000))
def test_points_are_few_of_similar_size_and_complete(total: int) -> None:
    trace = MetricTrace(total)
    for position in range(total):
        trace.add(position, 0.5, "v")
    sizes = [point.sums.n for point in trace.points]
    assert sum(sizes) == total
    assert len(sizes) <= 121
    assert all(size == sizes[0] for size in sizes[:-1])
    assert not sizes or len(sizes) == 1 or sizes[0] / 2 <= sizes[-1] < 1.5 * sizes[0]
    assert [point.first for point in trace.points[1:]] == [point.last + 1 for point in trace.points[:-1]]
