"""Repository of streams, histories and regressions: a fixed number of statements per batch."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid4

from pydantic_core import from_json
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.engine import QualityEngine
from analyzer.domain.metrics.extraction import ERROR_RATE
from analyzer.domain.model import Dimension, PromptMetric, StreamKey
from analyzer.domain.regressions.lifecycle import Regression
from analyzer.domain.streams.stream import Stream
from analyzer.domain.value_columns import ValueColumns
from analyzer.domain.watch_rules import WatchRules
from analyzer.storage.state_rows import (
    SavedState,
    StateCache,
    history_columns,
    mark_of,
    read_regression,
    read_streams,
    regression_row,
    states_of,
    stream_columns,
)
from shared.metric_catalog import anchors_of

K = TypeVar("K", StreamKey, Dimension)

# One writer per target: new state has no row yet that could be locked. Sorted, so that batches cannot deadlock.
LOCK_TARGETS = text(
    "SELECT pg_advisory_xact_lock(hashtextextended(name, 7)) FROM unnest(CAST(:names AS text[])) AS name"
)
_STREAM = """project, environment, target, metric, prompt, identity, generation,
             CAST(state AS text) AS state, CAST(mirrored AS text) AS mirrored"""
# A row whose mark is known is in memory already, so it is not read.
_UNLESS_KNOWN = """s.saved, coalesce(s.saved = asked.saved, false) AS known,
                   CASE WHEN s.saved = asked.saved THEN NULL ELSE CAST(s.state AS text) END AS state,
                   CASE WHEN s.saved = asked.saved THEN NULL ELSE CAST(s.mirrored AS text) END AS mirrored
                   FROM unnest(CAST(:ids AS uuid[]), CAST(:saved AS uuid[])) AS asked (id, saved)"""
TOUCHED = text(
    f"""SELECT s.id, project, environment, target, metric, prompt, identity, generation, {_UNLESS_KNOWN}
        JOIN analyzer.streams AS s ON s.id = asked.id"""
)
_CANDIDATES = text(
    f"""SELECT DISTINCT ON (line_id) {_STREAM} FROM analyzer.streams
        WHERE line_id = ANY(CAST(:lines AS uuid[])) AND reference ORDER BY line_id, last DESC"""
)
# The state of a direction that is not in force is unchanged.
_SAVE_STREAMS = text(
    """INSERT INTO analyzer.streams AS s (id, line_id, project, environment, target, metric, prompt, identity,
                                          generation, reference, last, state, mirrored, saved)
       SELECT id, line_id, project, environment, target, metric, prompt, identity, generation, reference, last,
              CAST(state AS json), CAST(mirrored AS json), CAST(:saved AS uuid)
       FROM unnest(CAST(:id AS uuid[]), CAST(:line_id AS uuid[]), CAST(:project AS text[]),
                   CAST(:environment AS text[]), CAST(:target AS text[]), CAST(:metric AS text[]),
                   CAST(:prompt AS text[]), CAST(:identity AS text[]), CAST(:generation AS int[]),
                   CAST(:reference AS boolean[]), CAST(:last AS double precision[]), CAST(:state AS text[]),
                   CAST(:mirrored AS text[]))
         AS row (id, line_id, project, environment, target, metric, prompt, identity, generation, reference, last,
                 state, mirrored)
       ON CONFLICT (id) DO UPDATE
         SET reference = EXCLUDED.reference, last = EXCLUDED.last, saved = EXCLUDED.saved,
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
HISTORIES = text(
    f"""SELECT s.dimension_id AS id, project, environment, target, metric, generation, {_UNLESS_KNOWN}
        JOIN analyzer.dimension_histories AS s ON s.dimension_id = asked.id"""
)
_SAVE_HISTORIES = text(
    """INSERT INTO analyzer.dimension_histories AS h
              (dimension_id, project, environment, target, metric, generation, state, mirrored, saved)
       SELECT dimension_id, project, environment, target, metric, generation, CAST(state AS json),
              CAST(mirrored AS json), CAST(:saved AS uuid)
       FROM unnest(CAST(:dimension_id AS uuid[]), CAST(:project AS text[]), CAST(:environment AS text[]),
                   CAST(:target AS text[]), CAST(:metric AS text[]), CAST(:generation AS int[]),
                   CAST(:state AS text[]), CAST(:mirrored AS text[]))
         AS row (dimension_id, project, environment, target, metric, generation, state, mirrored)
       ON CONFLICT (dimension_id) DO UPDATE
         SET state = COALESCE(EXCLUDED.state, h.state), mirrored = COALESCE(EXCLUDED.mirrored, h.mirrored),
             saved = EXCLUDED.saved"""
)


@dataclass(frozen=True, slots=True)
class QualityCache:
    """The state that an instance saved last."""

    streams: StateCache[StreamKey, Stream] = field(default_factory=StateCache)
    histories: StateCache[Dimension, DimensionHistory] = field(default_factory=StateCache)


