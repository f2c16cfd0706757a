"""Split of a delay into hops, and the report of each client."""

import json

import pytest

from benchmarks.latency_hops import quantile, split
from benchmarks.latency_watchers import Arrivals


def test_each_step_has_its_median_and_its_99th_percentile() -> None:
    timelines = [{"posted": 0.0, "answered": 0.010, "served": 0.010 + number / 1000} for number in range(1, 101)]
    found = split(timelines)
    assert list(found) == ["posted → answered", "answered → served"]
    assert found["posted → answered"] == pytest.approx((10, 10))
    assert found["answered → served"] == pytest.approx((50.5, 100))


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 99)])
def test_quantile_is_a_value_of_the_sample(share: float, value: float) -> None:
    assert quantile(range(100), share) == value


def test_a_version_is_reported_once_all_clients_serve_it(capsys: pytest.CaptureFixture[str]) -> None:
    arrivals = Arrivals(2)
    arrivals.add("sha256:1", 1.0, 1.5)
    arrivals.add("sha256:2", 2.0, 2.5)
    assert capsys.readouterr().out == ""
    arrivals.add("sha256:1", 1.1, 1.6)
    assert json.loads(capsys.readouterr().out) == ["sha256:1", [[1.0, 1.5], [1.1, 1.6]]]
