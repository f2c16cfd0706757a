"""Sparklines as SVG path data: means with their interval, scaled to their own range."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.domain.json_object import JsonObject

WIDTH, HEIGHT = 150.0, 34.0
_EDGE = 2.0


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Path data for a box of 150 × 34: `line` of the means, `band` of their interval."""

    line: str
    band: str


def sparkline(points: Sequence[JsonObject]) -> Sparkline | None:
    """Return the sparkline of windows with `mean`, `low` and `high`, oldest first; None for fewer than two."""
    if len(points) < 2:
        return None
    lowest, highest = min(point["low"] for point in points), max(point["high"] for point in points)
    size = highest - lowest or 1.0
    step = WIDTH / (len(points) - 1)

    def at(index: int, value: float) -> str:
        return f"{index * step:.1f} {_EDGE + (HEIGHT - 2 * _EDGE) * (highest - value) / size:.1f}"

    means = [at(index, point["mean"]) for index, point in enumerate(points)]
    edge = [at(index, point["high"]) for index, point in enumerate(points)]
    back = [at(index, point["low"]) for index, point in reversed(list(enumerate(points)))]
    return Sparkline("M" + "L".join(means), "M" + "L".join([*edge, *back]) + "Z")
