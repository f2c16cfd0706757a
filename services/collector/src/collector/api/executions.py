"""`GET /v1/executions`: what is still kept of executions, for those who may read."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlalchemy.ext.asyncio import AsyncEngine

from collector.domain.model import key_hash
from collector.domain.schemas import Id, Name
from collector.storage import statements as sql
from shared.auth.principal import Principal
from shared.events.feedback import ExecutionFacts
from shared.problems import Problem
from shared.web.authentication import require

MOST_IDS = 50
Reader = Annotated[Principal, Depends(require("read"))]
Ids = Annotated[list[Id], Query(alias="id", min_length=1, max_length=MOST_IDS)]


def executions_router(engine: AsyncEngine) -> APIRouter:
    """Of the caller's project and environment. Texts are shown as they were kept: scrubbed, their users hashed."""
    router = APIRouter(prefix="/v1/executions", tags=["executions"])

    async def fetch(statement: str, *values: object) -> Sequence[Any]:
        async with engine.connect() as conn:
            return (await conn.exec_driver_sql(statement, values)).all()

    @router.get("")
    async def some(reader: Reader, ids: Ids) -> dict[str, Any]:
        """Those with these ids, in their order; what is unknown, or not kept any more, is left out."""
        references = {execution_id: _reference(reader, execution_id) for execution_id in ids}
        rows = await fetch(sql.SHOWN, list(references.values()))
        found = {row.reference: row for row in rows}
        return {"items": [to_view(found[each]) for each in references.values() if each in found]}

    @router.get("/latest")
    async def latest(reader: Reader, target: Annotated[Name, Query()]) -> dict[str, Any]:
        """The newest of a target. Problem 404 where there is none."""
        rows = await fetch(sql.LATEST, reader.project, reader.environment, target)
        if not rows:
            raise Problem(404, "execution-unknown", "No execution of this target is kept")
        return to_view(rows[0])

    return router


def _reference(reader: Principal, execution_id: str) -> bytes:
    return key_hash(reader.project, reader.environment, "execution", execution_id)


def to_view(row: Any) -> dict[str, Any]:
    """A row of `executions` as the API tells it: `id`, `target`, `received_at`, and the facts by their names."""
    facts = ExecutionFacts.model_validate_json(row.facts).model_dump(mode="json")
    return {
        "id": facts.pop("execution_id"),
        "target": row.target,
        "received_at": row.received_at.isoformat(),
        **facts,
    }
