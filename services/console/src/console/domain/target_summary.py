"""What the overview says of each target (pure)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from console.domain.sparkline import Spark, spark

Item = Mapping[str, Any]
_RUNNING = frozenset({"error_rate", "latency_ms", "cost_usd"})
_WORST_FIRST = ("regressed", "direction not declared", "inconclusive", "no baseline yet", "no data", "holds")
_COMPARED = frozenset({"regressed", "inconclusive", "holds"})


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of a target: the version in use, how good it is, what is known of it, and its course.

    `by_itself`: no version before it is known, so it is compared with its own earlier values.
    """

    metric: str
    unit: str | None
    verdict: str
    measurement: Mapping[str, Any]
    identity: str
    by_itself: bool
    spark: Spark | None


@dataclass(frozen=True, slots=True)
class TargetSummary:
    name: str
    metrics: tuple[MetricRow, ...]
    unreviewed: int
    open: int


def targets(
    quality: Sequence[Item], series: Sequence[Item], regressions: Sequence[Item], prompts: Sequence[Item]
) -> list[TargetSummary]:
    """By name. `series` are the newest windows of each metric, oldest first: the last one's version is in use."""
    courses: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for window in series:
        courses[window["target"], window["metric"]].append(window)
    streams: dict[str, dict[str, list[Item]]] = defaultdict(lambda: defaultdict(list))
    for item in quality:
        streams[item["target"]][item["metric"]].append(item)
    return [
        TargetSummary(
            name,
            tuple(_row(metric, items, courses[name, metric]) for metric, items in sorted(metrics.items(), key=_rank)),
            _unreviewed(name, prompts),
            sum(regression["target"] == name for regression in regressions),
        )
        for name, metrics in sorted(streams.items())
    ]


def _row(metric: str, items: Sequence[Item], course: Sequence[Item]) -> MetricRow:
    used, course = _in_use(course)
    item = next((item for item in items if item["identity"] == used), None)
    if item is None:
        item = min(items, key=lambda it: (_WORST_FIRST.index(it["verdict"]), -it["measurement"]["n"]))
    by_itself = item["verdict"] in _COMPARED and item["compared_with"] in (None, item["identity"])
    return MetricRow(
        metric,
        item.get("unit"),
        item["verdict"],
        item["measurement"],
        item["identity"],
        by_itself,
        spark(_whole(course)),
    )


def _in_use(course: Sequence[Item]) -> tuple[str | None, Sequence[Item]]:
    """The version that came last, and the course without what others still had to say after it came."""
    seen: dict[str, list[str]] = {}
    for window in course:
        seen.setdefault(str(window["start"]), []).append(window["identity"])
    starts = sorted(seen)
    if not starts:
        return None, course
    earlier = seen[starts[-2]] if len(starts) > 1 else []
    latest = seen[starts[-1]]
    used = next((identity for identity in reversed(latest) if identity not in earlier), latest[-1])
    came = next((start for start in reversed(starts) if used not in seen[start]), "")
    return used, [it for it in course if it["identity"] == used or str(it["start"]) <= came]


def _rank(metric: tuple[str, object]) -> tuple[int, str]:
    """What people said comes first, then what their conduct says, then how the app ran."""
    name = metric[0]
    return (2 if name in _RUNNING else 1 if name.startswith("implicit.") else 0), name


def _whole(course: Sequence[Item]) -> Sequence[Item]:
    """Without the newest window while it holds few values: it looks like a fall or a rise, and is neither."""
    if len(course) > 2 and course[-1]["n"] < median(window["n"] for window in course) / 2:
        return course[:-1]
    return course


def _unreviewed(target: str, prompts: Iterable[Item]) -> int:
    return sum(seen["target"] == target and not seen["reviewed"] for prompt in prompts for seen in prompt["observed"])
