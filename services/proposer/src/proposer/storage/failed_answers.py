"""SQL of answers that users disliked, from which instructions are drafted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, false, func, not_, or_, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.data_rules import DataRules
from proposer.domain.instruction_request import FailedAnswer
from proposer.domain.model import PromptKey
from proposer.storage.instruction_tables import failed_answers
from proposer.storage.tables import key_columns, matches_key
from shared.pii.scrub import REPLACEMENT


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
                    "region": each.answer.region,
                    "confidentiality": each.answer.confidentiality,
                }
                for each in disliked
            ]
            await self._conn.execute(insert(failed_answers).values(rows).on_conflict_do_nothing())

    async def list_newest(self, key: PromptKey, since: datetime, limit: int, rules: DataRules) -> list[FailedAnswer]:
        """Return the newest failed answers of a prompt that the target's rules allow, at most one of each user.

        Those without a user count as one user's.
        """
        f = failed_answers.c
        mine = and_(matches_key(failed_answers, key), f.received_at >= since, *_allowed(rules))
        by_user = select(failed_answers).where(mine).ext(distinct_on(f.user))
        newest = by_user.order_by(f.user, f.received_at.desc()).subquery()
        rows = await self._conn.execute(select(newest).order_by(newest.c.received_at.desc()).limit(limit))
        return [
            FailedAnswer(row.execution_id, row.input, row.output, row.comment, row.region, row.confidentiality)
            for row in rows
        ]

    async def delete_expired(self, before: datetime) -> None:
        """Delete answers that were received before a moment."""
        await self._conn.execute(delete(failed_answers).where(failed_answers.c.received_at < before))

    async def delete_of(self, project: str, subject: str) -> int:
        """Delete the answers of a user, or disliked by them; return their number."""
        f = failed_answers.c
        theirs = and_(f.project == project, or_(f.user == subject, f.author == subject))
        return (await self._conn.execute(delete(failed_answers).where(theirs))).rowcount


def _allowed(rules: DataRules) -> list[ColumnElement[bool]]:
    """Return the conditions of `DataRules.allows`."""
    f = failed_answers.c
    found: list[ColumnElement[bool]] = []
    for column, allowed in ((f.region, rules.regions), (f.confidentiality, rules.levels)):
        if allowed is not None:
            unknown = column.is_(None) if rules.allow_unknown else false()
            found.append(or_(column.in_(allowed), unknown))
    if rules.declared:
        texts = func.concat_ws(" ", f.input, f.output, f.comment)
        found.append(not_(texts.regexp_match(REPLACEMENT)))
    return found
