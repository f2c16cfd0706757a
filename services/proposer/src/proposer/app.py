"""Wiring only."""

from fastapi import FastAPI

from proposer.api import routes
from proposer.desk import Desk
from proposer.handlers import Handlers
from proposer.settings import ProposerSettings
from proposer.upkeep import upkeep_forever
from shared.messaging.flow import Flow
from shared.runtime.clock import Clock, SystemClock
from shared.runtime.service import Platform, Service, build_service_app


def build_app(settings: ProposerSettings, clock: Clock | None = None, flow: Flow | None = None) -> FastAPI:
    """One instance of the proposer as an ASGI app."""
    platform = Platform.of(settings, clock or SystemClock(), flow)
    desk = Desk(platform.clock, platform.source)

    async def forget() -> None:
        await upkeep_forever(platform.store, desk, platform.clock, settings.upkeep_seconds)

    return build_service_app(
        Service(
            platform,
            "Ratchet proposer",
            subscriptions=Handlers(desk, platform.clock).subscriptions(),
            routers=(routes(platform.engine, platform.clock),),
            background=(forget,),
        )
    )
