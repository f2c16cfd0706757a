"""Deletes the rows of one user, some at a time, in the caller's transaction. A repeat finds what is left."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from collector.domain.erasure import EVENTS, SUBMISSIONS, Counts, is_about, submitted_by
from collector.domain.erasure_status import Erasure
from collector.domain.model import feedback_slot
from collector.domain.request_context import PseudonymKey
from shared.messaging.message_erasure import MessageErasure, OutboxRange

BATCH = 2_000
PAGES = 4_000
"""Pages of 8 KB that one statement looks through: facts are found by their content, since no index has the user."""

_PAGES = text("SELECT pg_relation_size('collector.executions') / current_setting('block_size')::int")
_EXECUTIONS = text(
    """WITH gone AS (
         DELETE FROM collector.executions
         WHERE ctid >= CAST(:first AS tid) AND ctid < CAST(:last AS tid) AND project = :project
           AND position(CAST(:needle AS bytea) IN facts) > 0 RETURNING reference),
       noted AS (
         INSERT INTO collector.erasure_references (erasure_id, reference)
         SELECT :id, CAST(encode(reference, 'hex') AS uuid) FROM gone ON CONFLICT DO NOTHING)
       SELECT count(*) FROM gone"""
)
_WAITING = text(
    "DELETE FROM collector.waiting WHERE project = :project AND position(CAST(:needle AS bytea) IN payload) > 0"
)
_LOGGED = text(
    """WITH gone AS (
         DELETE FROM collector.execution_log WHERE reference IN (
           SELECT reference FROM collector.execution_log
           WHERE user_hash = :subject AND project = :project LIMIT :limit) RETURNING reference),
       noted AS (
         INSERT INTO collector.erasure_references (erasure_id, reference)
         SELECT :id, reference FROM gone ON CONFLICT DO NOTHING)
       SELECT count(*) FROM gone"""
)
# Feedback of the user, and that of others about the user's executions.
_FEEDBACK = text(
    """DELETE FROM collector.feedback_log WHERE (reference, feedback_id) IN (
         (SELECT reference, feedback_id FROM collector.feedback_log
          WHERE user_hash = :subject AND project = :project LIMIT :limit)
         UNION
         (SELECT f.reference, f.feedback_id FROM collector.erasure_references AS r
          JOIN collector.feedback_log AS f USING (reference) WHERE r.erasure_id = :id LIMIT :limit))
       RETURNING reference, subject, user_hash, source, kind, name"""
)
_CURRENT = text("DELETE FROM collector.current_feedback WHERE slot = ANY(CAST(:slots AS bytea[]))")
_VIEWS = text("DELETE FROM collector.execution_views WHERE project = :project AND filters ->> 'user_hash' = :subject")
_LETTERS = text(
    """SELECT id, payload FROM collector.dead_letters
       WHERE topic = ANY(:topics) AND payload <> '' AND (project = :project OR project IS NULL) FOR UPDATE"""
)
_EMPTY_LETTER = text(
    """UPDATE collector.dead_letters SET payload = '', settled_at = coalesce(settled_at, now()),
         status = CASE status WHEN 'parked' THEN 'discarded' ELSE status END WHERE id = :id"""
)
_WAIT = text("LOCK TABLE collector.erased_subjects IN ACCESS EXCLUSIVE MODE")
_ERASED_EVENTS = (*EVENTS, *(f"{topic}.dlq" for topic in EVENTS))
_ERASED_SUBMISSIONS = tuple(f"{topic}.dlq" for topic in SUBMISSIONS)


class SubjectRows:
    """The rows of an erasure's user, on a connection with an open transaction."""

    def __init__(self, conn: AsyncConnection, erasure: Erasure) -> None:
        self._conn = conn
        self._messages = MessageErasure("collector")
        self._values: Mapping[str, Any] = {
            "id": erasure.id,
            "project": erasure.project,
            "subject": erasure.subject,
            "needle": erasure.subject.encode(),
            "limit": BATCH,
        }
        self._erasure = erasure

    async def count_pages(self) -> int:
        """Return how many pages the table of facts has."""
        return int(await self._conn.scalar(_PAGES) or 0)

    async def delete_executions(self, first: int) -> Counts:
        """Delete facts on `PAGES` pages from `first` on."""
        pages = {"first": (first, 0), "last": (first + PAGES, 0)}
        return {"executions": int(await self._conn.scalar(_EXECUTIONS, {**self._values, **pages}) or 0)}

    async def delete_waiting(self) -> Counts:
        """Delete feedback that waits for its execution."""
        return {"waiting_feedback": (await self._conn.execute(_WAITING, self._values)).rowcount}

    async def wait_for_writers(self) -> None:
        """Wait for all transactions that may have read the user's texts before they were deleted."""
        await self._conn.execute(_WAIT)

    async def outbox_range(self) -> OutboxRange:
        """Return the rows of the outbox that there are now."""
        return await self._messages.outbox_range(self._conn)

    async def erase_outbox(self, rows: OutboxRange, key: PseudonymKey) -> Counts:
        """Erase the user from messages in some rows of the outbox, sent and unsent ones."""
        project, subject = self._erasure.project, self._erasure.subject

        def without_submission(_: str, payload: bytes) -> bytes | None:
            return None if self._is_submission(payload, key) else payload

        changed = await self._messages.rewrite_outbox(
            self._conn, rows, _ERASED_EVENTS, subject.encode(),
            lambda topic, payload: None if is_about(topic, payload, project, subject) else payload,
        )  # fmt: skip
        changed += await self._messages.rewrite_outbox(self._conn, rows, _ERASED_SUBMISSIONS, None, without_submission)
        return {"outbox_messages": changed}

    async def delete_logged_executions(self) -> Counts:
        """Delete a batch of executions of the log."""
        return {"logged_executions": int(await self._conn.scalar(_LOGGED, self._values) or 0)}

    async def delete_logged_feedback(self) -> Counts:
        """Delete a batch of feedback from the log, and the rows that later feedback of the same users would replace."""
        rows = (await self._conn.execute(_FEEDBACK, self._values)).all()
        slots = [
            feedback_slot((row.subject or row.reference).bytes, row.user_hash, row.source, row.kind, row.name)
            for row in rows
        ]
        current = (await self._conn.execute(_CURRENT, {"slots": slots})).rowcount if slots else 0
        return {"logged_feedback": len(rows), "current_feedback": current}

    async def delete_views(self) -> Counts:
        """Delete saved views that filter by the user."""
        return {"views": (await self._conn.execute(_VIEWS, self._values)).rowcount}

    async def erase_dead_letters(self, key: PseudonymKey) -> Counts:
        """Empty and discard the dead letters that are about the user."""
        erased = await self._messages.erase_dead_letters(self._conn, self._erasure.project, self._erasure.subject)
        letters = await self._conn.execute(_LETTERS, {**self._values, "topics": list(SUBMISSIONS)})
        for letter in letters.all():
            if self._is_submission(letter.payload, key):
                await self._conn.execute(_EMPTY_LETTER, {"id": letter.id})
                erased += 1
        return {"dead_letters": erased}

    def _is_submission(self, payload: bytes, key: PseudonymKey) -> bool:
        project = self._erasure.project
        return submitted_by(payload, self._erasure.subject, lambda user: key.pseudonym(project, user))
