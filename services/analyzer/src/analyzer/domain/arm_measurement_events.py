"""Sums of the values of executions that a rollout assigned to an arm (pure).

They are reported at once, without state: a rollout must not wait for a full window. A window is at most 10 seconds of
the executions' time, so that each step of a rollout has its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

from analyzer.domain.model import Metric, Reading, Use
from analyzer.domain.streams.sums import MICROS, Sums, measurement
from shared.events.quality import ArmChanges, GroupChanges, QualityMeasured, Window
from shared.statistics.unit_groups import GROUPS

ARMS = frozenset({"base", "candidate", "unassigned"})
_WINDOW_S = 10


@dataclass(slots=True)
class GroupedSums:
    """Sums by groups of users or sessions; an execution without id is a unit by itself."""

    groups: dict[int, Sums] = field(default_factory=dict)
    named: bool = False

    def replace(self, identity: str | None, reading: Reading) -> None:
        """Add a reading of the user or session with this id."""
        self.named = self.named or bool(identity)
        group = unit_group(identity or reading.facts.execution_id)
        self.groups.setdefault(group, Sums()).replace(reading.former, reading.value)

    def changes(self) -> GroupChanges:
        """Return the changes by group; none if no execution had an id."""
        found = sorted(self.groups.items()) if self.named else ()
        return tuple((group, sums.n, sums.total / MICROS) for group, sums in found if sums.n or sums.total)


class ArmWindow(NamedTuple):
    """Values of one metric of one prompt version in one arm, of executions in one period of 10 s."""

    scope: tuple[str, str, str]
    metric: Metric
    use: Use
    arm: str
    period: int


@dataclass(slots=True)
class ArmValues:
    """The values of a window in a batch: new ones, and all changes with those that they correct."""

    new: Sums = field(default_factory=Sums)
    changes: Sums = field(default_factory=Sums)
    users: GroupedSums = field(default_factory=GroupedSums)
    sessions: GroupedSums = field(default_factory=GroupedSums)
    start: float = float("inf")
    end: float = float("-inf")

    def add(self, reading: Reading) -> None:
        """Add a reading."""
        if reading.value is not None and reading.former is None:
            self.new.add(reading.value)
        self.changes.replace(reading.former, reading.value)
        self.users.replace(reading.facts.user, reading)
        self.sessions.replace(reading.facts.session, reading)
        self.start, self.end = min(self.start, reading.at), max(self.end, reading.at)


def quality_measured_events(readings: Iterable[Reading]) -> list[QualityMeasured]:
    """Return what a batch of readings says about the arms of rollouts. Undeclared metrics have no better direction."""
    windows: dict[ArmWindow, ArmValues] = {}
    for reading in readings:
        arm = reading.facts.arm
        if arm is None or arm not in ARMS or reading.metric.direction == "undeclared":
            continue
        dimension = reading.dimension
        scope = (dimension.project, dimension.environment, dimension.target)
        for use in reading.uses:
            window = ArmWindow(scope, reading.metric, use, arm, int(reading.at // _WINDOW_S))
            windows.setdefault(window, ArmValues()).add(reading)
    return [_event(window, values) for window, values in windows.items()]


def unit_group(identity: str) -> int:
    """Return the group of a user, session or execution: the 32-bit BLAKE2b of its id, modulo 1,024."""
    return int.from_bytes(blake2b(identity.encode(), digest_size=4).digest()) % GROUPS


def _event(window: ArmWindow, values: ArmValues) -> QualityMeasured:
    project, environment, target = window.scope
    changes, compared = values.changes, window.arm != "unassigned"
    return QualityMeasured(
        project=project,
        environment=environment,
        target=target,
        prompt=window.use.prompt,
        identity=window.use.identity,
        metric=window.metric.name,
        direction=window.metric.direction,
        window=Window(start=datetime.fromtimestamp(values.start, UTC), end=datetime.fromtimestamp(values.end, UTC)),
        measurement=measurement(values.new, window.metric),
        arm=window.arm,
        arm_sums=ArmChanges(
            n=changes.n,
            total=changes.total / MICROS,
            squares=changes.squares / (MICROS * MICROS),
            bounded=window.metric.kind != "real",
            users=values.users.changes() if compared else (),
            sessions=values.sessions.changes() if compared else (),
        ),
    )
