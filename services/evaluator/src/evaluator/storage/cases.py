"""Cases of datasets, with their reviews and near-duplicates."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.datasets import CaseState, DatasetKey, ReviewedCase, ReviewState
from evaluator.storage.tables import cases, near_duplicates
from ratchet.prompt.canonical import canonical_bytes
from ratchet_evaluation.domain.cases import GoldenCase, parse_case
from ratchet_evaluation.domain.near_duplicates import NearDuplicate

_CHUNK = 500
"""Rows of a statement."""


class CaseRepository:
    """Cases, read and written in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def list_documents(self, key: DatasetKey, state: CaseState | None = None) -> list[str]:
        """Return the JSON texts of all cases, of one state or of all, in the order in which they were added."""
        statement = select(cases.c.document).where(_in_dataset(cases, key)).order_by(cases.c.position)
        if state is not None:
            statement = statement.where(cases.c.state == state)
        return list(await self._conn.scalars(statement))

    async def list_cases(self, key: DatasetKey, state: CaseState | None, after: int, limit: int) -> list[ReviewedCase]:
        """Return cases of one state or of all that follow the position `after`, in the order they were added."""
        statement = select(cases).where(_in_dataset(cases, key), cases.c.position > after)
        if state is not None:
            statement = statement.where(cases.c.state == state)
        return [_case(row) for row in await self._conn.execute(statement.order_by(cases.c.position).limit(limit))]

    async def get_case(self, key: DatasetKey, case_id: str) -> ReviewedCase | None:
        """Return a case; None if there is none of this id."""
        row = (
            await self._conn.execute(select(cases).where(_in_dataset(cases, key), cases.c.case_id == case_id))
        ).first()
        return None if row is None else _case(row)

    async def add(self, key: DatasetKey, added: Sequence[GoldenCase], at: datetime, by: str) -> None:
        """Save new cases as proposed, in their order."""
        rows = [
            {
                **_columns(key), "case_id": case.id, "digest": case.digest, "state": "proposed", "added_at": at,
                "added_by": by, "document": canonical_bytes(case.to_json()).decode(),
            }
            for case in added
        ]  # fmt: skip
        for start in range(0, len(rows), _CHUNK):
            await self._conn.execute(insert(cases).values(rows[start : start + _CHUNK]))

    async def add_near_duplicates(self, key: DatasetKey, pairs: Sequence[NearDuplicate]) -> None:
        """Save pairs of nearly equal cases."""
        rows = [
            {**_columns(key), "first": pair.first, "second": pair.second, "similarity": pair.similarity}
            for pair in pairs
        ]
        for start in range(0, len(rows), _CHUNK):
            await self._conn.execute(insert(near_duplicates).values(rows[start : start + _CHUNK]))

    async def review(
        self, key: DatasetKey, case_ids: Sequence[str], state: ReviewState, at: datetime, by: str
    ) -> list[str]:
        """Give cases a state, with its reviewer, and return the ids of those that had another one."""
        rows = await self._conn.execute(
            update(cases)
            .where(_in_dataset(cases, key), cases.c.case_id.in_(case_ids), cases.c.state != state)
            .values(state=state, reviewed_at=at, reviewed_by=by)
            .returning(cases.c.case_id)
        )
        return [row.case_id for row in rows]

    async def list_known(self, key: DatasetKey, case_ids: Sequence[str]) -> set[str]:
        """Return those of these ids that a dataset has."""
        known = _in_dataset(cases, key), cases.c.case_id.in_(case_ids)
        return set(await self._conn.scalars(select(cases.c.case_id).where(*known)))

    async def get_near_duplicates(
        self, key: DatasetKey, case_ids: Sequence[str]
    ) -> Mapping[str, list[tuple[str, float]]]:
        """Return the nearly equal cases of each of these cases with their similarity, the most similar first."""
        found: dict[str, list[tuple[str, float]]] = defaultdict(list)
        if not case_ids:
            return found
        n = near_duplicates.c
        own = _in_dataset(near_duplicates, key), or_(n.first.in_(case_ids), n.second.in_(case_ids))
        statement = select(n.first, n.second, n.similarity).where(*own)
        for row in await self._conn.execute(statement.order_by(n.similarity.desc(), n.first, n.second)):
            found[row.first].append((row.second, row.similarity))
            found[row.second].append((row.first, row.similarity))
        return found


def parse_documents(documents: Sequence[str]) -> list[GoldenCase]:
    """Return the cases of stored JSON texts. Slow for thousands: run it in a thread."""
    return [parse_case(json.loads(document)) for document in documents]


def _in_dataset(table: Table, key: DatasetKey) -> ColumnElement[bool]:
    c = table.c
    return and_(c.project == key.project, c.environment == key.environment, c.dataset == key.name)


def _columns(key: DatasetKey) -> dict[str, str]:
    return {"project": key.project, "environment": key.environment, "dataset": key.name}


def _case(row: Row[Any]) -> ReviewedCase:
    case = parse_case(json.loads(row.document))
    return ReviewedCase(case, row.position, row.state, row.added_at, row.added_by, row.reviewed_at, row.reviewed_by)
