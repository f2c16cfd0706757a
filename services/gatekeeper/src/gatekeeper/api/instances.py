"""HTTP API of instances: each client reports what it serves, and all are listed beside what is live."""

from dataclasses import asdict
from itertools import chain, islice
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from pydantic import Field

from gatekeeper.api.instance_models import InstanceList
from gatekeeper.api.live_delivery import INSTANCE
from gatekeeper.api.request_body import Digest, PromptName, RequestBody, describe_body, json_body
from gatekeeper.delivery.hub import Hub
from gatekeeper.domain.instance_reports import (
    EXPIRES_AFTER_S,
    ExpectedVersion,
    InstanceReport,
    PromptReport,
    count_instances,
    expected_version,
    serving_state,
)
from gatekeeper.storage.instances import InstanceRepository
from gatekeeper.storage.live_versions import LiveVersionRepository
from shared.auth.principal import Principal
from shared.messaging.sql_store import SqlStore
from shared.problems import Problem
from shared.web.authentication import require
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response
from shared.web.routers import combine_routers

App = Annotated[Principal, Depends(require("ingest", "read"))]
Reader = Annotated[Principal, Depends(require("read"))]
InstanceName = Annotated[str, Path(pattern=f"^{INSTANCE.pattern}$")]
_MAX_PROMPTS = 200
_MAX_SDK = 100
_MAX_ROWS = 1000
_Sequence = Annotated[int, Field(ge=0, le=2**53)]


class ServedVersion(RequestBody):
    """What the instance serves of a prompt; without `sequence` the app's own default.

    `refusal`: why the version `refused_sequence` (null: unknown) is not served. `weight`: buckets of the candidate.
    """

    name: PromptName
    sequence: _Sequence | None = None
    digest: Digest | None = None
    candidate_digest: Digest | None = None
    weight: Annotated[int, Field(ge=1, le=9_999)] | None = None
    refused_sequence: _Sequence | None = None
    refusal: Annotated[str, Field(min_length=1, max_length=500)] | None = None


class Acknowledgement(RequestBody):
    """What an instance serves of all prompts that it uses. `stream`: the header `X-Ratchet-Stream` of its stream."""

    sdk: Annotated[str, Field(min_length=1, max_length=_MAX_SDK)]
    stream: Annotated[UUID, Field(strict=False)] | None = None
    prompts: Annotated[list[ServedVersion], Field(max_length=_MAX_PROMPTS)]


AcknowledgementBody = Annotated[Acknowledgement, Depends(json_body(Acknowledgement))]
_EXAMPLE = {
    "sdk": "python/0.1.0",
    "stream": "01890a5d-ac96-774b-bcce-b302099a8057",
    "prompts": [{"name": "answer", "sequence": 7, "digest": "sha256:" + "0" * 64}],
}


def instances_router(store: SqlStore, hub: Hub, gatekeeper: str) -> APIRouter:
    """Return the routes `PUT /v1/instances/{instance}` and `GET /v1/instances`. `gatekeeper`: this one's name."""
    return combine_routers(_report_route(store), _list_route(store, hub, gatekeeper))


def _report_route(store: SqlStore) -> APIRouter:
    router = APIRouter(prefix="/v1/instances", tags=["delivery"])
    schema = describe_body(Acknowledgement, _EXAMPLE)

    @router.put("/{instance}", status_code=204, openapi_extra=schema, responses=problems({429: ["too-many-instances"]}))
    async def acknowledge(principal: App, instance: InstanceName, body: AcknowledgementBody) -> None:
        """Report what an instance serves, which replaces its last report. It is forgotten 90 s after the last one."""
        prompts = [PromptReport(**each.model_dump()) for each in body.prompts]
        async with store.begin() as tx:
            saved = await InstanceRepository(tx.conn).save_report(
                (principal.project, principal.environment), instance, body.sdk, body.stream, prompts
            )
        if not saved:
            raise Problem(429, "too-many-instances", "Too many instances reported", headers={"Retry-After": "90"})

    return router


def _list_route(store: SqlStore, hub: Hub, gatekeeper: str) -> APIRouter:
    router = APIRouter(prefix="/v1/instances", tags=["delivery"])

    @router.get("", responses=describe_response(InstanceList))
    async def instances(principal: Reader) -> dict[str, Any]:
        """Return what each instance serves, over all gatekeepers, and how many serve what is live of each prompt.

        `items` has at most 1,000 rows, an instance and prompt each. `unreported`: streams of this gatekeeper whose
        client does not report, with what it was sent; `connected`: all streams of this gatekeeper.
        """
        scope = (principal.project, principal.environment)
        async with store.begin() as tx:
            reports = await InstanceRepository(tx.conn).list_reports(scope)
            found = await LiveVersionRepository(tx.conn).list_live(*scope)
        live = {each.name: expected_version(each) for each in found}
        known = {report.instance for report in reports}
        clients = hub.clients(scope)
        unreported = chain.from_iterable(each.statuses() for each in clients if each.instance not in known)
        return {
            "gatekeeper": gatekeeper,
            "connected": len(clients),
            "expires_after_seconds": EXPIRES_AFTER_S,
            "prompts": [
                {
                    **asdict(each.live),
                    **{key: getattr(each, key) for key in ("instances", "serving", "stale", "refusing")},
                }
                for each in count_instances(reports, live)
            ],
            "items": list(islice((row for each in reports for row in _rows(each, live)), _MAX_ROWS)),
            "unreported": [asdict(row) for row in islice(unreported, _MAX_ROWS)],
        }

    return router


def _rows(report: InstanceReport, live: dict[str, ExpectedVersion]) -> list[dict[str, Any]]:
    """Return a row per prompt of an instance; `state` is null where nothing is live."""
    about = {"instance": report.instance, "sdk": report.sdk, "reported_at": report.reported_at}
    return [
        {**about, **asdict(each), "state": serving_state(each, live[each.name]) if each.name in live else None}
        for each in report.prompts
    ]
