"""What the analyzer keeps: loading and saving what one batch touches, in a few statements whatever its size."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from analyzer.course import Course
from analyzer.ledger import Ledger
from analyzer.metrics import ERROR_RATE, Uncounted, metric_named
from analyzer.model import Dimension, Line, Reading, StreamKey
from analyzer.regressions import Regression
from analyzer.rules import Rules
from analyzer.state import Stream
from shared.events.quality import RegressionDetected, RegressionResolved

# One writer a target at a time, whichever instance: state that is made anew has no row yet that could be locked.
# Sorted, so that two batches can't wait for each other.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(name, 7)) FROM unnest(CAST(:names AS text[])) AS name")
_STREAM = "project, environment, target, metric, prompt, identity, CAST(state AS text) AS state"
_TOUCHED = text(f"SELECT {_STREAM} FROM analyzer.streams WHERE id = ANY(CAST(:ids AS uuid[]))")
_CANDIDATES = text(
    f"""SELECT DISTINCT ON (line_id) {_STREAM} FROM analyzer.streams
        WHERE line_id = ANY(CAST(:lines AS uuid[])) AND reference ORDER BY line_id, last DESC"""
)
_SAVE_STREAMS = text(
    """INSERT INTO analyzer.streams (id, line_id, project, environment, target, metric, prompt, identity,
                                     reference, last, state)
       SELECT id, line_id, project, environment, target, metric, prompt, identity, reference, last, CAST(state AS json)
       FROM unnest(CAST(:id AS uuid[]), CAST(:line_id AS uuid[]), CAST(:project AS text[]),
                   CAST(:environment AS text[]), CAST(:target AS text[]), CAST(:metric AS text[]),
                   CAST(:prompt AS text[]), CAST(:identity AS text[]), CAST(:reference AS boolean[]),
                   CAST(:last AS double precision[]), CAST(:state AS text[]))
         AS row (id, line_id, project, environment, target, metric, prompt, identity, reference, last, state)
       ON CONFLICT (id) DO UPDATE
         SET reference = EXCLUDED.reference, last = EXCLUDED.last, state = EXCLUDED.state"""
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
_COURSES = text(
    """SELECT project, environment, target, metric, CAST(state AS text) AS state
       FROM analyzer.courses WHERE dimension_id = ANY(CAST(:ids AS uuid[]))"""
)
_SAVE_COURSES = text(
    """INSERT INTO analyzer.courses (dimension_id, project, environment, target, metric, state)
       SELECT dimension_id, project, environment, target, metric, CAST(state AS json)
       FROM unnest(CAST(:dimension_id AS uuid[]), CAST(:project AS text[]), CAST(:environment AS text[]),
                   CAST(:target AS text[]), CAST(:metric AS text[]), CAST(:state AS text[]))
         AS row (dimension_id, project, environment, target, metric, state)
       ON CONFLICT (dimension_id) DO UPDATE SET state = EXCLUDED.state"""
)
_COUNT = text(
    """INSERT INTO analyzer.uncounted AS u (project, environment, reason, n)
       VALUES (:project, :environment, :reason, :n)
       ON CONFLICT (project, environment, reason) DO UPDATE SET n = u.n + EXCLUDED.n"""
)

Place = tuple[str, str, Uncounted]
"""Project, environment, and why a value counts nowhere there."""


class QualityStore:
    """The analyzer's tables, on the connection of the caller's transaction."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def load(self, readings: Sequence[Reading], ledger: Ledger) -> None:
        """Fills `ledger` with all that `readings` may touch; their targets are ours until the transaction ends."""
        keys = {StreamKey(Line(r.dimension, use.prompt), use.identity) for r in readings for use in r.uses}
        if not keys:
            return
        dimensions = {key.line.dimension for key in keys}
        await self._conn.execute(_LOCK, {"names": sorted({json.dumps(of[:3]) for of in dimensions})})
        rules = ledger.rules
        ledger.know(
            await self._streams(rules, _TOUCHED, ids=[key.id for key in keys]),
            await self._regressions(rules, dimensions),
            await self._courses(dimensions),
        )
        known = ledger.streams
        young = {key.line for key in keys if (stream := known.get(key)) is None or stream.young}
        if young:
            ledger.know(await self._streams(rules, _CANDIDATES, lines=[line.id for line in young]))

    async def save(self, ledger: Ledger) -> None:
        """Writes what changed."""
        if ledger.changed:
            await self._conn.execute(_SAVE_STREAMS, _columns(list(ledger.changed.values())))
        if ledger.changed_courses:
            await self._conn.execute(_SAVE_COURSES, _course_columns(list(ledger.changed_courses.values())))
        for regression in ledger.changed_regressions.values():
            await self._conn.execute(_SAVE_REGRESSION, _row(regression))

    async def count(self, places: Counter[Place]) -> None:
        """Adds to what counts nowhere."""
        rows = [
            {"project": project, "environment": environment, "reason": reason, "n": n}
            for (project, environment, reason), n in sorted(places.items())
        ]
        if rows:
            await self._conn.execute(_COUNT, rows)

    async def _streams(self, rules: Rules, statement: Any, **values: Any) -> list[Stream]:
        rows = await self._conn.execute(statement, values)
        return [read_stream(row, rules) for row in rows]

    async def _courses(self, dimensions: Collection[Dimension]) -> list[Course]:
        """Those of `dimensions`, and how the calls of their targets ended."""
        wanted = {*dimensions, *(dimension._replace(metric=ERROR_RATE.name) for dimension in dimensions)}
        rows = await self._conn.execute(_COURSES, {"ids": [dimension.id for dimension in wanted]})
        return [
            Course.load(Dimension(row.project, row.environment, row.target, row.metric), json.loads(row.state))
            for row in rows
        ]

    async def _regressions(self, rules: Rules, dimensions: Collection[Dimension]) -> list[Regression]:
        rows = await self._conn.execute(_LATEST, {"ids": [dimension.id for dimension in dimensions]})
        return [read_regression(row, rules) for row in rows]


