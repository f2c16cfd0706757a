"""A pure model of approvals: the effect of each action of each person, or its rejection."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, TypeVar

T = TypeVar("T")

HUMANS = ("maker", "reviewer", "second")
REVIEWERS = ("reviewer", "second")
ENVIRONMENTS = ("production", "staging")
TEXTS = (1, 2)
GUARDS = frozenset(
    {"scope", "four-eyes", "environment", "open", "verdict", "once", "expiry", "halted", "base", "back", "change"}
)
"""The checks of the boundary. `step` without one of them models a boundary with a defect."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal and its decision. `clock` is "expired" once the decision has expired."""

    author: str
    environment: str
    text: int
    base: int
    state: Literal["open", "approved", "rejected"] = "open"
    decided_by: str = ""
    used: bool = False
    clock: Literal["fresh", "expired"] = "fresh"


@dataclass(frozen=True, slots=True)
class State:
    """`live`, `ran` and `halted` by environment; text 0 means none."""

    proposals: tuple[Proposal | None, ...] = (None, None)
    live: tuple[int, ...] = (0, 0)
    ran: tuple[frozenset[int], ...] = (frozenset(), frozenset())
    halted: tuple[bool, ...] = (False, False)


@dataclass(frozen=True, slots=True)
class Action:
    """An action with `by`'s key for `environment` on the proposal `which`; `text` and `yes` are used by some kinds."""

    kind: Literal["propose", "decide", "promote", "expire", "roll back", "halt", "resume"]
    by: str = ""
    environment: str = ""
    which: int = 0
    text: int = 0
    yes: bool = True


def all_actions() -> Iterator[Action]:
    """Yield every action."""
    for by, environment in product(HUMANS, ENVIRONMENTS):
        for which, text in product((0, 1), TEXTS):
            yield Action("propose", by, environment, which, text)
        for which, yes in product((0, 1), (True, False)):
            yield Action("decide", by, environment, which, yes=yes)
        for text in TEXTS:
            yield Action("roll back", by, environment, text=text)
        yield Action("halt", by, environment)
        yield Action("resume", by, environment)
    for which in (0, 1):
        yield Action("promote", which=which)
        yield Action("expire", which=which)


def step(state: State, action: Action, guards: frozenset[str] = GUARDS) -> State | None:
    """Return the state after an action; None if it is rejected."""
    at = ENVIRONMENTS.index(action.environment) if action.environment else -1
    match action.kind:
        case "propose":
            return _propose(state, action, at, guards)
        case "decide":
            return _decide(state, action, guards)
        case "promote":
            return _promote(state, action, guards)
        case "expire":
            found = state.proposals[action.which]
            if found is None or found.state == "open" or found.used:
                return None
            return _with(state, action.which, replace(found, clock="expired"))
        case "roll back":
            if ("scope" in guards and action.by not in REVIEWERS) or not state.live[at]:
                return None
            if ("back" in guards and action.text not in state.ran[at]) or action.text == state.live[at]:
                return None
            return _live(state, at, action.text)
        case "halt":
            return replace(state, halted=_put(state.halted, at, True))
        case "resume":
            if "scope" in guards and action.by not in REVIEWERS:
                return None
            return replace(state, halted=_put(state.halted, at, False))


def _propose(state: State, action: Action, at: int, guards: frozenset[str]) -> State | None:
    if state.proposals[action.which] is not None or ("change" in guards and action.text == state.live[at]):
        return None
    return _with(state, action.which, Proposal(action.by, action.environment, action.text, state.live[at]))


def _decide(state: State, action: Action, guards: frozenset[str]) -> State | None:
    found = state.proposals[action.which]
    if found is None or ("scope" in guards and action.by not in REVIEWERS):
        return None
    if ("environment" in guards and action.environment != found.environment) or (
        "open" in guards and found.state != "open"
    ):
        return None
    if "four-eyes" in guards and action.by == found.author:
        return None
    if "change" in guards and action.yes and state.live[ENVIRONMENTS.index(found.environment)] == found.text:
        return None
    verdict: Literal["approved", "rejected"] = "approved" if action.yes else "rejected"
    by = f"{action.by}/{action.environment}" + (" again" if found.state != "open" else "")
    return _with(state, action.which, replace(found, state=verdict, decided_by=by))


def _promote(state: State, action: Action, guards: frozenset[str]) -> State | None:
    found = state.proposals[action.which]
    if found is None or found.state == "open" or ("verdict" in guards and found.state != "approved"):
        return None
    at = ENVIRONMENTS.index(found.environment)
    if ("once" in guards and found.used) or ("expiry" in guards and found.clock == "expired"):
        return None
    if ("halted" in guards and state.halted[at]) or ("base" in guards and found.base != state.live[at]):
        return None
    return _live(_with(state, action.which, replace(found, used=True)), at, found.text)


def step_violations(before: State, action: Action, after: State) -> list[str]:
    """Return the violations of this step, determined from the two states alone."""
    found: list[str] = []
    moved = [at for at in range(len(ENVIRONMENTS)) if before.live[at] != after.live[at]]
    if action.kind == "roll back":
        at = ENVIRONMENTS.index(action.environment)
        if moved and (action.by not in REVIEWERS or after.live[at] not in before.ran[at]):
            found.append("rollback to a version that was never live, or without permission")
    elif action.kind == "promote":
        proposal = before.proposals[action.which]
        assert proposal is not None
        who, _, where = proposal.decided_by.partition("/")
        at = ENVIRONMENTS.index(proposal.environment)
        good = proposal.state == "approved" and who in REVIEWERS and who != proposal.author
        good = good and where == proposal.environment and not proposal.used and proposal.clock == "fresh"
        if not good or before.halted[at] or proposal.base != before.live[at] or proposal.text == before.live[at]:
            found.append("promoted without exactly one valid, unused, matching decision, or while halted")
    elif moved:
        found.append(f"{action.kind} changed the live version")
    elif before.halted != after.halted and action.kind == "resume" and action.by not in REVIEWERS:
        found.append("resumed without permission")
    return found


def _live(state: State, at: int, text: int) -> State:
    return replace(state, live=_put(state.live, at, text), ran=_put(state.ran, at, state.ran[at] | {text}))


def _with(state: State, which: int, proposal: Proposal) -> State:
    return replace(state, proposals=_put(state.proposals, which, proposal))


def _put(values: tuple[T, ...], at: int, value: T) -> tuple[T, ...]:
    return (*values[:at], value, *values[at + 1 :])
