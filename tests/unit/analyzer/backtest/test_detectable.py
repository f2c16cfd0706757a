"""How small a drop would have been seen."""

import random

import pytest

from analyzer.backtest.detectable import detectable
from analyzer.metrics import metric_named

THUMB = metric_named("thumb")


def thumbs(n: int, share: float = 0.85) -> list[float]:
    rng = random.Random(3)
    return [float(rng.random() < share) for _ in range(n)]


def test_more_values_see_smaller_drops() -> None:
    few, many = (detectable(thumbs(n), THUMB) for n in (400, 2000))
    assert few.drop is not None
    assert many.drop is not None
    assert THUMB.floor <= many.drop < few.drop
    assert (few.before, few.after, many.before, many.after) == (200, 200, 1000, 1000)


def test_less_spread_sees_smaller_drops() -> None:
    steady = detectable([0.8] * 800, THUMB)
    wide = detectable(thumbs(800, 0.8), THUMB)
    assert steady.drop is not None
    assert wide.drop is not None
    assert steady.drop < wide.drop


@pytest.mark.parametrize("n", [0, 1, 30, 199])
def test_too_few_values_see_nothing(n: int) -> None:
    assert detectable(thumbs(n), THUMB).drop is None


def test_the_same_values_give_the_same_answer() -> None:
    values = thumbs(600)
    assert detectable(values, THUMB) == detectable(values, THUMB)
