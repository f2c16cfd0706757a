"""Findings of a monitor, which are the same after a restart."""

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.domain.detection import DetectionSettings, Monitor, ValueKind
from tests.support.monitors import STATISTIC, beta, drawn, judge, latency, reference, share

POLICY = DetectionSettings()


def fed(monitor: Monitor, values: list[float]) -> Monitor:
    for value in values:
        monitor.observe(value)
    return monitor


def switched(before: list[float], after: list[float], policy: DetectionSettings = POLICY) -> Monitor:
    return fed(Monitor("bounded", policy, reference=reference("bounded", before)), after)


def test_no_values_are_no_data() -> None:
    assert Monitor("bounded", POLICY).finding().answer == "no data"
    assert switched(drawn(beta(0.8), random.Random(1), 500), []).finding().answer == "no data"
    assert Monitor("rare", POLICY, agreed=0.01).finding().answer == "no data"


def test_missing_values_are_ignored() -> None:
    monitor = fed(Monitor("bounded", POLICY), [math.nan] * 500)
    assert (monitor.n, monitor.finding().answer) == (0, "no data")
    rare = fed(Monitor("rare", POLICY, agreed=0.01), [math.nan] * 500)
    assert (rare.n, rare.finding().answer) == (0, "no data")
    assert fed(Monitor("positive", POLICY), [math.nan] * 5).n == 0


def test_switch_to_a_worse_version() -> None:
    rnd = random.Random(2)
    before, after = drawn(beta(0.8), rnd, 1000), drawn(beta(0.7), rnd, 300)
    finding = switched(before, after).finding()
    assert (finding.answer, finding.method, finding.significant) == ("regressed", "switch/2", True)
    assert finding.before
    assert finding.after
    assert finding.drop
    assert finding.since
    assert finding.before.mean == pytest.approx(sum(before) / 1000)
    assert finding.after.mean == pytest.approx(sum(after) / 300)
    assert (finding.before.n, finding.after.n, finding.since.index) == (1000, 300, 0)
    assert 0.0 < finding.drop.low < 0.1 < finding.drop.high


@pytest.mark.parametrize("kind", ["real", "positive", "bounded"])
def test_equal_values_are_a_baseline(kind: ValueKind) -> None:
    """Costs of a free model are all equal: a version that costs something must be compared with them."""
    earlier = Monitor(kind, DetectionSettings())
    for _ in range(400):
        earlier.observe(0.5)
    later = Monitor(kind, DetectionSettings(), reference=earlier.reference())
    for _ in range(200):
        later.observe(1.0 if kind == "positive" else 0.0)
    assert later.finding().answer == "regressed"


def test_switch_that_holds() -> None:
    rnd = random.Random(3)
    finding = switched(drawn(beta(0.8), rnd, 2000), drawn(beta(0.8), rnd, 1000)).finding()
    assert finding.answer == "holds"
    assert finding.drop
    assert finding.drop.high < POLICY.floor


def test_too_few_values_are_inconclusive() -> None:
    rnd = random.Random(4)
    finding = switched(drawn(beta(0.8), rnd, 1000), drawn(beta(0.5), rnd, 60)).finding()
    assert (finding.significant, finding.answer) == (True, "inconclusive")


def test_a_drop_below_the_floor_is_no_regression() -> None:
    rnd = random.Random(5)
    finding = switched(drawn(beta(0.8), rnd, 5000), drawn(beta(0.775), rnd, 3000)).finding()
    assert finding.significant
    assert finding.answer in ("inconclusive", "holds")


def test_undeclared_drop_is_dated() -> None:
    rnd = random.Random(6)
    finding = fed(Monitor("bounded", POLICY), [*drawn(beta(0.8), rnd, 1500), *drawn(beta(0.7), rnd, 150)]).finding()
    assert (finding.answer, finding.method) == ("regressed", "drift/2")
    assert finding.since
    assert finding.since.low <= 1500 <= finding.since.high
    assert abs(finding.since.index - 1500) <= 50


def test_a_drop_shortly_before_the_scan_begins_is_dated_with_it() -> None:
    for seed, good in enumerate((200, 229, 249)):
        rnd = random.Random(seed)
        values = [*drawn(beta(0.9), rnd, good), *drawn(beta(0.4), rnd, 200)]
        finding = fed(Monitor("bounded", POLICY), values).finding()
        assert (finding.significant, finding.method) == (True, "drift/2")
        assert finding.since
        assert 150 <= finding.since.low <= good <= finding.since.high


