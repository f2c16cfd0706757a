"""Data of a regression's chart, for the script that draws it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from console.domain.json_object import JsonObject
from ratchet.formatting import short_digest
from shared.metric_format import unit_of

_MAX_VERSIONS = 6


def chart(regression: JsonObject, windows: Sequence[JsonObject]) -> str | None:
    """Return JSON; None if there are fewer than two windows.

    `times` are seconds; each of the latest six versions has a `role` and its `low`, `high`, `mean` and `n` at these
    times, or null. `marks` are where versions begin, `change` is the interval of the change in seconds.
    """
    if len(windows) < 2:
        return None
    latest: dict[str, list[JsonObject]] = {}
    for window in sorted(windows, key=lambda window: str(window["end"])):
        latest.setdefault(window["identity"], []).append(window)
    versions = dict(sorted(latest.items(), key=lambda item: str(item[1][0]["start"]))[-_MAX_VERSIONS:])
    times = sorted({_seconds(window["end"]) for own in versions.values() for window in own})
    change = regression["change"]
    return json.dumps(
        {
            "unit": unit_of(regression["metric"]) if regression.get("unit") is None else regression["unit"],
            "times": times,
            "versions": [
                {"role": role, **_columns(identity, versions[identity], times)}
                for identity, role in _roles(regression, versions).items()
            ],
            "marks": [
                {"at": _seconds(own[0]["start"]), "label": short_digest(it)} for it, own in list(versions.items())[1:]
            ],
            "change": [_seconds(change["low"]), _seconds(change["high"])] if change else None,
        }
    )


def _roles(regression: JsonObject, versions: Mapping[str, Sequence[JsonObject]]) -> dict[str, str]:
    """Return the role of each version, by first window: `earlier`, `before`, `worse`, `later` or `after`.

    `worse` is the version in the first cause, else the last version that was in use before the change. A single
    version has the role "".
    """
    order = list(versions)
    suspected = [cause["after"] for cause in regression["causes"] if cause["kind"] == "prompt_version"]
    since = regression["change"]["high"] if regression["change"] else regression["opened_at"]
    there = [it for it in order if _seconds(versions[it][0]["start"]) <= _seconds(since)]
    worse = next((order.index(it) for it in suspected if it in versions), max(len(there) - 1, 0))
    last = len(order) - 1
    roles = {it: "earlier" if index < worse - 1 else "later" for index, it in enumerate(order)}
    if last == 0:
        return {order[0]: ""}
    if worse > 0:
        roles[order[worse - 1]] = "before"
    if last > worse:
        roles[order[last]] = "after"
    return {**roles, order[worse]: "worse"}


def _columns(identity: str, windows: Sequence[JsonObject], times: Sequence[float]) -> dict[str, Any]:
    at = {_seconds(window["end"]): window for window in windows}
    parts = {part: [at[time][part] if time in at else None for time in times] for part in ("low", "high", "mean", "n")}
    return {"label": short_digest(identity), **parts}


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
