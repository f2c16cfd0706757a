"""Generated histories, replayed in columns and row by row."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from analyzer.domain.metrics.extraction import ERROR_RATE, LATENCY, metric_named
from analyzer.domain.model import Metric
from analyzer.domain.watch_rules import Rule
from ratchet_backtest.arrays import NameColumn, ValueColumn
from ratchet_backtest.columnar.column_replay import can_replay_in_columns
from ratchet_backtest.dataset import Dataset
from ratchet_backtest.option_types import ColumnKind
from ratchet_backtest.replay_engine import ReplayEngine
from ratchet_backtest.results import Series, replay, replay_rows
from ratchet_backtest.scales import ValueScale
from ratchet_backtest.text_store import TextStore, UserIndex

WORDS = ("refund", "invoice", "tax", "login", "password", "delay", "parcel", "colour", "size", "return")
METRICS: dict[str, tuple[ColumnKind, Metric, float, float]] = {
    "correct": ("label", metric_named("thumb"), 0.0, 1.0),
    "score": ("score", metric_named("score"), 0.0, 1.0),
    "latency": ("latency", LATENCY, 0.0, 1e9),
    "failed": ("error", ERROR_RATE, 0.0, 1.0),
}


@dataclass(frozen=True)
class RowSpec:
    """Parameters of the rows of a test.

    The rows are in phases: one for each share of bad values in `bad`; the versions are spread evenly over the phases.
    `one_by_one`: versions are replayed one after the other. `canary` is the share of rows of another version, with
    about `canary_scores` in each phase if given; `side` that of the previous version.
    """

    rows: int = 1500
    columns: Sequence[str] = ("score",)
    versions: Sequence[str | None] = ("v1", "v2", "v3")
    bad: Sequence[float] = (0.1, 0.4, 0.1)
    canary: float = 0.0
    canary_scores: Sequence[float] = ()
    side: float = 0.0
    targets: int = 1
    segments: Sequence[int] = ()
    models: int = 0
    missing: float = 0.0
    ties: float = 0.0
    timed: bool = True
    newest_first: bool = False
    one_by_one: bool = False
    texts: bool = False
    rules: Sequence[Rule] = ()


def dataset(spec: RowSpec, seed: int) -> Dataset:
    """Return the rows of a history."""
    rnd = random.Random(seed)
    segments = tuple(NameColumn(f"segment{number}") for number in range(len(spec.segments)))
    found = Dataset(
        "row",
        spec.timed,
        tuple(ValueColumn(_scale(name)) for name in spec.columns),
        NameColumn("target") if spec.targets > 1 else None,
        NameColumn("version") if spec.versions else None,
        NameColumn("model") if spec.models else None,
        segments,
        TextStore() if spec.texts else None,
        UserIndex() if spec.texts else None,
    )
    found.newest_first = spec.newest_first
    at = 1.7e9
    for row in range(spec.rows):
        at += 0.0 if rnd.random() < spec.ties else rnd.expovariate(0.01)
        found.number.append(row + 1)
        found.at.append(at if spec.timed else float(row))
        version = _add_names(found, spec, row, rnd)
        phase = row * len(spec.bad) // spec.rows
        worse = rnd.random() < spec.bad[phase]
        mean = spec.canary_scores[phase] if spec.canary_scores and version == "canary" else None
        for values in found.values:
            cell = "" if rnd.random() < spec.missing else _cell(values.scale.column, worse, mean, rnd)
            values.extend([row + 1], [cell])
    return found


def _scale(name: str) -> ValueScale:
    kind, metric, low, high = METRICS[name]
    return ValueScale(name, kind, metric, lambda cell: float(cell) if cell != "" else math.nan, low, high, name)


def _cell(column: str, worse: bool, mean: float | None, rnd: random.Random) -> float:
    if mean is not None and column == "score":
        return min(max(rnd.gauss(mean, 0.05), 0.0), 1.0)
    if column == "latency":
        return rnd.lognormvariate(6.0, 0.5) * (2.0 if worse else 1.0)
    if column == "failed":
        return float(worse and rnd.random() < 0.5)
    if column == "correct":
        return float(not worse)
    return 0.0 if worse else rnd.choice((0.5, 0.75, 0.75, 1.0, rnd.random()))


def _add_names(found: Dataset, spec: RowSpec, row: int, rnd: random.Random) -> str | None:
    version = None
    if found.version is not None:
        phase = row * len(spec.versions) // spec.rows
        if phase and rnd.random() < spec.side:
            phase -= 1
        version = "canary" if rnd.random() < spec.canary else spec.versions[phase]
        found.version.extend([version])
    if found.target is not None:
        found.target.extend([f"bot-{min(int(rnd.expovariate(1.0)), spec.targets - 1)}"])
    if found.model is not None:
        found.model.extend([rnd.choice([f"model-{n}" for n in range(spec.models)])])
    for column, levels in zip(found.segments, spec.segments, strict=True):
        level = int(rnd.expovariate(3.0 / levels))
        found_level = None if level == levels else f"level-{level}"
        column.extend([found_level])
    if found.texts is not None and found.people is not None:
        found.texts.extend([" ".join(rnd.choices(WORDS, k=4))])
        found.people.extend([f"u{rnd.randrange(50)}"])
    return version


def shown(series: Sequence[Series]) -> list[Any]:
    """Return everything in a replay that a report uses."""
    return [
        (each.target, each.watched, each.alarms, each.verdict, each.rule.alarms, each.trace.points, list(each.recent))
        for each in series
    ]


def replay_both(spec: RowSpec, seed: int) -> tuple[list[Series], list[Series]]:
    """Return the columnar replay of a history, and the row-by-row replay."""
    data = dataset(spec, seed)
    found = []
    versions = sorted(filter(None, data.version.names)) if data.version else []
    ways: Sequence[Callable[..., list[Series]]] = (replay, replay_rows)
    for way in ways:
        order = data.order(versions if spec.one_by_one else ())
        engine = ReplayEngine(spec.rules, [segment.column for segment in data.segments])
        assert can_replay_in_columns(order, engine)
        found.append(way(order, engine, lambda done: None))
    data.close()
    return found[0], found[1]
