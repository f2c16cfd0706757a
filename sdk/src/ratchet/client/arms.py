"""The arm of a rollout that a call gets: the candidate for a part of the units, else the base. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ratchet.client.values import InvalidValue, identifier
from ratchet.prompt import Prompt
from ratchet.prompt.buckets import is_candidate

Arm = Literal["base", "candidate", "unassigned"]
"""`unassigned`: a rollout is going on, but the call has no id of its unit, so it gets the base."""
Examples = Mapping[str, Sequence[Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class CandidateArm:
    """A verified candidate served next to a live prompt, for `weight` of 10,000 buckets of a `unit`."""

    rollout_id: str
    weight: int
    salt: str
    unit: str
    prompt: Prompt
    examples: Examples


class Units(NamedTuple):
    """Whose call it is. `call` is a random id, by which a plan without users or sessions assigns each call."""

    user: object = None
    session: object = None
    call: str = ""


def assign_arm(arms: CandidateArm, units: Units) -> Arm:
    """Return the arm of a call; the same for all calls of a unit."""
    value = {"user": units.user, "session": units.session, "execution": units.call}.get(arms.unit)
    try:
        unit_id = identifier(value)
    except InvalidValue:
        unit_id = None
    if not unit_id:
        return "unassigned"
    return "candidate" if is_candidate(arms.salt, unit_id, arms.weight) else "base"


def arm_of(arms: Sequence[str | None]) -> str | None:
    """Return the arm of an execution by those of its prompts: that of the only one in a rollout, else none."""
    found = [arm for arm in arms if arm is not None]
    return found[0] if len(found) == 1 else None
