"""Every order of actions on two proposals by three people in two environments, in the model of the boundary.

Depth 4 in `make test`, 12 with RATCHET_SOAK=1. That PostgreSQL does what the model says is held by
tests/integration/gatekeeper/test_approvals.py.
"""

from collections.abc import Sequence

import pytest

from tests.support.approvals import GUARDS, Action, State, all_actions, step, step_violations
from tests.support.soak import scaled

ACTS = tuple(all_actions())


HERE = tuple(action for action in ACTS if action.environment != "staging")
NOTHING = State()
BOTH_RAN = State(live=(1, 0), ran=(frozenset({1, 2}), frozenset()))


def search(
    depth: int, guards: frozenset[str] = GUARDS, tried: Sequence[Action] = ACTS, start: State = NOTHING
) -> tuple[int, str | None]:
    """The number of states within `depth` steps, and the first fault on the way."""
    seen, edge = {start}, [start]
    for _ in range(depth):
        following: list[State] = []
        for state in edge:
            for action in tried:
                after = step(state, action, guards)
                if after is None:
                    continue
                if found := step_violations(state, action, after):
                    return len(seen), f"{action}: {found}"
                if after not in seen:
                    seen.add(after)
                    following.append(after)
        edge = following
    return len(seen), None


def test_no_order_of_actions_violates_the_invariant() -> None:
    states, fault = search(scaled(4, 12))
    print(f"{states} states")
    assert fault is None
    assert states > 2_000


@pytest.mark.parametrize("guard", sorted(GUARDS - {"change"}))
def test_each_guard_of_the_model_is_needed(guard: str) -> None:
    """Without it there is a way, within five steps, to what no boundary allows."""
    tried = ACTS if guard == "environment" else HERE
    starts = (NOTHING, BOTH_RAN)
    assert any(search(5 if start is BOTH_RAN else 4, GUARDS - {guard}, tried, start)[1] for start in starts)