def test_stream_that_holds_against_its_history() -> None:
    finding = fed(Monitor("bounded", POLICY), drawn(beta(0.8), random.Random(7), 4000)).finding()
    assert (finding.answer, finding.method) == ("holds", "drift/2")


def test_latency_is_reported_in_its_unit() -> None:
    rnd = random.Random(8)
    before = reference("positive", drawn(latency(), rnd, 1000))
    finding = fed(Monitor("positive", POLICY, reference=before), drawn(latency(1.5), rnd, 400)).finding()
    assert finding.answer == "regressed"
    assert finding.before
    assert finding.after
    assert finding.drop
    assert finding.before.low < 812 < finding.before.high
    assert finding.after.low < 1218 < finding.after.high
    assert finding.drop.low < math.log(1.5) < finding.drop.high


def test_a_rate_against_the_agreed_one() -> None:
    rnd = random.Random(9)
    assert fed(Monitor("rare", POLICY, agreed=0.001), drawn(share(0.02), rnd, 1000)).finding().answer == "regressed"
    assert fed(Monitor("rare", POLICY, agreed=0.05), drawn(share(0.01), rnd, 1000)).finding().answer == "holds"
    assert fed(Monitor("rare", POLICY, agreed=0.01), [0.0] * 50).finding().answer == "inconclusive"


def test_an_agreed_rate_is_for_rare_events() -> None:
    with pytest.raises(ValueError, match="agreed rate"):
        Monitor("rare", POLICY)
    with pytest.raises(ValueError, match="agreed rate"):
        Monitor("bounded", POLICY, agreed=0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Monitor("rare", POLICY, agreed=0.0)


def test_baseline_before_a_drop_excludes_the_drop() -> None:
    rnd = random.Random(10)
    monitor = fed(Monitor("bounded", POLICY), [*drawn(beta(0.8), rnd, 1500), *drawn(beta(0.6), rnd, 300)])
    before, now = monitor.before(), monitor.reference()
    assert before is not None
    assert now is not None
    assert before[2] == pytest.approx(0.8, abs=0.01)
    assert now[2] < 0.78


def test_few_values_make_no_baseline() -> None:
    assert fed(Monitor("bounded", POLICY), [0.5, 0.7] * 30).reference() is None
    assert Monitor("rare", POLICY, agreed=0.1).reference() is None


KINDS: list[tuple[ValueKind, float | None]] = [("bounded", None), ("binary", None), ("positive", None), ("rare", 0.02)]


@pytest.mark.parametrize(("kind", "agreed"), KINDS)
def test_a_restart_changes_nothing(kind: ValueKind, agreed: float | None) -> None:
    """Save and load as JSON after every batch of 37 values: every finding is bit-identical."""
    rnd = random.Random(11)
    draw = {"bounded": judge, "binary": share(0.85), "positive": latency(), "rare": share(0.05)}[kind]
    worse = {"bounded": 0.8, "binary": 0.8, "positive": 1.5, "rare": 1.0}[kind]
    values = [*drawn(draw, rnd, 900), *(value * worse for value in drawn(draw, rnd, 300))]
    straight, broken = Monitor(kind, STATISTIC, agreed=agreed), Monitor(kind, STATISTIC, agreed=agreed)
    for index, value in enumerate(values):
        assert straight.observe(value) == broken.observe(value)
        if index % 37 == 0:
            broken = Monitor.load(json.loads(json.dumps(broken.dump())), STATISTIC)
            assert broken.finding() == straight.finding()
    assert broken.dump() == straight.dump()


@given(st.lists(st.floats(0.0, 1.0), max_size=300), st.integers(0, 300))
@settings(max_examples=50, deadline=None)
def test_any_values_survive_a_restart(values: list[float], cut: int) -> None:
    policy = DetectionSettings(minimum=50, warmup=50)
    whole = fed(Monitor("bounded", policy), values)
    parts = fed(Monitor("bounded", policy), values[:cut])
    parts = fed(Monitor.load(json.loads(json.dumps(parts.dump())), policy), values[cut:])
    assert parts.dump() == whole.dump()
    assert parts.finding() == whole.finding()


def test_memory_is_constant() -> None:
    """With ten times the values the state grows by less than a third, and is at most 4 kB."""
    rnd, monitor = random.Random(12), Monitor("bounded", POLICY)
    sizes = []
    for _ in range(10):
        fed(monitor, drawn(beta(0.8), rnd, 4000))
        sizes.append(len(json.dumps(monitor.dump(), separators=(",", ":"))))
    assert max(sizes) < 4000
    assert sizes[-1] < 1.33 * sizes[0]
