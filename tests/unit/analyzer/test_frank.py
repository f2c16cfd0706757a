"""Human judgements: drops are detected within 120 executions of the new system, and nothing else is."""

from collections.abc import Iterable

import pytest

from analyzer.domain.engine import QualityEngine
from shared.events.quality import RegressionDetected
from tests.support.quality import frank, scores_by_version
from tests.unit.analyzer.conftest import Feed


@pytest.mark.parametrize("worse", ["bus", "s2s"])
def test_worse_system_is_detected(engine: QualityEngine, feed: Feed, worse: str) -> None:
    judged = frank()
    turns = feed(engine, scores_by_version([("bart", judged["bart"]), (worse, judged[worse][:120])]))
    (detected,) = turns
    assert isinstance(detected, RegressionDetected)
    assert (detected.metric, detected.baseline.n, detected.current.n) == ("score.Factuality", 250, 100)
    assert detected.delta_pp < -15
    assert detected.current.high < detected.baseline.low
    assert (detected.causes[0].before, detected.causes[0].after) == ("label:bart", f"label:{worse}")


def halves(values: list[float]) -> list[tuple[str, Iterable[float]]]:
    middle = len(values) // 2
    return [("first", values[:middle]), ("second", values[middle:])]


def test_drop_below_the_floor_is_not_a_regression(engine: QualityEngine, feed: Feed) -> None:
    judged = frank()
    assert feed(engine, scores_by_version([(name, judged[name]) for name in ("bart", "bert_sum")])) == []


@pytest.mark.parametrize("name", ["bart", "bert_sum", "bus", "s2s"])
@pytest.mark.parametrize("turned", [False, True])
def test_halves_of_one_system_raise_no_regression(engine: QualityEngine, feed: Feed, name: str, turned: bool) -> None:
    both = halves(frank()[name])
    assert feed(engine, scores_by_version(reversed(both) if turned else both)) == []
