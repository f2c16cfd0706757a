"""What a regression's chart shows (pure), as the script takes it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ratchet.formatting import short_digest
from shared.units import unit_of

Item = Mapping[str, Any]
_MOST_VERSIONS = 6


def chart(regression: Item, windows: Sequence[Item]) -> str | None:
    """JSON: `times` (seconds), and for each version its `low`, `high`, `mean` and `n` at these times, null where none.

    `role` is what a version was, `marks` are where versions begin, `change` is two seconds. The latest six versions are
    shown. None where fewer than two windows are known.
    """
    if len(windows) < 2:
        return None
    latest: dict[str, list[Item]] = {}
    for window in sorted(windows, key=lambda window: str(window["end"])):
        latest.setdefault(window["identity"], []).append(window)
    versions = dict(sorted(latest.items(), key=lambda item: str(item[1][0]["start"]))[-_MOST_VERSIONS:])
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


def _roles(regression: Item, versions: Mapping[str, Sequence[Item]]) -> dict[str, str]:
    """What each version was, in the order of their first windows: `earlier`, `before`, `worse`, `later`, `after`.

    The worse one is the version that is blamed, else the last one that was there when it changed; a version that
    fell by itself has no role.
    """
    order = list(versions)
    blamed = [cause["after"] for cause in regression["causes"] if cause["kind"] == "prompt_version"]
    since = regression["change"]["high"] if regression["change"] else regression["opened_at"]
    there = [it for it in order if _seconds(versions[it][0]["start"]) <= _seconds(since)]
    worse = next((order.index(it) for it in blamed if it in versions), max(len(there) - 1, 0))
    last = len(order) - 1
    roles = {it: "earlier" if place < worse - 1 else "later" for place, it in enumerate(order)}
    if last == 0:
        return {order[0]: ""}
    if worse > 0:
        roles[order[worse - 1]] = "before"
    if last > worse:
        roles[order[last]] = "after"
    return {**roles, order[worse]: "worse"}


def _columns(identity: str, windows: Sequence[Item], times: Sequence[float]) -> dict[str, Any]:
    at = {_seconds(window["end"]): window for window in windows}
    parts = {part: [at[time][part] if time in at else None for time in times] for part in ("low", "high", "mean", "n")}
    return {"label": short_digest(identity), **parts}


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
