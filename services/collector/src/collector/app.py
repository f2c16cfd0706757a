"""Wiring: the collector as an ASGI app."""

from dataclasses import dataclass

from fastapi import FastAPI

from collector.api.executions import executions_router
from collector.api.fast_path import protocol_of
from collector.api.ingest import ROUTES, Intake, IntakeMiddleware
from collector.domain.model import IngestItem, Judgement
from collector.handlers import Handlers
from collector.ingest.group_commit import GroupCommitter
from collector.ingest.service import BatchWriter, IngestService, PseudonymKeyCache
from collector.maintenance import Maintenance
from collector.settings import CollectorSettings
from collector.storage.connections import DedicatedConnection
from shared.messaging.flow_control import Flow
from shared.runtime.clock import Clock, SystemClock
from shared.service.bootstrap import Platform, Service, build_service_app


@dataclass(frozen=True, slots=True)
class Parts:
    """What an instance is made of. `committer` and `upkeep` are to be run."""

    platform: Platform
    settings: CollectorSettings
    committer: "GroupCommitter[IngestItem, Judgement]"
    upkeep: Maintenance
    desk: IngestService
    hot: tuple[DedicatedConnection, ...]
    quiet: DedicatedConnection

    @classmethod
    def of(cls, settings: CollectorSettings, clock: Clock, flow: Flow | None = None) -> "Parts":
        """Opens nothing yet."""
        platform = Platform.of(settings, clock, flow)
        hot = tuple(DedicatedConnection(platform.engine) for _ in range(settings.writers))
        quiet = DedicatedConnection(platform.engine)

        def on_emit() -> None:
            platform.store.on_emit()  # the relay puts itself there when it starts

        upkeep = Maintenance(quiet, settings, clock, on_emit)

        def on_recorded() -> None:
            on_emit()
            upkeep.notify()

        writers = [BatchWriter(line, settings.relay_shards, on_recorded) for line in hot]
        committer = GroupCommitter[IngestItem, Judgement](
            *(writer.write for writer in writers), max_items=settings.queue_items
        )
        desk = IngestService(committer, PseudonymKeyCache(platform.engine), clock)
        return cls(platform, settings, committer, upkeep, desk, hot, quiet)


def build_app(settings: CollectorSettings, clock: Clock | None = None, flow: Flow | None = None) -> FastAPI:
    """The app of one instance. It opens connections when it starts, not before."""
    parts = Parts.of(settings, clock or SystemClock(), flow)
    keys = parts.platform.keys
    intake = Intake(parts.desk, keys, settings, parts.platform.limiter)
    app = build_service_app(
        Service(
            parts.platform,
            title="Ratchet collector",
            subscriptions=Handlers(parts.desk, keys, settings.relay_shards).subscriptions(),
            background=(parts.committer.run, parts.upkeep.run),
            close=tuple(line.close for line in (*parts.hot, parts.quiet)),
            routers=(executions_router(parts.platform.engine),),
            state={"protocol": protocol_of(frozenset(ROUTES), intake.take)},
        )
    )
    app.add_middleware(IntakeMiddleware, intake=intake)
    return app
