"""Steps of a bisection: replayed from stored probes, they come to the result of a bisection in one go."""

import json

from hypothesis import given
from hypothesis import strategies as st

from evaluator.domain.bisection_steps import NextProbe, ProbeKey, comparison_from_json, comparison_to_json, next_step
from ratchet_evaluation.domain.bisection import Hunks, bisect_hunks
from ratchet_evaluation.domain.statistics.comparison import ComparisonResult, PairedComparison


def compare(hunks: Hunks, limit: int, harmful: set[int]) -> ComparisonResult:
    """Return a comparison in which each harmful change costs 40 pp."""
    comparison = PairedComparison("not-worse", 0.1)
    for case in range(limit):
        comparison.add(-1.0 if hunks & harmful and case % 5 < 2 else 0.0)
        if comparison.decided:
            break
    return comparison.result()


@given(st.integers(2, 8), st.data())
def test_replayed_steps_are_the_bisection(count: int, data: st.DataObject) -> None:
    harmful = data.draw(st.sets(st.integers(0, count - 1), max_size=3))
    completed: dict[ProbeKey, ComparisonResult] = {}
    while isinstance(step := next_step(count, completed, 80, 0.1), NextProbe):
        assert (step.hunks, step.clusters) not in completed, "nothing is probed twice"
        stored = json.dumps(comparison_to_json(compare(step.hunks, step.clusters, harmful)))
        completed[(step.hunks, step.clusters)] = comparison_from_json(json.loads(stored))
    assert step == bisect_hunks(count, lambda hunks, limit: compare(hunks, limit, harmful), 80, 0.1)
    assert {each.hunk for each in step.causal} == harmful
