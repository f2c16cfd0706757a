"""Writes the execution log, by asyncpg in a handler's transaction, and deletes what is older than its retention."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from collector.domain.log_entries import (
    feedback_metric,
    merge,
    pack,
    reference_of,
    subject_of,
    tool_names,
    unpack,
    versions_of,
)
from collector.domain.prompt_calls import AddedCalls, values_of
from collector.storage.prompt_calls import ADD_CALLS
from shared.events.base import execution_reference
from shared.events.feedback import ExecutionRecorded, FeedbackCreated, Preference

_SEPARATOR = "\x1f"
"""Joins the versions and tools of a row: an array of arrays can't be unnested by rows. None has control characters."""
DELETE_BATCH = 2_000

_COLUMNS = """reference, project, environment, target, trace_id, occurred_at, received_at, versions, model, arm,
    outcome, user_hash, session, input_tokens, output_tokens, cost, latency_ms, scores, body, cached_input_tokens,
    cache_write_tokens, reasoning_tokens, total_tokens, currency, time_to_first_token_ms, tools"""
_ROWS = f"""
SELECT reference, project, environment, target, trace_id, occurred_at, received_at,
       string_to_array(versions, '{_SEPARATOR}'), model, arm, outcome, user_hash, session, input_tokens, output_tokens,
       cost, latency_ms, scores::jsonb, body, cached_input_tokens, cache_write_tokens, reasoning_tokens, total_tokens,
       currency, time_to_first_token_ms, string_to_array(tools, '{_SEPARATOR}')
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
            $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bigint[], $15::bigint[],
            $16::float8[], $17::float8[], $18::text[], $19::bytea[], $20::bigint[], $21::bigint[], $22::bigint[],
            $23::bigint[], $24::text[], $25::float8[], $26::text[]) AS g({_COLUMNS})"""

SAVE_EXECUTIONS = f"""
INSERT INTO collector.execution_log ({_COLUMNS}) {_ROWS}
ON CONFLICT (reference) DO NOTHING RETURNING reference"""

LOCK_EXECUTIONS = """
SELECT reference, body FROM collector.execution_log WHERE reference = ANY($1::uuid[]) ORDER BY reference FOR UPDATE"""

# The identity of an execution, its project and its prompts never change.
REPLACE_EXECUTIONS = f"""
UPDATE collector.execution_log AS e
SET (trace_id, occurred_at, received_at, versions, model, arm, outcome, user_hash, session, input_tokens, output_tokens,
     cost, latency_ms, scores, body, cached_input_tokens, cache_write_tokens, reasoning_tokens, total_tokens, currency,
     time_to_first_token_ms, tools)
  = (n.trace_id, n.occurred_at, n.received_at, n.versions, n.model, n.arm, n.outcome, n.user_hash, n.session,
     n.input_tokens, n.output_tokens, n.cost, n.latency_ms, n.scores, n.body, n.cached_input_tokens,
     n.cache_write_tokens, n.reasoning_tokens, n.total_tokens, n.currency, n.time_to_first_token_ms, n.tools)
FROM ({_ROWS}) AS n({_COLUMNS}) WHERE e.reference = n.reference"""

SAVE_VERSIONS = """
INSERT INTO collector.logged_versions AS v (project, environment, target, version, first_at, last_at, received_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                     $7::timestamptz[])
ON CONFLICT (project, environment, target, version) DO UPDATE
SET first_at = LEAST(v.first_at, excluded.first_at), last_at = GREATEST(v.last_at, excluded.last_at),
    received_at = GREATEST(v.received_at, excluded.received_at)"""

SAVE_FEEDBACK = """
INSERT INTO collector.feedback_log (reference, feedback_id, project, environment, target, executed_at, replaces, kind,
                                    source, key_scope, name, metric, value, label, text, preference, about, subject,
                                    mixed, user_hash, occurred_at, received_at)
SELECT reference, feedback_id, project, environment, target, executed_at, replaces, kind, source, key_scope, name,
       metric, value, label, text, preference::jsonb, about, subject, mixed, user_hash, occurred_at, received_at
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::uuid[],
                     $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::float8[], $14::text[],
                     $15::text[], $16::text[], $17::text[], $18::uuid[], $19::bool[], $20::text[], $21::timestamptz[],
                     $22::timestamptz[])
    AS g(reference, feedback_id, project, environment, target, executed_at, replaces, kind, source, key_scope, name,
         metric, value, label, text, preference, about, subject, mixed, user_hash, occurred_at, received_at)
ON CONFLICT DO NOTHING"""

_EXPIRED = "received_at < LEAST(now(), $1::timestamptz) - $2::interval ORDER BY received_at LIMIT $3"
DELETE_EXPIRED = (
    f"""DELETE FROM collector.execution_log WHERE reference IN (
        SELECT reference FROM collector.execution_log WHERE {_EXPIRED})""",
    f"""DELETE FROM collector.feedback_log WHERE (reference, feedback_id) IN (
        SELECT reference, feedback_id FROM collector.feedback_log WHERE {_EXPIRED})""",
    f"""DELETE FROM collector.logged_versions WHERE (project, environment, target, version) IN (
        SELECT project, environment, target, version FROM collector.logged_versions WHERE {_EXPIRED})""",
    f"""DELETE FROM collector.prompt_calls WHERE (project, environment, name, identity) IN (
        SELECT project, environment, name, identity FROM collector.prompt_calls WHERE {_EXPIRED})""",
)
"""Delete at most $3 rows older than $2. A clock ($1) ahead of the database's deletes nothing early."""


