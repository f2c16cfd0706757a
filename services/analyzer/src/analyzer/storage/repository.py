"""Repository of streams, histories and regressions: a fixed number of statements per batch."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, TypeVar
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.engine import QualityEngine
from analyzer.domain.metrics.definitions import Definitions
from analyzer.domain.metrics.extraction import ERROR_RATE
from analyzer.domain.model import Dimension, PromptMetric, Reading, StreamKey
from analyzer.domain.regressions.lifecycle import Regression
from analyzer.domain.streams.stream import Stream
from analyzer.domain.watch_rules import Rules
from shared.events.quality import RegressionDetected, RegressionResolved

T = TypeVar("T")

# One writer per target: new state has no row yet that could be locked. Sorted, so that batches cannot deadlock.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(name, 7)) FROM unnest(CAST(:names AS text[])) AS name")
_STREAM = """project, environment, target, metric, prompt, identity, generation,
             CAST(state AS text) AS state, CAST(mirrored AS text) AS mirrored"""
_TOUCHED = text(f"SELECT {_STREAM} FROM analyzer.streams WHERE id = ANY(CAST(:ids AS uuid[]))")
_CANDIDATES = text(
    f"""SELECT DISTINCT ON (line_id) {_STREAM} FROM analyzer.streams
        WHERE line_id = ANY(CAST(:lines AS uuid[])) AND reference ORDER BY line_id, last DESC"""
)
# The state of a direction that is not in force is unchanged.
_SAVE_STREAMS = text(
    """INSERT INTO analyzer.streams AS s (id, line_id, project, environment, target, metric, prompt, identity,
                                          generation, reference, last, state, mirrored)
       SELECT id, line_id, project, environment, target, metric, prompt, identity, generation, reference, last,
              CAST(state AS json), CAST(mirrored AS json)
       FROM unnest(CAST(:id AS uuid[]), CAST(:line_id AS uuid[]), CAST(:project AS text[]),
                   CAST(:environment AS text[]), CAST(:target AS text[]), CAST(:metric AS text[]),
                   CAST(:prompt AS text[]), CAST(:identity AS text[]), CAST(:generation AS int[]),
                   CAST(:reference AS boolean[]), CAST(:last AS double precision[]), CAST(:state AS text[]),
                   CAST(:mirrored AS text[]))
         AS row (id, line_id, project, environment, target, metric, prompt, identity, generation, reference, last,
                 state, mirrored)
       ON CONFLICT (id) DO UPDATE
         SET reference = EXCLUDED.reference, last = EXCLUDED.last,
             state = COALESCE(EXCLUDED.state, s.state), mirrored = COALESCE(EXCLUDED.mirrored, s.mirrored)"""
)
_LATEST = text(
    """SELECT DISTINCT ON (dimension_id) opened_at, resolved_at, CAST(detected AS text) AS detected,
              CAST(resolved AS text) AS resolved, good, CAST(terms AS text) AS terms, CAST(memory AS text) AS memory
       FROM analyzer.regressions WHERE dimension_id = ANY(CAST(:ids AS uuid[])) ORDER BY dimension_id, position DESC"""
)
_SAVE_REGRESSION = text(
    """INSERT INTO analyzer.regressions (id, dimension_id, project, environment, target, metric, state, revision,
                                         opened_at, resolved_at, detected, resolved, good, terms, memory)
       VALUES (:id, :dimension_id, :project, :environment, :target, :metric, :state, :revision, :opened_at,
               :resolved_at, CAST(:detected AS json), CAST(:resolved AS json), :good, CAST(:terms AS json),
               CAST(:memory AS json))
       ON CONFLICT (id) DO UPDATE
         SET state = EXCLUDED.state, revision = EXCLUDED.revision, opened_at = EXCLUDED.opened_at,
             resolved_at = EXCLUDED.resolved_at, detected = EXCLUDED.detected, resolved = EXCLUDED.resolved,
             good = EXCLUDED.good, terms = EXCLUDED.terms, memory = EXCLUDED.memory"""
)
_HISTORIES = text(
    """SELECT project, environment, target, metric, generation, CAST(state AS text) AS state,
              CAST(mirrored AS text) AS mirrored
       FROM analyzer.dimension_histories WHERE dimension_id = ANY(CAST(:ids AS uuid[]))"""
)
_SAVE_HISTORIES = text(
    """INSERT INTO analyzer.dimension_histories AS h
              (dimension_id, project, environment, target, metric, generation, state, mirrored)
       SELECT dimension_id, project, environment, target, metric, generation, CAST(state AS json),
              CAST(mirrored AS json)
       FROM unnest(CAST(:dimension_id AS uuid[]), CAST(:project AS text[]), CAST(:environment AS text[]),
                   CAST(:target AS text[]), CAST(:metric AS text[]), CAST(:generation AS int[]),
                   CAST(:state AS text[]), CAST(:mirrored AS text[]))
         AS row (dimension_id, project, environment, target, metric, generation, state, mirrored)
       ON CONFLICT (dimension_id) DO UPDATE
         SET state = COALESCE(EXCLUDED.state, h.state), mirrored = COALESCE(EXCLUDED.mirrored, h.mirrored)"""
)


class QualityRepository:
    """The analyzer's state, in the caller's transaction."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def load(self, readings: Sequence[Reading], engine: QualityEngine) -> None:
        """Load the state that `readings` may touch into `engine`, and lock their targets until the transaction ends."""
        keys = {StreamKey(PromptMetric(r.dimension, use.prompt), use.identity) for r in readings for use in r.uses}
        if not keys:
            return
        dimensions = {key.prompt_metric.dimension for key in keys}
        await self._conn.execute(_LOCK, {"names": sorted({json.dumps(dimension[:3]) for dimension in dimensions})})
        engine.preload(
            await self._streams(engine, _TOUCHED, ids=list({key.id for key in keys})),
            await self._regressions(engine, dimensions),
            await self._histories(dimensions),
        )
        known = engine.streams
        accepts_baseline = {
            key.prompt_metric for key in keys if (stream := known.get(key)) is None or stream.accepts_baseline
        }
        if accepts_baseline:
            engine.preload(await self._streams(engine, _CANDIDATES, lines=list({line.id for line in accepts_baseline})))

    async def save(self, engine: QualityEngine) -> None:
        """Save what has changed."""
        if engine.changed:
            await self._conn.execute(_SAVE_STREAMS, _columns(engine.changed.values()))
        if engine.changed_histories:
            await self._conn.execute(_SAVE_HISTORIES, _history_columns(engine.changed_histories.values()))
        for regression in engine.changed_regressions.values():
            await self._conn.execute(_SAVE_REGRESSION, _row(regression))

    async def _streams(self, engine: QualityEngine, statement: Any, **values: Any) -> list[Stream]:
        rows = await self._conn.execute(statement, values)
        return [stream for row in rows for stream in read_streams(row, engine)]

    async def _histories(self, dimensions: Collection[Dimension]) -> list[DimensionHistory]:
        """Return the histories of `dimensions` and of the error rates of their targets."""
        wanted = {*dimensions, *(dimension.subject._replace(metric=ERROR_RATE.name) for dimension in dimensions)}
        rows = await self._conn.execute(_HISTORIES, {"ids": list({dimension.id for dimension in wanted})})
        return [DimensionHistory.load(dimension, from_json(state)) for row in rows for dimension, state in _states(row)]

    async def _regressions(self, engine: QualityEngine, dimensions: Collection[Dimension]) -> list[Regression]:
        subjects = {dimension.subject.id for dimension in dimensions}
        rows = await self._conn.execute(_LATEST, {"ids": list(subjects)})
        return [read_regression(row, engine.rules, engine.definitions) for row in rows]