def read_stream(row: Row[Any], rules: Rules) -> Stream:
    """A stream, from a row with its key's columns and its state as text."""
    line = Line(Dimension(row.project, row.environment, row.target, row.metric), row.prompt)
    watching = rules.watching(line.dimension, metric_named(row.metric))
    return Stream.load(StreamKey(line, row.identity), watching, json.loads(row.state))


def _course_columns(changed: list[Course]) -> dict[str, list[Any]]:
    """Courses as arrays, a column each, in the order of their dimensions' ids."""
    rows = sorted(((course.dimension.id, course) for course in changed), key=lambda row: row[0])
    return {
        "dimension_id": [dimension_id for dimension_id, _ in rows],
        "project": [course.dimension.project for _, course in rows],
        "environment": [course.dimension.environment for _, course in rows],
        "target": [course.dimension.target for _, course in rows],
        "metric": [course.dimension.metric for _, course in rows],
        "state": [course.dump() for _, course in rows],
    }


def _columns(changed: list[Stream]) -> dict[str, list[Any]]:
    """Streams as arrays, a column each, in the order of their ids."""
    rows = sorted(((stream.key.id, stream) for stream in changed), key=lambda row: row[0])
    keys = [stream.key for _, stream in rows]
    return {
        "id": [stream_id for stream_id, _ in rows],
        "line_id": [key.line.id for key in keys],
        "project": [key.line.dimension.project for key in keys],
        "environment": [key.line.dimension.environment for key in keys],
        "target": [key.line.dimension.target for key in keys],
        "metric": [key.line.dimension.metric for key in keys],
        "prompt": [key.line.prompt for key in keys],
        "identity": [key.identity for key in keys],
        "reference": [stream.fit for _, stream in rows],
        "last": [stream.last for _, stream in rows],
        "state": [stream.dump() for _, stream in rows],
    }


def _row(regression: Regression) -> dict[str, Any]:
    dimension = regression.dimension
    return {
        **dimension._asdict(),
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


def read_regression(row: Row[Any], rules: Rules) -> Regression:
    """A regression, from a row with its moments and good executions; its events, terms and memory as text."""
    detected = RegressionDetected.model_validate_json(row.detected)
    dimension = Dimension(detected.project, detected.environment, detected.target, detected.metric)
    return Regression.load(
        detected,
        RegressionResolved.model_validate_json(row.resolved) if row.resolved else None,
        (row.opened_at, row.resolved_at),
        (row.good, json.loads(row.terms)),
        rules.watching(dimension, metric_named(detected.metric)).settings,
        json.loads(row.memory),
    )
