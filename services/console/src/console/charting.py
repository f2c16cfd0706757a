"""What a regression's chart shows (pure), as the script takes it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from console.telling import short

Item = Mapping[str, Any]


def chart(regression: Item, windows: Sequence[Item], unit: str) -> str | None:
    """JSON: `data` as columns (seconds, low, high, mean, n), `marks` where versions begin, `change` as two seconds.

    None where fewer than two windows are known.
    """
    if len(windows) < 2:
        return None
    points = sorted(windows, key=lambda window: window["end"])
    columns = [
        [_seconds(point["end"]) for point in points],
        *([point[part] for point in points] for part in ("low", "high", "mean", "n")),
    ]
    change = regression["change"]
    return json.dumps(
        {
            "label": regression["metric"],
            "unit": unit,
            "data": columns,
            "marks": _marks(points),
            "change": [_seconds(change["low"]), _seconds(change["high"])] if change else None,
        }
    )


def _marks(points: Sequence[Item]) -> list[dict[str, Any]]:
    """Where a version is seen for the first time; the first window's own is where the picture begins."""
    seen: set[str] = {points[0]["identity"]}
    marks = []
    for point in points:
        if point["identity"] not in seen:
            seen.add(point["identity"])
            marks.append({"at": _seconds(point["start"]), "label": short(point["identity"])})
    return marks


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
