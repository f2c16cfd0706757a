"""A pure model of approvals: the effect of each action of each person, or its refusal."""

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
"""What the boundary checks. `step` without one of them is a boundary with a hole."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal and what was decided. `clock`: "fresh" until its decision is past its time."""

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
    """`live`, `ran` and `halted` by environment; 0 is no text."""

    proposals: tuple[Proposal | None, ...] = (None, None)
    live: tuple[int, ...] = (0, 0)
    ran: tuple[frozenset[int], ...] = (frozenset(), frozenset())
    halted: tuple[bool, ...] = (False, False)


@dataclass(frozen=True, slots=True)
class Act:
    """An action with the key of `by` in `environment` on the proposal `which`; `text` and `yes` if they matter."""

    kind: Literal["propose", "decide", "promote", "expire", "roll back", "halt", "resume"]
    by: str = ""
    environment: str = ""
    which: int = 0
    text: int = 0
    yes: bool = True


def acts() -> Iterator[Act]:
    """Yield every action."""
    for by, environment in product(HUMANS, ENVIRONMENTS):
        for which, text in product((0, 1), TEXTS):
            yield Act("propose", by, environment, which, text)
        for which, yes in product((0, 1), (True, False)):
            yield Act("decide", by, environment, which, yes=yes)
        for text in TEXTS:
            yield Act("roll back", by, environment, text=text)
        yield Act("halt", by, environment)
        yield Act("resume", by, environment)
    for which in (0, 1):
        yield Act("promote", which=which)
        yield Act("expire", which=which)


def step(state: State, act: Act, guards: frozenset[str] = GUARDS) -> State | None:
    """Return the state after an action; None if it is refused."""
    at = ENVIRONMENTS.index(act.environment) if act.environment else -1
    match act.kind:
        case "propose":
            return _propose(state, act, at, guards)
        case "decide":
            return _decide(state, act, guards)
        case "promote":
            return _promote(state, act, guards)
        case "expire":
            found = state.proposals[act.which]
            if found is None or found.state == "open" or found.used:
                return None
            return _with(state, act.which, replace(found, clock="expired"))
        case "roll back":
            if ("scope" in guards and act.by not in REVIEWERS) or not state.live[at]:
                return None
            if ("back" in guards and act.text not in state.ran[at]) or act.text == state.live[at]:
                return None
            return _live(state, at, act.text)
        case "halt":
            return replace(state, halted=_put(state.halted, at, True))
        case "resume":
            if "scope" in guards and act.by not in REVIEWERS:
                return None
            return replace(state, halted=_put(state.halted, at, False))


def _propose(state: State, act: Act, at: int, guards: frozenset[str]) -> State | None:
    if state.proposals[act.which] is not None or ("change" in guards and act.text == state.live[at]):
        return None
    return _with(state, act.which, Proposal(act.by, act.environment, act.text, state.live[at]))


def _decide(state: State, act: Act, guards: frozenset[str]) -> State | None:
    found = state.proposals[act.which]
    if found is None or ("scope" in guards and act.by not in REVIEWERS):
        return None
    if ("environment" in guards and act.environment != found.environment) or (
        "open" in guards and found.state != "open"
    ):
        return None
    if "four-eyes" in guards and act.by == found.author:
        return None
    if "change" in guards and act.yes and state.live[ENVIRONMENTS.index(found.environment)] == found.text:
        return None
    verdict: Literal["approved", "rejected"] = "approved" if act.yes else "rejected"
    by = f"{act.by}/{act.environment}" + (" again" if found.state != "open" else "")
    return _with(state, act.which, replace(found, state=verdict, decided_by=by))


def _promote(state: State, act: Act, guards: frozenset[str]) -> State | None:
    found = state.proposals[act.which]
    if found is None or found.state == "open" or ("verdict" in guards and found.state != "approved"):
        return None
    at = ENVIRONMENTS.index(found.environment)
    if ("once" in guards and found.used) or ("expiry" in guards and found.clock == "expired"):
        return None
    if ("halted" in guards and state.halted[at]) or ("base" in guards and found.base != state.live[at]):
        return None
    return _live(_with(state, act.which, replace(found, used=True)), at, found.text)


def faults(before: State, act: Act, after: State) -> list[str]:
    """What of this step no boundary allows, judged from the two states alone."""
    found: list[str] = []
    moved = [at for at in range(len(ENVIRONMENTS)) if before.live[at] != after.live[at]]
    if act.kind == "roll back":
        at = ENVIRONMENTS.index(act.environment)
        if moved and (act.by not in REVIEWERS or after.live[at] not in before.ran[at]):
            found.append("went back to what never ran, or by nobody who may")
    elif act.kind == "promote":
        proposal = before.proposals[act.which]
        assert proposal is not None
        who, _, where = proposal.decided_by.partition("/")
        at = ENVIRONMENTS.index(proposal.environment)
        good = proposal.state == "approved" and who in REVIEWERS and who != proposal.author
        good = good and where == proposal.environment and not proposal.used and proposal.clock == "fresh"
        if not good or before.halted[at] or proposal.base != before.live[at] or proposal.text == before.live[at]:
            found.append("went live without one valid, unused, fitting decision while nothing was halted")
    elif moved:
        found.append(f"{act.kind} moved what is live")
    elif before.halted != after.halted and act.kind == "resume" and act.by not in REVIEWERS:
        found.append("resumed by nobody who may")
    return found


def _live(state: State, at: int, text: int) -> State:
    return replace(state, live=_put(state.live, at, text), ran=_put(state.ran, at, state.ran[at] | {text}))


def _with(state: State, which: int, proposal: Proposal) -> State:
    return replace(state, proposals=_put(state.proposals, which, proposal))


def _put(values: tuple[T, ...], at: int, value: T) -> tuple[T, ...]:
    return (*values[:at], value, *values[at + 1 :])
