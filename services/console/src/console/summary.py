"""What the overview says of each target (pure)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.spark import Spark, spark

Item = Mapping[str, Any]
_WORST_FIRST = ("regressed", "inconclusive", "no data", "holds")


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of a target: the version in use, how good it is, what is known of it, and its course."""

    metric: str
    verdict: str
    measurement: Mapping[str, Any]
    identity: str
    delta_pp: float | None
    spark: Spark | None


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    metrics: tuple[MetricRow, ...]
    unreviewed: int
    open: int


def targets(
    quality: Sequence[Item], series: Sequence[Item], regressions: Sequence[Item], prompts: Sequence[Item]
) -> list[Target]:
    """By name. `series` are the newest windows of each metric, oldest first: the last one's version is in use."""
    courses: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for window in series:
        courses[window["target"], window["metric"]].append(window)
    streams: dict[str, dict[str, list[Item]]] = defaultdict(lambda: defaultdict(list))
    for item in quality:
        streams[item["target"]][item["metric"]].append(item)
    return [
        Target(
            name,
            tuple(_row(metric, items, courses[name, metric]) for metric, items in sorted(metrics.items())),
            _unreviewed(name, prompts),
            sum(regression["target"] == name for regression in regressions),
        )
        for name, metrics in sorted(streams.items())
    ]


def _row(metric: str, items: Sequence[Item], course: Sequence[Item]) -> MetricRow:
    used = course[-1]["identity"] if course else None
    item = next((item for item in items if item["identity"] == used), None)
    if item is None:
        item = min(items, key=lambda it: (_WORST_FIRST.index(it["verdict"]), -it["measurement"]["n"]))
    return MetricRow(metric, item["verdict"], item["measurement"], item["identity"], item["delta_pp"], spark(course))


def _unreviewed(target: str, prompts: Iterable[Item]) -> int:
    return sum(seen["target"] == target and not seen["reviewed"] for prompt in prompts for seen in prompt["observed"])
