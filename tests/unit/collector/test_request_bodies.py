"""Bodies of one request are written in groups, bounded by their number and their size."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.domain.request_context import Route
from collector.ingest.request_bodies import grouped


@dataclass(frozen=True)
class Body:
    size: int
    route: Route = "executions"
    body: dict[str, Any] = field(default_factory=dict)


@given(st.lists(st.integers(0, 50)), st.integers(1, 5), st.integers(1, 100))
def test_groups_keep_order_and_limits(sizes: list[int], most: int, most_bytes: int) -> None:
    bodies = [Body(size) for size in sizes]
    groups = list(grouped(bodies, most, most_bytes))
    assert [body for group in groups for body in group] == bodies
    for group in groups:
        assert 1 <= len(group) <= most
        assert len(group) == 1 or sum(body.size for body in group) <= most_bytes
