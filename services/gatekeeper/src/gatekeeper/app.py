"""Wiring: the gatekeeper's parts, put together."""

from datetime import timedelta

from fastapi import FastAPI, Request, Response

from gatekeeper.audit.api import audit_router
from gatekeeper.audit.handlers import on_declared, on_operation, on_settled
from gatekeeper.delivery.api import delivery_router
from gatekeeper.delivery.hub import Hub
from gatekeeper.delivery.live_sync import LiveSync
from gatekeeper.delivery.notifier import PromotionNotifier, listen
from gatekeeper.errors import BoundaryError
from gatekeeper.grants.api import grants_router
from gatekeeper.keys.api import keys_router
from gatekeeper.kill_switch.api import kill_switch_router
from gatekeeper.kill_switch.service import KillSwitch, reserved_engine
from gatekeeper.promotion.api import promotion_router
from gatekeeper.proposals.api import proposals_router
from gatekeeper.proposals.handlers import on_ready, on_withdrawn
from gatekeeper.registry.api import registry_router
from gatekeeper.registry.handlers import on_observed
from gatekeeper.registry.prompt_names import PREFIX
from gatekeeper.sessions.api import people_router, sessions_router
from gatekeeper.settings import GatekeeperSettings
from gatekeeper.unit_of_work import UnitOfWorkFactory
from shared.events.feedback import PromptObserved
from shared.events.metrics import MetricDeclared
from shared.events.operations import DeadLetterSettled, OperationPerformed
from shared.events.promotion import KeyChanged, PromptLive
from shared.events.proposals import ProposalReady, ProposalWithdrawn
from shared.messaging.flow_control import Flow
from shared.messaging.store import Broadcast, Subscription
from shared.problems import Problem
from shared.runtime.cache import redis_client
from shared.runtime.clock import Clock, SystemClock
from shared.service.bootstrap import Background, Platform, Service, build_service_app
from shared.web.connections import ConnectionLimits
from shared.web.encoded_paths import EncodedPaths
from shared.web.error_handlers import problem_response

_MAX_BATCH = 50  # a change locks its project: a batch should not keep people waiting


def build_app(settings: GatekeeperSettings, clock: Clock | None = None, flow: Flow | None = None) -> FastAPI:
    """The ASGI app of one gatekeeper instance."""
    platform = Platform.of(settings, clock or SystemClock(), flow)
    engine, signer = platform.engine, settings.signer()
    redis = redis_client(settings.redis_url) if settings.redis_url else None
    streams = min(settings.max_streams, ConnectionLimits().most // 2)
    hub = Hub(streams, platform.clock, min(settings.max_streams_per_key, streams))
    bell = PromotionNotifier(hub, redis)
    catching = LiveSync(engine, hub, platform.keys)
    desk = UnitOfWorkFactory(
        platform.store,
        platform.clock,
        signer,
        bell,
        timedelta(minutes=settings.decision_minutes),
        settings.policy_version,
    )
    switch = KillSwitch.of(desk, reserved_engine(settings))
    background: list[Background] = [lambda: catching.poll(settings.poll_seconds), switch.keep_connected]
    if redis is not None:
        background.append(lambda: listen(redis, catching))
    service = Service(
        platform,
        "Ratchet gatekeeper",
        subscriptions=(
            Subscription("observed", (PromptObserved,), on_observed),
            Subscription("proposals", (ProposalReady,), on_ready(signer, platform.clock), _MAX_BATCH),
            Subscription("withdrawals", (ProposalWithdrawn,), on_withdrawn(signer, platform.clock), _MAX_BATCH),
            Subscription("settlements", (DeadLetterSettled,), on_settled(signer, platform.clock), _MAX_BATCH),
            Subscription("operations", (OperationPerformed,), on_operation(signer, platform.clock), _MAX_BATCH),
            Subscription("declarations", (MetricDeclared,), on_declared(signer, platform.clock), _MAX_BATCH),
        ),
        broadcasts=(
            Broadcast("live", (PromptLive,), catching.on_live),
            Broadcast("revocations", (KeyChanged,), catching.on_keys),
        ),
        routers=(
            registry_router(engine, desk),
            delivery_router(engine, hub, settings.instance),
            promotion_router(desk),
            proposals_router(engine, desk),
            grants_router(engine, desk),
            kill_switch_router(engine, switch),
            audit_router(engine, signer, switch),
            keys_router(engine, desk),
            people_router(engine, desk),
            sessions_router(engine, desk, timedelta(hours=settings.session_hours)),
        ),
        background=background,
        close=(bell.close, switch.engine.dispose),
        owns_keys=True,
        state={"hub": hub, "bell": bell, "switch": switch},
    )
    app = build_service_app(service)
    app.add_exception_handler(BoundaryError, _refused)
    app.add_middleware(EncodedPaths, prefix=PREFIX)
    return app


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, BoundaryError)
    return problem_response(Problem(error.status, error.code, error.title, error.because))
