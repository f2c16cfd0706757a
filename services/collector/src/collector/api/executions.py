"""`GET /v1/executions`: what is still stored of executions, for keys with the scope `read`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from collector.domain.model import key_hash
from collector.domain.schemas import Id, Name
from collector.storage.execution_reader import ExecutionReader
from shared.auth.principal import Principal
from shared.events.feedback import ExecutionFacts
from shared.problems import Problem
from shared.web.authentication import require

MAX_IDS = 50
Reader = Annotated[Principal, Depends(require("read"))]
Ids = Annotated[list[Id], Query(alias="id", min_length=1, max_length=MAX_IDS)]


def executions_router(executions: ExecutionReader) -> APIRouter:
    """Return the routes. They read the caller's project and environment; texts are scrubbed and users hashed."""
    router = APIRouter(prefix="/v1/executions", tags=["executions"])

    @router.get("")
    async def list_executions(principal: Reader, ids: Ids) -> dict[str, Any]:
        """Return the executions with these ids, in their order; unknown and deleted ones are left out."""
        references = list(dict.fromkeys(_reference(principal, execution_id) for execution_id in ids))
        found = await executions.list_executions(references)
        return {"items": [to_view(found[reference]) for reference in references if reference in found]}

    @router.get("/latest")
    async def get_latest_execution(principal: Reader, target: Annotated[Name, Query()]) -> dict[str, Any]:
        """Return the newest execution of a target. Problem 404 if there is none."""
        row = await executions.get_latest_execution(principal.project, principal.environment, target)
        if row is None:
            raise Problem(404, "execution-unknown", "No execution of this target is stored")
        return to_view(row)

    return router


def _reference(principal: Principal, execution_id: str) -> bytes:
    return key_hash(principal.project, principal.environment, "execution", execution_id)


def to_view(row: Any) -> dict[str, Any]:
    """Return a row of `executions` as JSON: `id`, `target`, `received_at`, and the facts by their names."""
    facts = ExecutionFacts.model_validate_json(row.facts).model_dump(mode="json")
    return {
        "id": facts.pop("execution_id"),
        "target": row.target,
        "received_at": row.received_at.isoformat(),
        **facts,
    }
