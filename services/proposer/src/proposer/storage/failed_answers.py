"""SQL of answers that users disliked, from which instructions are drafted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.instruction_request import FailedAnswer
from proposer.domain.model import PromptKey
from proposer.storage.instruction_tables import failed_answers
from proposer.storage.tables import key_columns, matches_key


@dataclass(frozen=True, slots=True)
class DislikedAnswer:
    """A failed answer of a prompt, with the execution's user and who disliked it."""

    key: PromptKey
    answer: FailedAnswer
    user: str | None
    author: str | None
    received_at: datetime


class FailedAnswerRepository:
    """Answers that users disliked, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save(self, disliked: Sequence[DislikedAnswer]) -> None:
        """Save answers; the first dislike of an execution stays."""
        if disliked:
            rows = [
                {
                    **key_columns(each.key),
                    "execution_id": each.answer.execution_id,
                    "user": each.user,
                    "author": each.author,
                    "input": each.answer.input,
                    "output": each.answer.output,
                    "comment": each.answer.comment,
                    "received_at": each.received_at,
                }
                for each in disliked
            ]
            await self._conn.execute(insert(failed_answers).values(rows).on_conflict_do_nothing())

    async def list_newest(self, key: PromptKey, since: datetime, limit: int) -> list[FailedAnswer]:
        """Return the newest failed answers of a prompt, at most one of each user; those without a user count as one."""
        f = failed_answers.c
        mine = and_(matches_key(failed_answers, key), f.received_at >= since)
        by_user = select(failed_answers).where(mine).ext(distinct_on(f.user))
        newest = by_user.order_by(f.user, f.received_at.desc()).subquery()
        rows = await self._conn.execute(select(newest).order_by(newest.c.received_at.desc()).limit(limit))
        return [FailedAnswer(row.execution_id, row.input, row.output, row.comment) for row in rows]

    async def delete_expired(self, before: datetime) -> None:
        """Delete answers that were received before a moment."""
        await self._conn.execute(delete(failed_answers).where(failed_answers.c.received_at < before))

    async def delete_of(self, project: str, subject: str) -> int:
        """Delete the answers of a user, or disliked by them; return their number."""
        f = failed_answers.c
        theirs = and_(f.project == project, or_(f.user == subject, f.author == subject))
        return (await self._conn.execute(delete(failed_answers).where(theirs))).rowcount