class ExecutionLogRepository:
    """The execution log on a connection with an open transaction.

    Rows are written in the order of their keys, so that instances that write the same rows can't deadlock.
    """

    def __init__(self, pg: Any) -> None:
        self._pg = pg

    async def add_executions(self, events: Iterable[ExecutionRecorded]) -> None:
        """Store new executions, and add completions to stored ones; each revision exactly once, in any order."""
        events, added = list(events), AddedCalls()
        added.count_first(events)
        entries = _merged(events)
        rows = sorted(entries.items())
        columns = await asyncio.to_thread(_columns, rows)  # compression releases the GIL, and requests go on
        saved = {row[0] for row in await self._pg.fetch(SAVE_EXECUTIONS, *columns)}
        if known := [reference for reference, _ in rows if reference not in saved]:
            stored = await self._pg.fetch(LOCK_EXECUTIONS, known)
            before = {reference: unpack(body) for reference, body in stored}
            if merged := [(reference, merge(entry, entries[reference])) for reference, entry in before.items()]:
                await self._pg.execute(REPLACE_EXECUTIONS, *_columns(merged))
            for reference, entry in merged:
                added.add(entry, values_of(entry) - values_of(before[reference]))
        for reference in saved:
            added.add(entries[reference], values_of(entries[reference]))
        await self._save_versions(entries.values())
        await self._add_calls(added)

    async def _add_calls(self, added: AddedCalls) -> None:
        if rows := added.rows():
            await self._pg.execute(ADD_CALLS, *map(list, zip(*rows, strict=True)))

    async def _save_versions(self, events: Iterable[ExecutionRecorded]) -> None:
        periods: dict[tuple[str, ...], tuple[datetime, datetime, datetime]] = {}
        for event in events:
            at, received = event.facts.occurred_at, event.received_at
            for version in versions_of(event):
                key = (event.project, event.environment, event.target, version)
                first, last, latest = periods.get(key, (at, at, received))
                periods[key] = (min(first, at), max(last, at), max(latest, received))
        if periods:
            rows = [(*key, *periods[key]) for key in sorted(periods)]
            await self._pg.execute(SAVE_VERSIONS, *map(list, zip(*rows, strict=True)))

    async def add_feedback(self, events: Iterable[FeedbackCreated]) -> None:
        """Store feedback about executions; feedback whose execution stayed unknown is about nothing in the log."""
        rows = sorted((_feedback_row(event) for event in events if event.execution is not None), key=itemgetter(0, 1))
        if rows:
            await self._pg.execute(SAVE_FEEDBACK, *map(list, zip(*rows, strict=True)))

    async def delete_expired(self, now: datetime, age: timedelta) -> bool:
        """Delete a batch of rows older than `age`; return whether there may be more."""
        done = [await self._pg.execute(statement, now, age, DELETE_BATCH) for statement in DELETE_EXPIRED]
        return f"DELETE {DELETE_BATCH}" in done


def _merged(events: Iterable[ExecutionRecorded]) -> dict[UUID, ExecutionRecorded]:
    entries: dict[UUID, ExecutionRecorded] = {}
    for event in events:
        reference = reference_of(event)
        entries[reference] = merge(entries[reference], event) if reference in entries else event
    return entries


def _columns(entries: Sequence[tuple[UUID, ExecutionRecorded]]) -> list[list[object]]:
    rows = [_execution_row(reference, event) for reference, event in entries]
    return [list(column) for column in zip(*rows, strict=True)]


def _execution_row(reference: UUID, event: ExecutionRecorded) -> tuple[object, ...]:
    facts, usage = event.facts, event.usage
    return (
        reference, event.project, event.environment, event.target, facts.trace_id, facts.occurred_at,
        event.received_at, _SEPARATOR.join(versions_of(event)), facts.model, facts.arm, facts.outcome, facts.user,
        facts.session, usage.input_tokens, usage.output_tokens, event.cost, event.latency_ms,
        to_json(event.scores).decode(), pack(event), usage.cached_input_tokens, usage.cache_write_tokens,
        usage.reasoning_tokens, usage.total, event.currency, event.time_to_first_token_ms,
        _SEPARATOR.join(tool_names(event)) or None,
    )  # fmt: skip


def _json(preference: Preference) -> str:
    return preference.model_dump_json(exclude_none=True)


def _feedback_row(event: FeedbackCreated) -> tuple[Any, ...]:
    assert event.execution is not None
    reference = execution_reference(event.project, event.environment, event.execution.execution_id)
    return (
        reference, event.feedback_id, event.project, event.environment, event.target, event.execution.occurred_at,
        event.replaces and event.replaces.feedback_id, event.kind, event.source, event.key_scope, event.name,
        feedback_metric(event), event.value, event.label, event.text, event.preference and _json(event.preference),
        event.about, subject_of(event), event.mixed, event.user, event.occurred_at, event.received_at,
    )  # fmt: skip
