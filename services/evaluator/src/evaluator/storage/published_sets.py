"""Published golden sets, as evaluations read them."""

import asyncio
import json

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.worker_requests import SetKey
from evaluator.storage.tables import cases, versions
from ratchet_evaluation.domain.cases import GoldenCase, parse_case
from ratchet_evaluation.domain.golden_set import GoldenSet


class PublishedSetRepository:
    """Published sets, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def get_latest(
        self, project: str, environment: str, target: str, dataset: str | None = None
    ) -> SetKey | None:
        """Return the latest published set of a target, or of one of its datasets."""
        v = versions.c
        mine = select(v.dataset, v.digest).where(v.project == project, v.environment == environment, v.target == target)
        mine = mine.where(v.erased_at.is_(None))
        if dataset is not None:
            mine = mine.where(v.dataset == dataset)
        row = (await self._conn.execute(mine.order_by(v.published_at.desc(), v.version.desc()).limit(1))).first()
        return None if row is None else SetKey(project, environment, row.dataset, row.digest)

    async def load_cases(self, published: SetKey) -> GoldenSet:
        """Return the cases of a published set. Raises LookupError if it is not stored."""
        v = versions.c
        mine = and_(v.project == published.project, v.environment == published.environment)
        this = and_(v.dataset == published.name, v.digest == published.digest, v.erased_at.is_(None))
        content = await self._conn.scalar(select(v.content).where(mine, this).limit(1))
        if content is None:
            raise LookupError("the published set is not stored")
        return await asyncio.to_thread(_parse_set, content)  # it takes a while for thousands of cases

    async def list_unpublished(self, published: SetKey, golden_set: GoldenSet) -> list[GoldenCase]:
        """Return the other cases of the dataset, in all states."""
        c = cases.c
        mine = and_(c.project == published.project, c.environment == published.environment)
        found = await self._conn.execute(select(c.case_id, c.document).where(mine, c.dataset == published.name))
        known = {case.id for case in golden_set.cases}
        return [parse_case(json.loads(row.document)) for row in found if row.case_id not in known]


def _parse_set(content: bytes) -> GoldenSet:
    return GoldenSet(tuple(parse_case(json.loads(line)) for line in content.splitlines() if line))
