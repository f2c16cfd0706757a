"""Composition root: build the ASGI app with its handlers from settings."""

from fastapi import FastAPI

from analyzer.api.metrics import metrics_router
from analyzer.api.quality import quality_router
from analyzer.api.regressions import regressions_router
from analyzer.api.series import series_router
from analyzer.erasures import erasure_handler
from analyzer.handlers import Handlers
from analyzer.maintenance import COMPACTION_S, compact_windows
from analyzer.settings import AnalyzerSettings
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.flow_control import Flow
from shared.runtime.background import run_every
from shared.runtime.clock import Clock, SystemClock
from shared.service.service_app import Platform, Service, build_service_app


def build_app(settings: AnalyzerSettings, clock: Clock | None = None, flow: Flow | None = None) -> FastAPI:
    """Build one instance of the analyzer."""
    platform = Platform.create(settings, clock or SystemClock(), flow)
    rules = settings.load_rules()
    subjects = ErasedSubjects("analyzer", platform.metrics.registry)
    handlers = Handlers(rules, subjects, platform.clock, platform.source)
    return build_service_app(
        Service(
            platform,
            title="Ratchet analyzer",
            subscriptions=(*handlers.subscriptions(), erasure_handler(subjects, platform.clock).subscription()),
            routers=[
                series_router(platform.reader),
                metrics_router(platform.reader, platform.store, platform.clock, platform.source),
                quality_router(platform.reader, rules),
                regressions_router(platform.reader, rules),
            ],
            background=[lambda: run_every(COMPACTION_S, lambda: compact_windows(platform.engine, platform.clock))],
        )
    )
