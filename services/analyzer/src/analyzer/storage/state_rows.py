"""Conversion of rows to states and back, and states in memory between batches.

A state in memory is not read and parsed again while its row is unchanged.
"""

import json
from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import Row

from analyzer.domain.engine import QualityEngine
from analyzer.domain.metrics.definitions import Definitions
from analyzer.domain.model import Dimension, PromptMetric, StreamKey
from analyzer.domain.regressions.lifecycle import Regression
from analyzer.domain.streams.stream import Stream
from analyzer.domain.watch_rules import Rules
from shared.events.quality import RegressionDetected, RegressionResolved

K = TypeVar("K", bound=Hashable)
S = TypeVar("S")

MAX_BYTES = 8_000_000
"""Maximum of all states in the cache, by the length of their JSON. In memory they take six to eight times as much."""


class SavedState(NamedTuple, Generic[S]):
    """A state as it was saved: `saved` is the mark of that attempt, `size` the length of its JSON.

    `basis`: what else it was loaded with, such as rules; it must be equal for the state to be used again.
    """

    state: S
    saved: UUID | None
    size: int
    basis: object = None


class StateCache(Generic[K, S]):
    """The states saved last, at most `max_bytes`; the ones not used for longest are removed first.

    A state may be used only while its row has the same mark, read under the lock of its target. Each attempt to save
    has a new mark. So another writer, a failed commit and a restored database leave a mark that differs.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.bytes = 0
        self._max_bytes = max_bytes
        self._states: OrderedDict[K, SavedState[S]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def pop(self, wanted: Mapping[K, object]) -> dict[K, SavedState[S]]:
        """Remove the states of these keys, since a batch may change them and then fail; return those with their basis.

        `wanted` has the basis of each key.
        """
        found = {key: state for key in wanted if (state := self._states.pop(key, None)) is not None}
        self.bytes -= sum(state.size for state in found.values())
        return {key: state for key, state in found.items() if state.basis == wanted[key]}

    def keep(self, states: Mapping[K, SavedState[S]]) -> None:
        """Add states that were saved, or that were read and not changed."""
        self.pop(dict.fromkeys(states))
        self._states.update(states)
        self.bytes += sum(state.size for state in states.values())
        while self.bytes > self._max_bytes:
            _, removed = self._states.popitem(last=False)
            self.bytes -= removed.size


def mark_of(states: Iterable[SavedState[S] | None]) -> UUID | None:
    """Return the mark that all these states have in common; None if a state is missing or the marks differ."""
    marks = {None if state is None else state.saved for state in states}
    return marks.pop() if len(marks) == 1 else None


T = TypeVar("T")


def read_streams(row: Row[Any], engine: QualityEngine) -> Iterator[Stream]:
    """Yield the streams of a row with its key's columns and its states as text: one for each direction in force."""
    found = engine.definitions.find(row.project, row.environment, row.target, row.metric)
    states = dict(states_of(row))
    for metric in found.metrics:
        dimension = Dimension(row.project, row.environment, row.target, row.metric, metric.generation, metric.mirrored)
        if dimension in states:
            key = StreamKey(PromptMetric(dimension, row.prompt), row.identity)
            yield Stream.load(key, engine.rules.watching(dimension, metric), from_json(states[dimension]))


def states_of(row: Row[Any]) -> list[tuple[Dimension, str]]:
    """Return the states of a row as text, by the dimension with its direction."""
    dimension = Dimension(row.project, row.environment, row.target, row.metric, row.generation)
    both = ((dimension, row.state), (dimension._replace(mirrored=True), row.mirrored))
    return [(each, state) for each, state in both if state is not None]


def _paired(changed: Iterable[tuple[UUID, bool, T]]) -> list[tuple[UUID, T | None, T | None]]:
    """Return what changed as rows in the order of their ids, each with its usual and its mirrored part."""
    rows: dict[UUID, list[T | None]] = defaultdict(lambda: [None, None])
    for row_id, mirrored, each in changed:
        rows[row_id][mirrored] = each
    return sorted(((row_id, usual, mirrored) for row_id, (usual, mirrored) in rows.items()), key=itemgetter(0))


def history_columns(dumped: Mapping[Dimension, str]) -> dict[str, list[Any]]:
    """Return histories, as JSON by dimension, as one array per column."""
    rows = _paired((dimension.id, dimension.mirrored, dimension) for dimension in dumped)
    present = [usual or mirrored for _, usual, mirrored in rows]
    return {
        "dimension_id": [dimension_id for dimension_id, _, _ in rows],
        **_dimension_columns([dimension for dimension in present if dimension is not None]),
        "state": [usual and dumped[usual] for _, usual, _ in rows],
        "mirrored": [mirrored and dumped[mirrored] for _, _, mirrored in rows],
    }


def _dimension_columns(dimensions: Sequence[Dimension]) -> dict[str, list[Any]]:
    names = ("project", "environment", "target", "metric", "generation")
    return {name: [getattr(dimension, name) for dimension in dimensions] for name in names}


def stream_columns(changed: Mapping[StreamKey, Stream], dumped: Mapping[StreamKey, str]) -> dict[str, list[Any]]:
    """Return streams as one array per column; `dumped` has their states as JSON."""
    rows = _paired((key.id, key.prompt_metric.dimension.mirrored, stream) for key, stream in changed.items())
    present = [usual or mirrored for _, usual, mirrored in rows]
    streams = [stream for stream in present if stream is not None]
    return {
        "id": [stream_id for stream_id, _, _ in rows],
        "line_id": [stream.key.prompt_metric.id for stream in streams],
        **_dimension_columns([stream.key.prompt_metric.dimension for stream in streams]),
        "prompt": [stream.key.prompt_metric.prompt for stream in streams],
        "identity": [stream.key.identity for stream in streams],
        "reference": [stream.can_be_baseline for stream in streams],
        "last": [stream.last for stream in streams],
        "state": [usual and dumped[usual.key] for _, usual, _ in rows],
        "mirrored": [mirrored and dumped[mirrored.key] for _, _, mirrored in rows],
    }


def regression_row(regression: Regression) -> dict[str, Any]:
    dimension = regression.dimension
    return {
        "project": dimension.project,
        "environment": dimension.environment,
        "target": dimension.target,
        "metric": dimension.metric,
        "id": regression.id,
        "dimension_id": dimension.id,
        "state": "open" if regression.open else "resolved",
        "revision": regression.revision,
        "opened_at": regression.opened_at,
        "resolved_at": regression.resolved_at,
        "detected": regression.detected.model_dump_json(),
        "resolved": regression.resolved.model_dump_json() if regression.resolved else None,
        "good": list(regression.good),
        "terms": json.dumps(regression.terms),
        "memory": regression.dump(),
    }


def read_regression(row: Row[Any], rules: Rules, definitions: Definitions) -> Regression:
    """Return the regression of a row; JSON columns must be selected as text."""
    detected = RegressionDetected.model_validate_json(row.detected)
    dimension = Dimension(detected.project, detected.environment, detected.target, detected.metric)
    return Regression.load(
        detected,
        RegressionResolved.model_validate_json(row.resolved) if row.resolved else None,
        (row.opened_at, row.resolved_at),
        (row.good, from_json(row.terms)),
        rules.watching(dimension, definitions.find(*dimension[:4]).metric).settings,
        from_json(row.memory),
    )