class QualityRepository:
    """The analyzer's state, in the caller's transaction; `load` once, then `save` once."""

    def __init__(self, conn: AsyncConnection, cache: QualityCache) -> None:
        self._conn = conn
        self._cache = cache
        self._watching: dict[StreamKey, WatchRules] = {}
        self._streams: dict[StreamKey, SavedState[Stream]] = {}
        self._histories: dict[Dimension, SavedState[DimensionHistory]] = {}

    async def load(self, batch: Iterable[ValueColumns], engine: QualityEngine) -> None:
        """Load the state that `batch` may touch into `engine`, and lock its targets until the transaction ends."""
        self._watching = {
            StreamKey(PromptMetric(each.dimension, use.prompt), use.identity): engine.rules.watching(
                each.dimension, each.metric
            )
            for each in batch
            for number in set(each.group)
            for use in each.groups[number].uses
        }
        keys = self._watching.keys()
        if not keys:
            return
        dimensions = {key.prompt_metric.dimension for key in keys}
        await self._conn.execute(
            LOCK_TARGETS, {"names": sorted({json.dumps(dimension[:3]) for dimension in dimensions})}
        )
        engine.preload(
            await self._load_streams(engine),
            await self._regressions(engine, dimensions),
            await self._load_histories(dimensions),
        )
        known = engine.streams
        accepts_baseline = {
            key.prompt_metric for key in keys if (stream := known.get(key)) is None or stream.accepts_baseline
        }
        if accepts_baseline:
            rows = await self._conn.execute(_CANDIDATES, {"lines": list({line.id for line in accepts_baseline})})
            engine.preload(stream for row in rows for stream in read_streams(row, engine))

    async def save(self, engine: QualityEngine) -> None:
        """Save what has changed; all that was loaded or saved stays in the cache."""
        saved = uuid4()
        if engine.changed:
            texts = {key: stream.dump() for key, stream in engine.changed.items()}
            await self._conn.execute(_SAVE_STREAMS, {**stream_columns(engine.changed, texts), "saved": saved})
            for key, stream in engine.changed.items():
                self._streams[key] = SavedState(stream, saved, len(texts[key]), self._watching[key])
        if engine.changed_histories:
            dumped = {dimension: history.dump() for dimension, history in engine.changed_histories.items()}
            await self._conn.execute(_SAVE_HISTORIES, {**history_columns(dumped), "saved": saved})
            for dimension, history in engine.changed_histories.items():
                self._histories[dimension] = SavedState(history, saved, len(dumped[dimension]))
        for regression in engine.changed_regressions.values():
            await self._conn.execute(_SAVE_REGRESSION, regression_row(regression))
        self._cache.streams.keep(self._streams)
        self._cache.histories.keep(self._histories)

    async def _load_streams(self, engine: QualityEngine) -> list[Stream]:
        cached, keys = self._cache.streams.pop(self._watching), _by_row(self._watching)
        for row in await self._read(TOUCHED, keys, cached):
            if row.known:
                self._streams.update((key, cached[key]) for key in keys[row.id])
            for stream in read_streams(row, engine):
                self._streams[stream.key] = SavedState(stream, row.saved, _size(row), self._watching.get(stream.key))
        return [each.state for each in self._streams.values()]

    async def _load_histories(self, dimensions: Collection[Dimension]) -> list[DimensionHistory]:
        """Return the histories of `dimensions`, of the error rates of their targets, and of anchors of their judges."""
        wanted = {*dimensions, *(dimension.subject._replace(metric=ERROR_RATE.name) for dimension in dimensions)}
        for dimension in dimensions:
            if (anchors := anchors_of(dimension.metric)) is not None:
                wanted.add(dimension.subject._replace(metric=anchors))
        cached, keys = self._cache.histories.pop(dict.fromkeys(wanted)), _by_row(wanted)
        for row in await self._read(HISTORIES, keys, cached):
            if row.known:
                self._histories.update((dimension, cached[dimension]) for dimension in keys[row.id])
            for dimension, state in states_of(row):
                history = DimensionHistory.load(dimension, from_json(state))
                self._histories[dimension] = SavedState(history, row.saved, _size(row))
        return [each.state for each in self._histories.values()]

    async def _read(
        self, statement: Any, keys: Mapping[UUID, Sequence[K]], cached: Mapping[K, SavedState[Any]]
    ) -> list[Row[Any]]:
        """Return the rows with the keys of each, without the states of those that `cached` has."""
        marks = [mark_of(map(cached.get, own)) for own in keys.values()]
        return list(await self._conn.execute(statement, {"ids": list(keys), "saved": marks}))

    async def _regressions(self, engine: QualityEngine, dimensions: Collection[Dimension]) -> list[Regression]:
        subjects = {dimension.subject.id for dimension in dimensions}
        rows = await self._conn.execute(_LATEST, {"ids": list(subjects)})
        return [read_regression(row, engine.rules, engine.definitions) for row in rows]


def _by_row(keys: Iterable[K]) -> dict[UUID, list[K]]:
    """Return keys by the row that holds their states: one for both directions."""
    rows: dict[UUID, list[K]] = defaultdict(list)
    for key in keys:
        rows[key.id].append(key)
    return rows


def _size(row: Row[Any]) -> int:
    return len(row.state or "") + len(row.mirrored or "")
