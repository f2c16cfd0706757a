"""`/v1/datasets/{name}/cases`: cases of a dataset, and reviews of them by people."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from evaluator.api.case_body import cases_operation, read_cases
from evaluator.api.dataset_views import CasePage, CaseView, case_view
from evaluator.api.parameters import UNKNOWN, Limit, Name, Person, Reader, Tuner, dataset_key
from evaluator.dataset_service import DatasetService, unknown_dataset
from evaluator.domain.case_addition import Addition
from evaluator.domain.datasets import CaseState, DatasetKey, ReviewedCase, ReviewState
from evaluator.storage.cases import CaseRepository
from evaluator.storage.datasets import DatasetRepository
from shared.problems import Problem
from shared.web.json_body import RequestBody, body_operation, json_body
from shared.web.pagination import Cursor, Keyset
from shared.web.problem_docs import problems
from shared.web.routers import combine_routers

CaseId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
_UNKNOWN_CASE = problems({404: ["unknown-dataset", "unknown-case"]})


class LineProblem(BaseModel):
    """Why the case of a line was not added."""

    line: int = Field(description="From 1; the position in `cases` of a JSON body")
    field: str
    reason: str


class Pair(BaseModel):
    """Two cases with nearly the same input. `first` was there before."""

    first: str
    second: str
    similarity: float


class Added(BaseModel):
    """Numbers of cases: `repeated` are those that the dataset had already."""

    added: int
    repeated: int
    problems: list[LineProblem]
    near_duplicates: list[Pair]


class NewReview(RequestBody):
    """A decision about one case."""

    state: ReviewState


class NewReviews(RequestBody):
    """One decision about several cases."""

    state: ReviewState
    cases: Annotated[list[CaseId], Field(min_length=1, max_length=1000)]


class Reviewed(BaseModel):
    """`changed`: how many cases had another state before; `unknown`: ids that the dataset does not have."""

    state: ReviewState
    changed: int
    unknown: list[str]


def dataset_cases_router(engine: AsyncEngine, service: DatasetService) -> APIRouter:
    """Return the routes; they read on connections of `engine`."""
    return combine_routers(_case_routes(engine, service), _review_routes(engine, service))


def _case_routes(engine: AsyncEngine, service: DatasetService) -> APIRouter:
    router = APIRouter(prefix="/v1/datasets/{name}", tags=["datasets"])

    @router.post("/cases", responses=UNKNOWN, openapi_extra=cases_operation())
    async def add_cases(name: Name, tuner: Tuner, request: Request) -> Added:
        """Propose cases: they enter a version after a person has accepted them.

        Invalid cases, and those whose user refused this use, are listed in `problems`; the others are added. A case
        that the dataset has already, whatever its state, is counted in `repeated`.
        """
        return added_view(await service.add_cases(dataset_key(tuner, name), await read_cases(request), tuner.subject))

    @router.get("/cases", responses=UNKNOWN)
    async def list_cases(
        name: Name, reader: Reader, state: CaseState | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> CasePage:
        """List the cases in the order in which they were added, with their near-duplicates."""
        key = dataset_key(reader, name)
        keyset = Keyset("cases", int, filters=(*key, state))
        (after,) = keyset.decode(cursor)
        async with engine.connect() as conn:
            if await DatasetRepository(conn).get(key) is None:
                raise unknown_dataset()
            found = await CaseRepository(conn).list_cases(key, state, after or 0, limit)
            views = dict(zip([it.position for it in found], await _views(conn, key, found), strict=True))
        page = keyset.page(found, limit, key=lambda it: (it.position,), view=lambda it: views[it.position])
        return CasePage.model_validate(page)

    return router


def _review_routes(engine: AsyncEngine, service: DatasetService) -> APIRouter:
    router = APIRouter(prefix="/v1/datasets/{name}", tags=["datasets"])

    @router.post(
        "/cases/{case_id:path}/reviews",
        responses=_UNKNOWN_CASE,
        openapi_extra=body_operation(NewReview, {"state": "accepted"}),
    )
    async def review_case(
        name: Name,
        case_id: Annotated[CaseId, Path()],
        person: Person,
        body: Annotated[NewReview, Depends(json_body(NewReview))],
    ) -> CaseView:
        """Accept or reject a case; a later review replaces it. Published versions stay as they are."""
        key = dataset_key(person, name)
        review = await service.review(key, [case_id], body.state, person.subject)
        async with engine.connect() as conn:
            found = None if review.unknown else await CaseRepository(conn).get_case(key, case_id)
            if found is None:
                raise Problem(404, "unknown-case", "This dataset has no such case")
            return (await _views(conn, key, [found]))[0]

    @router.post(
        "/reviews",
        responses=UNKNOWN,
        openapi_extra=body_operation(NewReviews, {"state": "accepted", "cases": ["returns-1", "returns-2"]}),
    )
    async def review_cases(
        name: Name, person: Person, body: Annotated[NewReviews, Depends(json_body(NewReviews))]
    ) -> Reviewed:
        """Accept or reject several cases with one decision."""
        review = await service.review(dataset_key(person, name), body.cases, body.state, person.subject)
        return Reviewed(state=body.state, changed=len(review.changed), unknown=list(review.unknown))

    return router


def added_view(addition: Addition) -> Added:
    """Return the view of what became of sent cases."""
    return Added(
        added=len(addition.cases),
        repeated=addition.repeated,
        problems=[LineProblem(**problem._asdict()) for problem in addition.problems],
        near_duplicates=[
            Pair(first=pair.first, second=pair.second, similarity=pair.similarity) for pair in addition.near_duplicates
        ],
    )


async def _views(conn: AsyncConnection, key: DatasetKey, found: list[ReviewedCase]) -> list[CaseView]:
    near = await CaseRepository(conn).get_near_duplicates(key, [it.case.id for it in found])
    return [case_view(it, near.get(it.case.id, [])) for it in found]
