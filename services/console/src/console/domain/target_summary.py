"""Summary of each target on the overview."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from console.domain.json_object import JsonObject
from console.domain.sparkline import Sparkline, sparkline
from shared.metric_catalog import built_in, definition_of, is_implicit

_WORST_FIRST = ("regressed", "direction not declared", "inconclusive", "no baseline yet", "no data", "holds")
_COMPARED = frozenset({"regressed", "inconclusive", "holds"})


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of a target: the version in use (`identity`), its measurement and verdict.

    `own_baseline`: no earlier version is known, so the version is compared with its own earlier values.
    """

    metric: str
    unit: str | None
    verdict: str
    measurement: Mapping[str, Any]
    identity: str
    own_baseline: bool
    sparkline: Sparkline | None


@dataclass(frozen=True, slots=True)
class TargetSummary:
    """A target with its metrics, and the numbers of unreviewed versions and open regressions."""

    name: str
    metrics: tuple[MetricRow, ...]
    unreviewed: int
    open: int


def targets(
    quality: Sequence[JsonObject],
    series: Sequence[JsonObject],
    regressions: Sequence[JsonObject],
    prompts: Sequence[JsonObject],
) -> list[TargetSummary]:
    """Return the summaries by name. `series` are the latest windows of each metric, oldest first."""
    windows: dict[tuple[str, str], list[JsonObject]] = defaultdict(list)
    for window in series:
        windows[window["target"], window["metric"]].append(window)
    streams: dict[str, dict[str, list[JsonObject]]] = defaultdict(lambda: defaultdict(list))
    for item in quality:
        streams[item["target"]][item["metric"]].append(item)
    return [
        TargetSummary(
            name,
            tuple(_row(metric, items, windows[name, metric]) for metric, items in sorted(metrics.items(), key=_rank)),
            _unreviewed(name, prompts),
            sum(regression["target"] == name for regression in regressions),
        )
        for name, metrics in sorted(streams.items())
    ]


def _row(metric: str, items: Sequence[JsonObject], windows: Sequence[JsonObject]) -> MetricRow:
    used, windows = _version_in_use(windows)
    item = next((item for item in items if item["identity"] == used), None)
    if item is None:
        item = min(items, key=lambda it: (_WORST_FIRST.index(it["verdict"]), -it["measurement"]["n"]))
    own_baseline = item["verdict"] in _COMPARED and item["compared_with"] in (None, item["identity"])
    return MetricRow(
        metric,
        item.get("unit"),
        item["verdict"],
        item["measurement"],
        item["identity"],
        own_baseline,
        sparkline(_without_partial_window(windows)),
    )


def _version_in_use(windows: Sequence[JsonObject]) -> tuple[str | None, Sequence[JsonObject]]:
    """Return the version that appeared last, and the windows without those of other versions after it appeared."""
    seen: dict[str, list[str]] = {}
    for window in windows:
        seen.setdefault(str(window["start"]), []).append(window["identity"])
    starts = sorted(seen)
    if not starts:
        return None, windows
    earlier = seen[starts[-2]] if len(starts) > 1 else []
    latest = seen[starts[-1]]
    used = next((identity for identity in reversed(latest) if identity not in earlier), latest[-1])
    appeared = next((start for start in reversed(starts) if used not in seen[start]), "")
    return used, [it for it in windows if it["identity"] == used or str(it["start"]) <= appeared]


def _rank(metric: tuple[str, object]) -> tuple[int, float, str]:
    """Sort explicit feedback first, then implicit feedback by its weight, then operational metrics."""
    name = metric[0]
    group = 2 if built_in(name) else 1 if is_implicit(name) else 0
    return group, -definition_of(name).weight if group == 1 else 0.0, name


def _without_partial_window(windows: Sequence[JsonObject]) -> Sequence[JsonObject]:
    """Return the windows without the latest one while it has few values, which would look like a change."""
    if len(windows) > 2 and windows[-1]["n"] < median(window["n"] for window in windows) / 2:
        return windows[:-1]
    return windows


def _unreviewed(target: str, prompts: Iterable[JsonObject]) -> int:
    return sum(seen["target"] == target and not seen["reviewed"] for prompt in prompts for seen in prompt["observed"])