def read_streams(row: Row[Any], engine: QualityEngine) -> Iterator[Stream]:
    """Yield the streams of a row with its key's columns and its states as text: one for each direction in force."""
    found = engine.definitions.find(row.project, row.environment, row.target, row.metric)
    states = dict(_states(row))
    for metric in found.metrics:
        dimension = Dimension(row.project, row.environment, row.target, row.metric, metric.generation, metric.mirrored)
        if dimension in states:
            key = StreamKey(PromptMetric(dimension, row.prompt), row.identity)
            yield Stream.load(key, engine.rules.watching(dimension, metric), from_json(states[dimension]))


def _states(row: Row[Any]) -> list[tuple[Dimension, str]]:
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


def _history_columns(changed: Iterable[DimensionHistory]) -> dict[str, list[Any]]:
    """Return histories as one array per column."""
    rows = _paired((history.dimension.id, history.dimension.mirrored, history) for history in changed)
    present = [usual or mirrored for _, usual, mirrored in rows]
    dimensions = [history.dimension for history in present if history is not None]
    return {
        "dimension_id": [dimension_id for dimension_id, _, _ in rows],
        **_dimension_columns(dimensions),
        "state": [usual and usual.dump() for _, usual, _ in rows],
        "mirrored": [mirrored and mirrored.dump() for _, _, mirrored in rows],
    }


def _dimension_columns(dimensions: Sequence[Dimension]) -> dict[str, list[Any]]:
    names = ("project", "environment", "target", "metric", "generation")
    return {name: [getattr(dimension, name) for dimension in dimensions] for name in names}


def _columns(changed: Iterable[Stream]) -> dict[str, list[Any]]:
    """Return streams as one array per column."""
    rows = _paired((stream.key.id, stream.key.prompt_metric.dimension.mirrored, stream) for stream in changed)
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
        "state": [usual and usual.dump() for _, usual, _ in rows],
        "mirrored": [mirrored and mirrored.dump() for _, _, mirrored in rows],
    }


def _row(regression: Regression) -> dict[str, Any]:
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
