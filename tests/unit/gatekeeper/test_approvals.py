"""Every sequence of actions on two proposals by three people in two environments, in the model of the boundary.

Depth 4 in `make test`, 12 with RATCHET_SOAK=1. tests/integration/gatekeeper/test_approvals.py shows that PostgreSQL
conforms to the model.
"""

from collections.abc import Sequence

import pytest

from tests.support.approvals import GUARDS, Action, State, all_actions, step, step_violations
from tests.support.soak import scaled

ACTIONS = tuple(all_actions())


PRODUCTION_ACTIONS = tuple(action for action in ACTIONS if action.environment != "staging")
NOTHING = State()
BOTH_RAN = State(live=(1, 0), ran=(frozenset({1, 2}), frozenset()))


def search(
    depth: int, guards: frozenset[str] = GUARDS, actions: Sequence[Action] = ACTIONS, start: State = NOTHING
) -> tuple[int, str | None]:
    """Return the number of states within `depth` steps, and the first violation."""
    seen, edge = {start}, [start]
    for _ in range(depth):
        following: list[State] = []
        for state in edge:
            for action in actions:
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
    """Without the guard, a violation is reachable within five steps."""
    actions = ACTIONS if guard == "environment" else PRODUCTION_ACTIONS
    starts = (NOTHING, BOTH_RAN)
    assert any(search(5 if start is BOTH_RAN else 4, GUARDS - {guard}, actions, start)[1] for start in starts)
