"""Sentences about what a rollout's arms show (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import expm1
from typing import Any

from shared.metric_format import format_signed

_STATES = {"running": "warn", "paused": "bad", "live": "good", "rolled_back": "bad", "superseded": ""}
_VERDICTS = {"not-worse": ("not worse", "good"), "worse": ("worse", "bad"), "undecided": ("undecided", ""),
             "no-data": ("no data", "warn")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GuardedMetricRow:
    """A guarded metric: its difference with bounds, numbers of values, and what that says."""

    name: str
    verdict: str
    kind: str
    difference: str
    base: int
    candidate: int
    margin: str


@dataclass(frozen=True, slots=True)
class RolloutSummary:
    """A rollout for its page. `steps` are shares in per cent with whether each is reached; `message` is of now."""

    id: str
    name: str
    state: str
    kind: str
    is_open: bool
    share: str
    step: int
    steps: tuple[tuple[str, bool], ...]
    message: str
    arms: Mapping[str, int]
    metrics: tuple[GuardedMetricRow, ...]
    changes: tuple[Mapping[str, Any], ...]
    revision: int


def summarize_rollout(found: Mapping[str, Any]) -> RolloutSummary:
    """Return the summary of `GET /v1/rollouts/{id}`. Of one that has ended, the numbers are those of its last step."""
    weights = [step["weight"] for step in found["plan"]["steps"]] + [10_000]
    assessment = found["assessment"]
    is_open = found["state"] in ("running", "paused")
    shown = assessment if is_open else {**assessment, **_last_verdict(found["changes"])}
    return RolloutSummary(
        id=found["id"],
        name=found["name"],
        state=found["state"],
        kind=_STATES[found["state"]],
        is_open=is_open,
        share=f"{found['weight'] / 100:g} %",
        step=found["step"] + 1,
        steps=tuple((f"{weight / 100:g} %", number <= found["step"]) for number, weight in enumerate(weights)),
        message=assessment["message"],
        arms=shown["arms"],
        metrics=tuple(map(_row, shown["metrics"])),
        changes=tuple(found["changes"]),
        revision=found["revision"],
    )


def _last_verdict(changes: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the numbers that the last change with numbers was made on."""
    return next((it["verdict"] for it in changes if it["verdict"] and it["verdict"]["metrics"]), {})


def _row(metric: Mapping[str, Any]) -> GuardedMetricRow:
    found = metric["difference"]
    text = "unknown"
    if found["mean"] is not None:
        mean, low, high = (_points(found[end], metric["bounded"]) for end in ("mean", "low", "high"))
        text = f"{mean} {metric['unit']} ({low} to {high})"
    verdict, kind = _VERDICTS[metric["verdict"]]
    margin = f"{100 * metric['margin']:g} {metric['unit']}"
    return GuardedMetricRow(metric["name"], verdict, kind, text, found["base"], found["candidate"], margin)


def _points(value: float, bounded: bool) -> str:
    return format_signed(100 * (value if bounded else expm1(value)))
