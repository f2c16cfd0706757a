"""SVG chart of a metric: means with intervals, regressions shaded, alarms of the threshold rule below."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby

from ratchet.sanitize import visible
from ratchet_backtest import phrases as phrases
from ratchet_backtest.report import ChartPoint, FileLocation, FoundRegression, Result

_WIDTH, _LEFT, _RIGHT = 960, 56, 16
_TOP, _HEIGHT = 16, 220
_ALARMS = _TOP + _HEIGHT + 14
_VERSIONS = _ALARMS + 16
_LABELS = _VERSIONS + 38
_TOTAL = _LABELS + 10
_CHARACTER = 7.5
_GAP = 0.08


def safe(text: object, most: int = 120) -> str:
    """Return a text escaped for HTML, with invisible characters spelled out, cut at `most` characters."""
    plain = visible(str(text))
    return escape(plain if len(plain) <= most else plain[: most - 1] + "…", quote=True)


@dataclass(frozen=True, slots=True)
class ChartFrame:
    """Coordinates of positions and values."""

    last: int
    low: float
    high: float

    def x(self, position: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * position / max(self.last, 1)

    def y(self, value: float) -> float:
        return _TOP + _HEIGHT * (1.0 - (value - self.low) / (self.high - self.low))


def chart(result: Result, rows: int, unit: str, name: str) -> str:
    """Return the SVG element; `name` must be unique on the page. Empty without values."""
    if not result.course:
        return ""
    frame = _frame(result, rows)
    parts = [
        *(_shade(frame, fall, rows) for fall in result.falls),
        *_grid(frame),
        _band(frame, result.course),
        _line(frame, result.course),
        *(_mark(frame, fall, result, unit) for fall in result.falls),
        *_alarms(frame, result.threshold.locations, unit),
        *_versions(frame, result.course),
        *_ends(frame, result.course, unit),
    ]
    title, description = f"{phrases.title(result)}: {result.verdict}", _described(result, unit)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_TOTAL}" role="img" aria-labelledby="{name}-title {name}-text">'
        f'<title id="{name}-title">{safe(title)}</title><desc id="{name}-text">{safe(description, 600)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def _frame(result: Result, rows: int) -> ChartFrame:
    low = min(step.measured.low for step in result.course)
    high = max(step.measured.high for step in result.course)
    pad = (high - low) * _GAP or 0.5
    return ChartFrame(rows - 1, low - pad, high + pad)


def _described(result: Result, unit: str) -> str:
    first, last = result.course[0], result.course[-1]
    falls = "; ".join(f"regression opened at {phrases.where(fall.detected_at, unit)}" for fall in result.falls)
    return f"From {first.measured.mean:.3g} to {last.measured.mean:.3g}. {falls or phrases.verdict(result)}."


def _shade(frame: ChartFrame, fall: FoundRegression, rows: int) -> str:
    left, right = frame.x(fall.since.position), frame.x(fall.resolved.position if fall.resolved else rows - 1)
    return f'<rect class="fall" x="{left:.1f}" y="{_TOP}" width="{right - left:.1f}" height="{_HEIGHT}"/>'


def _grid(frame: ChartFrame) -> Iterator[str]:
    for value in ticks(frame.low, frame.high):
        y = frame.y(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="axis" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'


def ticks(low: float, high: float) -> list[float]:
    """Return three to seven round numbers between two values."""
    rough = (high - low) / 5
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * times for times in (1, 2, 5, 10) if size * times >= rough)
    return [round(step * count, 12) for count in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _middle(frame: ChartFrame, step: ChartPoint) -> float:
    return frame.x((step.first.position + step.last.position) / 2)


def _band(frame: ChartFrame, course: Iterable[ChartPoint]) -> str:
    steps = list(course)
    upper = [(_middle(frame, step), frame.y(step.measured.high)) for step in steps]
    lower = [(_middle(frame, step), frame.y(step.measured.low)) for step in reversed(steps)]
    return f'<polygon class="band" points="{_points([*upper, *lower])}"/>'


def _line(frame: ChartFrame, course: Iterable[ChartPoint]) -> str:
    means = [(_middle(frame, step), frame.y(step.measured.mean)) for step in course]
    return f'<polyline class="mean" points="{_points(means)}"/>'


def _points(coordinates: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in coordinates)


def _mark(frame: ChartFrame, fall: FoundRegression, result: Result, unit: str) -> str:
    x = frame.x(fall.detected_at.position)
    label = safe(f"opened at {phrases.where(fall.detected_at, unit)}: {phrases.change(fall, result)}")
    return (
        f'<g class="opened"><title>{label}</title><line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_TOP + _HEIGHT}"/>'
        f'<path d="M{x - 6:.1f} {_TOP - 10} h12 l-6 10 z"/></g>'
    )


def _alarms(frame: ChartFrame, locations: Iterable[FileLocation], unit: str) -> Iterator[str]:
    for location in locations:
        x = frame.x(location.position)
        label = safe(f"threshold alarm at {phrases.where(location, unit)}")
        yield f'<path class="alarm" d="M{x:.1f} {_ALARMS - 8} l4 8 h-8 z"><title>{label}</title></path>'


def _versions(frame: ChartFrame, course: Iterable[ChartPoint]) -> Iterator[str]:
    """Yield the strip of versions, by the last value of each point."""
    for index, (version, found) in enumerate(groupby(course, key=lambda step: step.version)):
        if version is None:
            continue
        steps = list(found)
        left, right = frame.x(steps[0].first.position), frame.x(steps[-1].last.position)
        yield (
            f'<g><title>{safe(version)}</title><rect class="version v{index % 2}" x="{left:.1f}" y="{_VERSIONS}" '
            f'width="{max(right - left, 1):.1f}" height="18"/>'
        )
        room = int((right - left - 8) / _CHARACTER)
        if room >= 3:
            yield f'<text class="axis" x="{left + 4:.1f}" y="{_VERSIONS + 13}">{safe(version, room)}</text>'
        yield "</g>"


def _ends(frame: ChartFrame, course: Iterable[ChartPoint], unit: str) -> Iterator[str]:
    steps = list(course)
    for location, x, anchor in (
        (steps[0].first, _LEFT, "start"),
        (steps[len(steps) // 2].first, frame.x(steps[len(steps) // 2].first.position), "middle"),
        (steps[-1].last, _WIDTH - _RIGHT, "end"),
    ):
        label = location.time[:10] if location.time else phrases.where(location, unit)
        yield f'<text class="axis" x="{x:.1f}" y="{_LABELS}" text-anchor="{anchor}">{safe(label)}</text>'
