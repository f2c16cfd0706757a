"""The state machine of rollouts: every sequence of changes, by everybody, in all circumstances."""

from itertools import product
from typing import get_args

from gatekeeper.domain.rollout import ChangeKind
from gatekeeper.domain.rollout_plan import ALL, GuardedMetric, RolloutPlan, Step
from tests.support.rollout_machine import Actor, Circumstances, Position, apply_change

PLAN = RolloutPlan(
    "user", tuple(Step(weight, 100, 60) for weight in (100, 500, 2_500, 5_000)), (GuardedMetric("thumb", 300),)
)
CIRCUMSTANCES = [Circumstances(*flags) for flags in product((True, False), repeat=4)]
CHANGES: tuple[ChangeKind, ...] = get_args(ChangeKind)
ACTORS: tuple[Actor, ...] = get_args(Actor)


def test_exhaustive_search_finds_no_way_past_the_approval_and_the_plan() -> None:
    """Each position that can be reached, with each change by each actor in all circumstances."""
    seen, waiting, tried = {Position()}, [Position()], 0
    while waiting:
        before = waiting.pop()
        for change, actor, given in product(CHANGES, ACTORS, CIRCUMSTANCES):
            tried += 1
            after = apply_change(PLAN, before, change, actor, given)
            if after is None:
                continue
            check(before, change, actor, given, after)
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    assert {position.state for position in seen} == {None, "running", "paused", "live", "rolled_back", "superseded"}
    assert (len(seen), tried) == (18, 18 * 7 * 3 * 16)


def check(before: Position, change: ChangeKind, actor: Actor, given: Circumstances, after: Position) -> None:
    """Check one change that is possible."""
    planned = {0: (0,), **{step.weight: (number,) for number, step in enumerate(PLAN.steps)}, ALL: (4,)}
    assert after.weight in planned
    assert after.weight == 0 or after.step in planned[after.weight]
    assert before.state not in ("live", "rolled_back", "superseded"), "an end is an end"
    if after.weight > before.weight:
        assert given.base_live
        assert not given.halted
        assert after.step == before.step + 1, "one step at a time"
        assert actor != "author" or before.state is None
        assert actor != "gatekeeper" or before.state is None or given.min_time_passed
    if before.state is None:
        assert (change, actor, given.authorised) == ("started", "gatekeeper", True)
    if before.state == "paused" and after.state == "running":
        assert actor == "reviewer", "only a person resumes"


def test_an_open_rollout_can_always_be_rolled_back() -> None:
    for step, state, actor, given in product(range(4), ("running", "paused"), ACTORS, CIRCUMSTANCES):
        position = Position(state, step, PLAN.steps[step].weight)  # type: ignore[arg-type]
        assert apply_change(PLAN, position, "rolled_back", actor, given) == Position("rolled_back", step, 0)
