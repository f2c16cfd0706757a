"""Real judgements of nine systems, all ordered pairs as declared switches, with at most 250 values a side."""

from itertools import permutations
from statistics import fmean

import pytest

from analyzer.detection import Monitor, Settings
from tests.support.quality import frank
from tests.support.watching import reference

POLICY = Settings()


def answers(before: list[float], after: list[float]) -> list[str]:
    """What was said after each value from the hundredth on, up to a regression."""
    monitor = Monitor("bounded", POLICY, reference=reference("bounded", before))
    said: list[str] = []
    for at, value in enumerate(after, 1):
        monitor.observe(value)
        if at >= POLICY.minimum:
            said.append(monitor.finding().answer)
            if said[-1] == "regressed":
                break
    return said


@pytest.fixture(scope="module")
def pairs() -> list[tuple[float, list[str]]]:
    """The true drop of each pair, and what was said."""
    judged = frank()
    return [(fmean(judged[a]) - fmean(judged[b]), answers(judged[a], judged[b])) for a, b in permutations(judged, 2)]


def test_large_drops_are_found_with_the_fewest_values_that_may_conclude(pairs: list[tuple[float, list[str]]]) -> None:
    large = [said for drop, said in pairs if drop >= 0.15]
    assert len(large) == 27
    assert all(said == ["regressed"] for said in large)


def test_smaller_drops_are_found_or_inconclusive_and_never_fine(pairs: list[tuple[float, list[str]]]) -> None:
    middle = [said for drop, said in pairs if 0.05 <= drop < 0.15]
    assert middle
    assert all(set(said) <= {"regressed", "inconclusive"} for said in middle)


def test_improvements_hold(pairs: list[tuple[float, list[str]]]) -> None:
    assert all(said[-1] == "holds" for drop, said in pairs if drop <= -0.15)


def test_disjoint_halves_of_one_system_are_silent() -> None:
    for values in frank().values():
        middle = len(values) // 2
        for one, other in ((values[:middle], values[middle:]), (values[::2], values[1::2])):
            assert "regressed" not in answers(one, other)
            assert "regressed" not in answers(other, one)
