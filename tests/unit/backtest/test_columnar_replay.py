"""A columnar replay has the same results as a row-by-row replay, bit for bit."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.domain.watch_rules import Rule
from ratchet_backtest.columnar.column_replay import replay_columns
from ratchet_backtest.replay_engine import ReplayEngine
from tests.support.backtest_replay import RowSpec, dataset, replay_both, shown
from tests.support.soak import scaled

SCENES = {
    "a version that is worse, then fixed": RowSpec(),
    "versions that are worse again and again": RowSpec(
        rows=6000, bad=(0.1, 0.5, 0.1, 0.5, 0.1, 0.5), versions=("a", "b")),
    "one version": RowSpec(versions=("v1",), bad=(0.1, 0.6, 0.1, 0.1, 0.5)),
    "no version": RowSpec(versions=(), bad=(0.1, 0.1, 0.6, 0.1)),
    "rows without a version": RowSpec(versions=(None, "v1", None), bad=(0.1, 0.1, 0.1, 0.6, 0.1, 0.1)),
    "a canary": RowSpec(canary=0.1),
    "a canary that is better, and falls": RowSpec(
        versions=("v1",), bad=(0.5, 0.5), canary=0.4, canary_scores=(0.9, 0.8)
    ),
    "a canary that falls and recovers before the other version falls": RowSpec(
        3000, versions=("v1",), bad=(0.0, 0.0, 0.0, 0.0, 0.3), canary=0.3, canary_scores=(0.7, 0.7, 0.5, 0.7, 0.7)
    ),
    "versions side by side": RowSpec(side=0.5, bad=(0.1, 0.5, 0.1, 0.1)),
    "segments": RowSpec(rows=2000, segments=(3, 5), models=2),
    "more segments than are kept": RowSpec(rows=2500, segments=(40, 30)),
    "several targets": RowSpec(rows=2000, targets=4),
    "several metrics": RowSpec(columns=("failed", "correct", "score", "latency"), bad=(0.1, 0.5, 0.1, 0.4)),
    "errors in the last column": RowSpec(columns=("correct", "latency", "failed")),
    "missing values": RowSpec(missing=0.3, columns=("score", "correct")),
    "equal times": RowSpec(ties=0.9),
    "no times": RowSpec(timed=False),
    "newest first": RowSpec(timed=False, newest_first=True, bad=(0.1, 0.1, 0.5, 0.1)),
    "one version after the other": RowSpec(
        3000, side=0.5, one_by_one=True, versions=("v3", "v2", "v1"), bad=(0.1, 0.5)),
    "inputs": RowSpec(texts=True, rows=2000),
    "a floor of 30 pp": RowSpec(rules=(Rule(floor=30.0),)),
    "an agreed rate": RowSpec(columns=("correct",), rules=(Rule(agreed=0.05),), bad=(0.02, 0.3, 0.02)),
    "one bad value": RowSpec(
        columns=("correct", "score"), rules=(Rule(safety=True),), bad=(0.0, 0.002, 0.01), side=0.3),
}  # fmt: skip
QUIET = {"a floor of 30 pp"}
QUICK = ["no version", "a canary", "several metrics", "missing values", "newest first", "inputs", "one bad value"]
"""Scenes of `make unit`."""


@pytest.mark.parametrize("name", scaled([*SCENES], [*SCENES], unit=QUICK))
def test_columnar_replay_of_a_scene_equals_row_by_row(name: str) -> None:
    columns, rows = replay_both(SCENES[name], 8)
    alarms = [alarm for each in rows for alarm in each.alarms]

    assert shown(columns) == shown(rows)
    assert bool(alarms) == (name not in QUIET)
    if name == "versions that are worse again and again":
        assert any(alarm.resolved for alarm in alarms)
        assert any(alarm.detected.returned for alarm in alarms)


RULES = [Rule(safety=True), Rule(agreed=0.05), Rule(floor=1.0), Rule(minimum=200)]


@pytest.mark.parametrize(("columns", "own"), [(("failed", "score"), 1), (("score", "failed"), 0)])
def test_a_regression_is_explained_by_the_errors_of_earlier_columns_and_rows(columns: list[str], own: int) -> None:
    data = dataset(RowSpec(columns=columns, rows=300), 7)
    score = list(replay_columns(data.order(), ReplayEngine()))[columns.index("score")]
    history = score.replay.errors(100)

    assert history is not None
    assert sum(block.filled for block in history.timeline.blocks) == 100 + own


SPECS = st.builds(
    RowSpec,
    rows=st.integers(1, scaled(2000, 4000)),
    columns=st.sampled_from([("score",), ("failed", "score"), ("latency", "failed"), ("correct", "failed", "latency")]),
    versions=st.lists(st.sampled_from(["a", "b", "c", None]), max_size=5),
    bad=st.lists(st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.5, 0.9]), min_size=1, max_size=6),
    canary=st.sampled_from([0.0, 0.0, 0.02, 0.3]),
    side=st.sampled_from([0.0, 0.0, 0.1, 0.5]),
    targets=st.sampled_from([1, 1, 3]),
    segments=st.sampled_from([(), (), (4,), (20, 8)]),
    models=st.sampled_from([0, 1, 3]),
    missing=st.sampled_from([0.0, 0.1]),
    ties=st.sampled_from([0.0, 0.5]),
    timed=st.booleans(),
    texts=st.sampled_from([False, False, False, True]),
    newest_first=st.booleans(),
    one_by_one=st.booleans(),
    rules=st.lists(st.sampled_from(RULES), max_size=1),
)  # fmt: skip


@settings(max_examples=scaled(8, 400, unit=3), deadline=None)
@given(spec=SPECS, seed=st.integers(0, 1 << 20))
def test_columnar_replay_of_any_history_equals_row_by_row(spec: RowSpec, seed: int) -> None:
    columns, rows = replay_both(spec, seed)

    assert shown(columns) == shown(rows)
