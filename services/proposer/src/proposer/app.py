"""Wiring only."""

from fastapi import FastAPI

from proposer.api.candidates import routes
from proposer.handlers import Handlers
from proposer.maintenance import expire_periodically
from proposer.service import ProposalService
from proposer.settings import ProposerSettings
from shared.messaging.flow_control import Flow
from shared.runtime.clock import Clock, SystemClock
from shared.service.bootstrap import Platform, Service, build_service_app


def build_app(settings: ProposerSettings, clock: Clock | None = None, flow: Flow | None = None) -> FastAPI:
    """One instance of the proposer as an ASGI app."""
    platform = Platform.of(settings, clock or SystemClock(), flow)
    desk = ProposalService(platform.clock, platform.source)

    async def forget() -> None:
        await expire_periodically(platform.store, desk, platform.clock, settings.upkeep_seconds)

    return build_service_app(
        Service(
            platform,
            "Ratchet proposer",
            subscriptions=Handlers(desk, platform.clock).subscriptions(),
            routers=(routes(platform.engine, platform.clock),),
            background=(forget,),
        )
    )
