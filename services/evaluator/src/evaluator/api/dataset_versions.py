"""`/v1/datasets/{name}/versions`: publish the accepted cases, and export published versions."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.api.case_body import NDJSON
from evaluator.api.dataset_views import VersionPage, VersionView, version_view
from evaluator.api.parameters import UNKNOWN, Limit, Name, Person, Reader, dataset_key
from evaluator.dataset_service import DatasetService, unknown_dataset
from evaluator.domain.datasets import DatasetKey
from evaluator.storage.datasets import DatasetRepository, VersionFiles
from shared.problems import Problem
from shared.web.pagination import Cursor, Keyset
from shared.web.problem_docs import problems
from shared.web.routers import combine_routers

Digest = Annotated[str, Path(pattern=r"^sha256:[0-9a-f]{64}$")]
_UNKNOWN_VERSION = problems({404: ["unknown-version"], 410: ["version-erased"]})
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A case a line", "content": {NDJSON[0]: {"schema": {"type": "string"}}}}
}
_MANIFEST: dict[int | str, dict[str, Any]] = {
    200: {"description": "The manifest", "content": {"application/json": {"schema": {"type": "object"}}}}
}
_CREATED: dict[int | str, dict[str, Any]] = {
    200: {"model": VersionView, "description": "The latest version has these cases already"}
}


def dataset_versions_router(engine: AsyncEngine, service: DatasetService) -> APIRouter:
    """Return the routes; they read on connections of `engine`."""
    return combine_routers(_version_routes(engine, service), _export_routes(engine))


def _version_routes(engine: AsyncEngine, service: DatasetService) -> APIRouter:
    router = APIRouter(prefix="/v1/datasets/{name}/versions", tags=["datasets"])

    @router.post(
        "",
        status_code=201,
        responses=problems({404: ["unknown-dataset"], 409: ["no-accepted-case"]}) | _CREATED,
    )
    async def publish(name: Name, person: Person, response: Response) -> VersionView:
        """Publish the accepted cases as an immutable version, identified by the digest of its cases."""
        version, is_new = await service.publish(dataset_key(person, name), person.subject)
        response.status_code = 201 if is_new else 200
        return version_view(version)

    @router.get("", responses=UNKNOWN)
    async def list_versions(name: Name, reader: Reader, limit: Limit = 50, cursor: Cursor = None) -> VersionPage:
        """List the published versions, latest first."""
        key = dataset_key(reader, name)
        keyset = Keyset("dataset-versions", int, filters=key)
        (before,) = keyset.decode(cursor)
        async with engine.connect() as conn:
            if await DatasetRepository(conn).get(key) is None:
                raise unknown_dataset()
            found = await DatasetRepository(conn).list_versions(key, before, limit)
        page = keyset.page(found, limit, key=lambda it: (it.version,), view=version_view)
        return VersionPage.model_validate(page)

    return router


def _export_routes(engine: AsyncEngine) -> APIRouter:
    router = APIRouter(prefix="/v1/datasets/{name}/versions/{digest}", tags=["datasets"])

    async def files(key: DatasetKey, digest: str) -> VersionFiles:
        async with engine.connect() as conn:
            found = await DatasetRepository(conn).get_files(key, digest)
        if found is None:
            raise Problem(404, "unknown-version", "This dataset has no version with this digest")
        if found.erased:
            detail = "a later version has its other cases"
            raise Problem(410, "version-erased", "The user of a case of this version was erased", detail)
        return found

    @router.get("/export", response_class=Response, responses=_UNKNOWN_VERSION | _FILE)
    async def export_cases(name: Name, digest: Digest, reader: Reader) -> Response:
        """Return the file of cases of a version, as `ratchet eval --dataset` reads it."""
        found = await files(dataset_key(reader, name), digest)
        return Response(found.content, media_type=NDJSON[0])

    @router.get("/manifest", response_class=Response, responses=_UNKNOWN_VERSION | _MANIFEST)
    async def export_manifest(name: Name, digest: Digest, reader: Reader) -> Response:
        """Return the manifest beside the file of cases: digests of file and set, licence, origins and consent."""
        found = await files(dataset_key(reader, name), digest)
        return Response(found.manifest, media_type="application/json")

    return router
