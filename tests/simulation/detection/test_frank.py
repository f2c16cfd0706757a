"""Human judgements of nine systems: all ordered pairs as declared switches, at most 250 values per side."""

from collections.abc import Iterable
from itertools import permutations
from statistics import fmean

import pytest

from analyzer.domain.engine import QualityEngine
from analyzer.domain.model import Reading
from analyzer.handlers import readings
from benchmarks.detection.frank import FLOOR, FOUND, SwitchResult, compare, halves
from shared.events.quality import RegressionDetected
from tests.support.quality import frank, scores_by_version


@pytest.fixture(scope="module")
def pairs() -> list[tuple[float, SwitchResult]]:
    """Return the true drop of each pair, and the finding."""
    judged = frank()
    return [(fmean(judged[a]) - fmean(judged[b]), compare(judged[a], judged[b])) for a, b in permutations(judged, 2)]


def test_large_drops_are_detected_with_the_minimum_number_of_values(pairs: list[tuple[float, SwitchResult]]) -> None:
    large = [found.findings for drop, found in pairs if drop >= FOUND]
    assert len(large) == 27
    assert all(findings == ("regressed",) for findings in large)


def test_smaller_drops_are_detected_or_inconclusive_but_never_hold(pairs: list[tuple[float, SwitchResult]]) -> None:
    middle = [found.findings for drop, found in pairs if FLOOR <= drop < FOUND]
    assert middle
    assert all(set(findings) <= {"regressed", "inconclusive"} for findings in middle)


def test_no_regression_without_a_drop(pairs: list[tuple[float, SwitchResult]]) -> None:
    assert all("regressed" not in found.findings for drop, found in pairs if drop <= 0.0)


def test_improvements_hold(pairs: list[tuple[float, SwitchResult]]) -> None:
    assert all(found.findings[-1] == "holds" for drop, found in pairs if drop <= -FOUND)


def test_intervals_contain_the_difference_of_all_values(pairs: list[tuple[float, SwitchResult]]) -> None:
    """The interval must contain the estimate from all values, which it partly shares."""
    drops = [(drop, found.finding.drop) for drop, found in pairs]
    assert all(stated is not None and stated.low <= drop <= stated.high for drop, stated in drops)


def test_halves_of_one_system_raise_no_regression() -> None:
    for values in frank().values():
        for one, other in halves(values):
            assert "regressed" not in compare(one, other).findings


def detected_regressions(versions: Iterable[tuple[str, list[float]]]) -> list[RegressionDetected]:
    """Return what the whole engine detects."""
    engine, raised = QualityEngine(), list[RegressionDetected]()
    for event in scores_by_version(versions):
        for reading in readings(event):
            assert isinstance(reading, Reading)
            raised += [turn for turn in engine.apply(reading) if isinstance(turn, RegressionDetected)]
    return raised


def test_engine_detects_each_large_drop_once_and_names_the_switch() -> None:
    judged = frank()
    for a, b in permutations(judged, 2):
        drop = fmean(judged[a]) - fmean(judged[b])
        raised = detected_regressions([(a, judged[a]), (b, judged[b][:120])]) if drop >= FOUND else []
        assert [each.causes[0].after for each in raised] == ([f"label:{b}"] if drop >= FOUND else [])
        assert all(each.current.n == 100 for each in raised)


def test_engine_raises_nothing_without_a_drop() -> None:
    judged = frank()
    for a, b in permutations(judged, 2):
        if fmean(judged[a]) <= fmean(judged[b]):
            assert detected_regressions([(a, judged[a]), (b, judged[b])]) == []
    for values in judged.values():
        for one, other in halves(values):
            assert detected_regressions([("one", list(one)), ("other", list(other))]) == []
