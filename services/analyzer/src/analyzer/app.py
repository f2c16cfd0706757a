"""Wiring: settings in, an ASGI app with the bus handlers attached out."""

from fastapi import FastAPI

from analyzer.api import routes
from analyzer.definitions.api import metrics_router
from analyzer.handlers import Measuring
from analyzer.series.api import series_router
from analyzer.series.upkeep import tidy_forever
from analyzer.settings import AnalyzerSettings
from shared.messaging.flow import Flow
from shared.runtime.clock import Clock, SystemClock
from shared.runtime.service import Platform, Service, build_service_app


def build_app(settings: AnalyzerSettings, clock: Clock | None = None, flow: Flow | None = None) -> FastAPI:
    """One instance of the analyzer."""
    platform = Platform.of(settings, clock or SystemClock(), flow)
    rules = settings.rules_in_force()
    measuring = Measuring(rules, platform.clock, platform.source)
    return build_service_app(
        Service(
            platform,
            title="Ratchet analyzer",
            subscriptions=[measuring.subscription()],
            routers=[
                series_router(platform.engine),
                metrics_router(platform.engine, platform.store, platform.clock, platform.source),
                routes(platform.engine, rules),
            ],
            background=[lambda: tidy_forever(platform.engine, platform.clock)],
        )
    )
