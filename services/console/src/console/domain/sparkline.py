"""A sparkline as SVG path data (pure): means with their interval, on a scale of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 150.0, 34.0
_EDGE = 2.0


@dataclass(frozen=True, slots=True)
class Spark:
    """`line` is the means, `band` their interval; both for a box of 150 × 34."""

    line: str
    band: str


def spark(points: Sequence[Mapping[str, Any]]) -> Spark | None:
    """From windows with `mean`, `low` and `high`, oldest first; None for fewer than two: nothing to draw a line by."""
    if len(points) < 2:
        return None
    least, most = min(point["low"] for point in points), max(point["high"] for point in points)
    size = most - least or 1.0
    step = WIDTH / (len(points) - 1)

    def at(place: int, value: float) -> str:
        return f"{place * step:.1f} {_EDGE + (HEIGHT - 2 * _EDGE) * (most - value) / size:.1f}"

    means = [at(place, point["mean"]) for place, point in enumerate(points)]
    edge = [at(place, point["high"]) for place, point in enumerate(points)]
    back = [at(place, point["low"]) for place, point in reversed(list(enumerate(points)))]
    return Spark("M" + "L".join(means), "M" + "L".join([*edge, *back]) + "Z")
