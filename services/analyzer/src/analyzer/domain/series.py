"""Time windows of measured values: additions of a batch, window widths for charts, and sums by arm of rollouts.

Values of an arm are reported at once, without state: a rollout must not wait for a full window. Such a window is at
most 10 seconds of the executions' time, so that each step of a rollout has its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

from analyzer.domain.model import Metric, PromptMetric, Reading, StreamKey, Use
from analyzer.domain.streams.sums import MICROS, Sums, measurement
from analyzer.domain.value_columns import ValueColumns
from shared.events.quality import ArmChanges, GroupChanges, QualityMeasured, Window
from shared.statistics.unit_groups import GROUPS

FINE, COARSE = 5, 300
"""Seconds of a stored window: of the last six hours, and of older ones."""
FINE_FOR, KEPT_FOR = 6 * 3600, 30 * 86_400
"""Seconds after which windows are merged, and after which they are deleted."""
ENOUGH = 25
"""Average number of values in a shown window; with fewer, an interval spans nearly the whole scale."""
_STEPS = (FINE, 10, 15, 20, 30, 60, 120, COARSE, 900, 3600, 6 * 3600, 86_400, 5 * 86_400, KEPT_FOR)


class WindowKey(NamedTuple):
    """The window of a stream that starts at the Unix time `start` and lasts `seconds`."""

    stream: StreamKey
    start: int
    seconds: int


def windowed_sums(batch: Iterable[ValueColumns]) -> dict[WindowKey, Sums]:
    """Return what values add to the windows, without executions older than the retention.

    The window of a value is that of its execution, by the app's clock, so a replaced feedback is removed from the
    window that holds it, in any order. A value that is summed in both directions counts once.
    """
    windows: dict[WindowKey, Sums] = defaultdict(Sums)
    for columns in batch:
        if columns.metric.mirrored and columns.metric.direction == "undeclared":
            continue
        dimension = columns.dimension._replace(mirrored=False)
        uses = {number: columns.groups[number].uses for number in dict.fromkeys(columns.group)}
        numbers = {each: index for index, each in enumerate(dict.fromkeys(uses.values()))}
        streams = [[StreamKey(PromptMetric(dimension, use.prompt), use.identity) for use in each] for each in numbers]
        indices = {number: numbers[each] for number, each in uses.items()}
        for (index, start, seconds), sums in _sums_by_window(columns, indices).items():
            for stream in streams[index]:
                windows[WindowKey(stream, start, seconds)].merge(sums)
    return windows


def _sums_by_window(columns: ValueColumns, indices: Mapping[int, int]) -> dict[tuple[int, int, int], Sums]:
    """Return the sums by index of the value's group, start and seconds; on the scale of the usual direction."""
    found: dict[tuple[int, int, int], Sums] = defaultdict(Sums)
    metric, corrections = columns.metric, columns.corrections
    rows = zip(columns.group, columns.values, columns.at, columns.received, strict=True)
    for row, (number, value, at, received) in enumerate(rows):
        age = received - at
        if age > KEPT_FOR:
            continue
        seconds = FINE if age <= FINE_FOR else COARSE
        sums = found[indices[number], int(at // seconds) * seconds, seconds]
        if row in corrections:
            former, new = corrections[row]
            sums.replace(_usual(former, metric), _usual(new, metric))
        else:
            sums.add(_on_usual_scale(value, metric) if metric.mirrored else value)
    return found


def _usual(value: float | None, metric: Metric) -> float | None:
    """Return a value on the scale of the usual direction, so that windows stay valid after a declaration."""
    return value if value is None or not metric.mirrored else _on_usual_scale(value, metric)


def _on_usual_scale(value: float, metric: Metric) -> float:
    """Return a value of the opposite direction on the scale of the usual one."""
    return -value if metric.kind == "real" else 1.0 - value


class Extent(NamedTuple):
    """Data between two Unix times: `n` values in `rows` windows, with `moments` different start times.

    `active` is the number of seconds without gaps; a gap counts for at most twelve windows.
    """

    start: int
    end: int
    n: int
    active: int
    rows: int = 1
    moments: int = 1


def width(extent: Extent, limit: int | None = None) -> int:
    """Return the seconds of a window: the fewest for 25 values on average and for about 90 % of `limit` rows.

    The other rows are for windows with several versions and for windows that are cut by a gap.
    """
    versions = extent.rows / extent.moments
    enough = ENOUGH * extent.active * versions / max(extent.n, 1)
    room = extent.active * versions / (0.9 * limit) if limit else 0.0
    return next((step for step in _STEPS if step >= max(enough, room)), _STEPS[-1])


def wider(seconds: int) -> int | None:
    """Return the next width; None after the last one."""
    return next((step for step in _STEPS if step > seconds), None)


def window_start(moment: float, seconds: int) -> int:
    """Return the start of the window that contains the Unix time `moment`."""
    return int(moment // seconds) * seconds


def split_page(windows: Sequence[tuple[int, int]], limit: int) -> tuple[int, int | None]:
    """Return the number of rows of a page of `limit`, and the Unix time at which the next page starts, if any.

    `windows` has start and seconds of each row, in order. Rows of the same start stay on one page; of a start with more
    rows than a page holds, the rest is omitted.
    """
    if len(windows) <= limit:
        return len(windows), None
    cut, _ = windows[limit]
    whole = next(index for index, (start, _) in enumerate(windows) if start == cut)
    if whole:
        return whole, cut
    return limit, cut + max(seconds for _, seconds in windows)


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
