"""`/v1/datasets`: golden sets of the caller's project and environment."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from evaluator.api.dataset_views import DatasetPage, DatasetView, dataset_view
from evaluator.api.parameters import UNKNOWN, Limit, Name, Reader, Target, Tuner, dataset_key
from evaluator.dataset_service import DatasetService, unknown_dataset
from evaluator.domain.datasets import GoldenDataset
from evaluator.storage.datasets import DatasetRepository
from shared.web.json_body import Label, RequestBody, body_operation, json_body
from shared.web.pagination import Cursor, Keyset
from shared.web.problem_docs import problems
from shared.web.routers import combine_routers


class NewDataset(RequestBody):
    """A dataset for an app or route; fields that are left out stay as they are."""

    target: Label
    description: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] | None = None
    licence: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None


_EXAMPLE = {"target": "support-bot", "description": "Questions that customers asked in May", "licence": "CC-BY-4.0"}
_CREATED: dict[int | str, dict[str, Any]] = {201: {"model": DatasetView, "description": "The dataset is new"}}


def datasets_router(engine: AsyncEngine, service: DatasetService) -> APIRouter:
    """Return the router; it reads on connections of `engine`."""
    return combine_routers(_read_routes(engine), _change_routes(engine, service))


def _read_routes(engine: AsyncEngine) -> APIRouter:
    router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

    @router.get("")
    async def list_datasets(
        reader: Reader, target: Target = None, limit: Limit = 50, cursor: Cursor = None
    ) -> DatasetPage:
        """List the datasets by name, with the numbers of their cases and the latest version."""
        keyset = Keyset("datasets", str, filters=(reader.project, reader.environment, target))
        (after,) = keyset.decode(cursor)
        async with engine.connect() as conn:
            saved = DatasetRepository(conn)
            found = await saved.list_datasets(reader.project, reader.environment, target, after or "", limit)
            views = await _views(conn, found)
        page = keyset.page(views, limit, key=lambda view: (view.name,), view=lambda view: view)
        return DatasetPage.model_validate(page)

    @router.get("/{name}", responses=UNKNOWN)
    async def get_dataset(name: Name, reader: Reader) -> DatasetView:
        """Return a dataset with the numbers of its cases by state, and the latest version."""
        async with engine.connect() as conn:
            found = await DatasetRepository(conn).get(dataset_key(reader, name))
            if found is None:
                raise unknown_dataset()
            return (await _views(conn, [found]))[0]

    return router


def _change_routes(engine: AsyncEngine, service: DatasetService) -> APIRouter:
    router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

    @router.put(
        "/{name}",
        responses=problems({409: ["target-fixed", "too-many-datasets"]}) | _CREATED,
        openapi_extra=body_operation(NewDataset, _EXAMPLE),
    )
    async def put_dataset(
        name: Name, tuner: Tuner, response: Response, body: Annotated[NewDataset, Depends(json_body(NewDataset))]
    ) -> DatasetView:
        """Create a dataset, or change the description or licence of an existing one; its target is fixed."""
        key = dataset_key(tuner, name)
        found, is_new = await service.put(key, body.target, body.description, body.licence, tuner.subject)
        response.status_code = 201 if is_new else 200
        async with engine.connect() as conn:
            return (await _views(conn, [found]))[0]

    return router


async def _views(conn: AsyncConnection, found: list[GoldenDataset]) -> list[DatasetView]:
    saved, keys = DatasetRepository(conn), [dataset.key for dataset in found]
    counts, latest = await saved.count_cases(keys), await saved.get_latest(keys)
    return [dataset_view(dataset, counts[dataset.key], latest.get(dataset.key)) for dataset in found]
