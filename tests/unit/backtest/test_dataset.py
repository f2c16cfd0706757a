"""The history of a file in compact columns."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratchet.tables import BadFile
from ratchet_backtest import arrays as module
from ratchet_backtest.column_roles import ColumnChoice
from ratchet_backtest.dataset import Dataset
from ratchet_backtest.loader import load_dataset
from ratchet_backtest.runner import BacktestOptions, interpret_file
from tests.unit.backtest.conftest import Write

Rows = Sequence[Mapping[str, Any]]


def history(write: Write, rows: Rows, name: str = "past.jsonl", **given: Any) -> Dataset:
    found = interpret_file(write(rows, name), BacktestOptions(ColumnChoice(**given)))
    return load_dataset(found.rows, found.columns, found.scales, lambda done: None, found.clock)


def test_values_are_on_the_scale_of_the_metric(write: Write) -> None:
    (stars,) = history(write, [{"stars": star} for star in (1, 2, 3, 4, 5)]).values
    assert list(stars.found) == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_omitted_values_are_counted(write: Write) -> None:
    rows: list[Mapping[str, Any]] = [{"score": 0.5}] * 1000
    rows += [{"score": 1.5}, {"score": None}, {"score": "much"}, {"score": -1}, {"score": ""}]
    (scores,) = history(write, rows).values
    assert (scores.n, scores.missing, scores.outside, len(scores.found)) == (1000, 2, 2, 1005)
    assert all(math.isnan(value) for value in list(scores.found)[1000:])
    omissions = {reason: (found.n, found.first) for reason, found in scores.omissions.found.items()}
    assert omissions == {"is outside 0 to 1": (2, 1001), "is not a number": (1, 1003)}


def test_wrong_scale_is_rejected(write: Write) -> None:
    rows: list[Mapping[str, Any]] = [{"score": 0.5}] * 1000
    rows += [{"score": 0.5}] * 1000 + [{"score": 7.0}] * 40
    with pytest.raises(BadFile, match=r"score: 40 of 2,040 numbers are outside 0 to 1 \(the first in line 2001\)"):
        history(write, rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.integers(1_700_000_000, 1_700_000_100), min_size=1, max_size=50))
def test_rows_are_sorted_by_time(write: Write, times: list[int]) -> None:
    rows = [{"ts": time, "score": index / len(times)} for index, time in enumerate(times)]
    found = history(write, rows)
    order = found.order()
    assert found.ordered == (times == sorted(times))
    taken = [order.at(position) for position in range(len(times))]
    assert taken == sorted(times)
    numbers = [order.number(position) for position in range(len(times))]
    assert sorted(numbers) == list(range(1, len(times) + 1))
    ties = [(a, b) for a, b in pairwise(numbers) if times[a - 1] == times[b - 1]]
    assert all(b < a if found.newest_first else a < b for a, b in ties), "the file's order breaks ties"
    assert [order.at(order.find(time)) for time in times] == times


def test_rows_without_a_time_are_omitted_if_others_have_one(write: Write) -> None:
    rows = [{"time": "2026-03-01", "score": 1, "version": "a"}] * 20
    rows += [{"time": "", "score": 0, "version": "b"}, {"time": "noon", "score": 0, "version": "c"}, rows[0]]
    found = history(write, rows, "past.csv")
    assert (len(found.at), list(found.number)[-1], found.values[0].n) == (21, 24, 21)
    assert found.version is not None
    assert found.version.names == ["a"]
    omissions = {reason: (omission.n, omission.first) for reason, omission in found.omissions.found.items()}
    assert omissions == {"has no time": (1, 22), "has a time that cannot be read": (1, 23)}


def test_order_of_the_file_is_used_without_times(write: Write) -> None:
    found = history(write, [{"score": 1}] * 3)
    assert (found.timed, found.ordered, list(found.at)) == (False, True, [0.0, 1.0, 2.0])


def test_versions_can_be_processed_in_sequence(write: Write) -> None:
    rows = [{"version": version, "score": 1} for version in "abcabc"]
    order = history(write, rows).order(["c", "a"])
    assert [order.number(position) for position in range(4)] == [3, 6, 1, 4]
    assert (order.timed, order.at(2)) == (False, 2.0)
    with pytest.raises(BadFile, match="--order: there is no version d; the versions are a, b, c"):
        history(write, rows).order(["d"])
    with pytest.raises(BadFile, match="--order requires a column of versions"):
        history(write, [{"score": 1}]).order(["a"])


def test_names_may_be_of_any_type(write: Write) -> None:
    found = history(write, [{"version": version, "score": 1} for version in (1, "1", None, [1, 2], {"a": 1}, 2.5, "")])
    assert found.version is not None
    assert [found.version.at(row) for row in range(7)] == ["1", "1", None, "[1, 2]", "{'a': 1}", "2.5", None]


def test_column_with_too_many_names_is_not_used_for_grouping(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NAMES", 3)
    with pytest.raises(BadFile, match="version has more than 3 different names"):
        history(write, [{"version": version, "score": 1} for version in range(4)])
