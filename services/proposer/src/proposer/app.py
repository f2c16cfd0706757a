"""Composition root of the proposer."""

from fastapi import FastAPI

from proposer.api.candidates import candidates_router
from proposer.api.drafts import drafts_router
from proposer.handlers import Handlers
from proposer.maintenance import expire_stale_candidates
from proposer.proposal_service import ProposalService
from proposer.settings import ProposerSettings
from shared.messaging.flow_control import Flow
from shared.runtime.background import run_every
from shared.runtime.clock import Clock, SystemClock
from shared.service.service_app import Platform, Service, build_service_app


def build_app(settings: ProposerSettings, clock: Clock | None = None, flow: Flow | None = None) -> FastAPI:
    """Build one instance of the proposer as an ASGI app."""
    platform = Platform.create(settings, clock or SystemClock(), flow)
    service = ProposalService(platform.clock, platform.source)

    async def expire() -> None:
        await expire_stale_candidates(platform.store, service, platform.clock)

    return build_service_app(
        Service(
            platform,
            "Ratchet proposer",
            subscriptions=Handlers(service, platform.clock).subscriptions(),
            routers=(candidates_router(platform.reader, platform.clock), drafts_router(platform.reader)),
            background=(lambda: run_every(settings.upkeep_seconds, expire),),
        )
    )
