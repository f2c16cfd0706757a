"""Wiring: the collector as an ASGI app."""

from dataclasses import dataclass

from fastapi import FastAPI

from collector.api import ROUTES, Intake, IntakeMiddleware
from collector.committer import Committer
from collector.desk import Desk, Names, Writer
from collector.handlers import Handlers
from collector.lines import Line
from collector.model import Item, Judgement
from collector.protocol import protocol_of
from collector.settings import CollectorSettings
from collector.showing import executions_router
from collector.upkeep import Upkeep
from shared.messaging.flow import Flow
from shared.runtime.clock import Clock, SystemClock
from shared.runtime.service import Platform, Service, build_service_app


@dataclass(frozen=True, slots=True)
class Parts:
    """What an instance is made of. `committer` and `upkeep` are to be run."""

    platform: Platform
    settings: CollectorSettings
    committer: "Committer[Item, Judgement]"
    upkeep: Upkeep
    desk: Desk
    hot: tuple[Line, ...]
    quiet: Line

    @classmethod
    def of(cls, settings: CollectorSettings, clock: Clock, flow: Flow | None = None) -> "Parts":
        """Opens nothing yet."""
        platform = Platform.of(settings, clock, flow)
        hot = tuple(Line(platform.engine) for _ in range(settings.writers))
        quiet = Line(platform.engine)

        def on_emit() -> None:
            platform.store.on_emit()  # the relay puts itself there when it starts

        upkeep = Upkeep(quiet, settings, clock, on_emit)

        def on_recorded() -> None:
            on_emit()
            upkeep.notify()

        writers = [Writer(line, settings.relay_shards, on_recorded) for line in hot]
        committer = Committer[Item, Judgement](*(writer.write for writer in writers), max_items=settings.queue_items)
        desk = Desk(committer, Names(platform.engine), clock)
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
