"""`GET /v1/executions`: what is still stored of executions, for keys with the scope `read`."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from collector.api.execution_filters import Reader, Words, filter_dependency
from collector.api.execution_models import ExecutionDetail, ExecutionPage, StoredExecution, StoredExecutionList
from collector.api.execution_responses import to_detail, to_feedback, to_page
from collector.domain.execution_filter import ExecutionFilter
from collector.domain.log_entries import subject_reference
from collector.domain.model import key_hash
from collector.domain.schemas import Id, Name
from collector.ingest.service import PseudonymKeyCache
from collector.storage.execution_reader import ExecutionReader
from collector.storage.log_reader import ExecutionLogReader
from shared.auth.principal import Principal
from shared.events.base import execution_reference
from shared.events.feedback import ExecutionFacts
from shared.problems import Problem, invalid
from shared.web.pagination import Cursor, Keyset, Limit
from shared.web.problem_docs import problems
from shared.web.routers import combine_routers

MAX_IDS = 50
_BROAD = problems({422: ["search-too-broad"]})
_UNKNOWN = problems({404: ["execution-unknown"]})
Ids = Annotated[
    list[Id] | None,
    Query(alias="id", min_length=1, max_length=MAX_IDS, description="Only these; no other parameter is allowed then"),
]


def executions_router(
    executions: ExecutionReader, log: ExecutionLogReader, pseudonym_key: PseudonymKeyCache
) -> APIRouter:
    """Return the routes. They read the caller's project and environment; texts are scrubbed and users hashed."""
    return combine_routers(_list_routes(executions, log, pseudonym_key), _single_routes(executions, log))


def _list_routes(executions: ExecutionReader, log: ExecutionLogReader, pseudonym_key: PseudonymKeyCache) -> APIRouter:
    router = APIRouter(prefix="/v1/executions", tags=["executions"])
    read_filter = filter_dependency(pseudonym_key)

    @router.get("", response_model=ExecutionPage | StoredExecutionList, responses=_BROAD)
    async def list_executions(
        principal: Reader,
        wanted: Annotated[ExecutionFilter, Depends(read_filter)],
        ids: Ids = None,
        q: Words = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> ExecutionPage | StoredExecutionList:
        """Return executions, newest first; or with `id` those, in their order.

        The list has an execution about a second after it was accepted. With `session`, `feedback` of the answer is that
        about the session as a whole. Where the list reaches the archive, a page may have fewer executions than `limit`
        although `next` has more. With `id`, executions are found at once, with their whole texts but without scores and
        feedback; unknown, archived and deleted ones are left out.
        """
        if ids is not None:
            if wanted != ExecutionFilter(principal.project, principal.environment) or q is not None or cursor:
                raise invalid("id", "cannot be combined with other parameters")
            return StoredExecutionList(items=await _list_by_id(executions, principal, ids))
        return await _read_page(log, wanted, q, cursor, limit)

    return router


def _single_routes(executions: ExecutionReader, log: ExecutionLogReader) -> APIRouter:
    router = APIRouter(prefix="/v1/executions", tags=["executions"])

    @router.get("/latest", responses=_UNKNOWN)
    async def get_latest_execution(principal: Reader, target: Annotated[Name, Query()]) -> StoredExecution:
        """Return the newest execution of a target. Problem 404 if there is none."""
        row = await executions.get_latest_execution(principal.project, principal.environment, target)
        if row is None:
            raise Problem(404, "execution-unknown", "No execution of this target is stored")
        return to_view(row)

    @router.get("/{execution_id:path}", responses=_UNKNOWN)
    async def get_execution(principal: Reader, execution_id: Annotated[Id, Path()]) -> ExecutionDetail:
        """Return an execution with its feedback and scores. Problem 404 if the log does not have it.

        The log has an execution about a second after it was accepted, for `RATCHET_LOG_DAYS`; then the archive has it,
        if there is one.
        """
        reference = execution_reference(principal.project, principal.environment, execution_id)
        entry = await log.get_execution(principal.project, reference)
        if entry is None:
            raise Problem(404, "execution-unknown", "No execution with this id is in the log")
        return to_detail(entry, (await log.list_feedback(principal.project, [entry])).get(reference, ()))

    return router


async def _read_page(
    log: ExecutionLogReader, wanted: ExecutionFilter, words: str | None, cursor: str | None, limit: int
) -> ExecutionPage:
    """Return the page after `cursor`, with the feedback about a session that is asked for."""
    keyset = Keyset("executions", datetime, UUID, filters=(wanted, words))
    at, reference = keyset.decode(cursor)
    after = None if cursor is None else (at, reference)
    if words is None:
        page = await log.list_executions(wanted, after, limit)
    else:
        page = await log.search(wanted, words, after, limit)
    feedback = await log.list_feedback(wanted.project, page.entries)
    about = None
    if wanted.session is not None:
        subject = subject_reference(wanted.project, wanted.environment, "session", wanted.session)
        about = to_feedback(await log.list_subject_feedback(wanted.project, subject, page.entries))
    return to_page(page, feedback, None if page.following is None else keyset.encode(*page.following), about)


async def _list_by_id(executions: ExecutionReader, principal: Principal, ids: list[Id]) -> list[StoredExecution]:
    references = list(dict.fromkeys(_reference(principal, execution_id) for execution_id in ids))
    found = await executions.list_executions(references)
    return [to_view(found[reference]) for reference in references if reference in found]


def _reference(principal: Principal, execution_id: str) -> bytes:
    return key_hash(principal.project, principal.environment, "execution", execution_id)


def to_view(row: Any) -> StoredExecution:
    """Return a row of `executions`."""
    facts = ExecutionFacts.model_validate_json(row.facts).model_dump()
    return StoredExecution(
        id=facts.pop("execution_id"),
        target=row.target,
        received_at=row.received_at,
        **facts,
    )
