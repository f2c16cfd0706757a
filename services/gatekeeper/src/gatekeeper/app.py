"""Composition root of the gatekeeper."""

from datetime import timedelta

from fastapi import APIRouter, FastAPI, Request, Response
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.api.audit import audit_router
from gatekeeper.api.evaluations import evaluations_router
from gatekeeper.api.grants import grants_router
from gatekeeper.api.instances import instances_router
from gatekeeper.api.keys import keys_router
from gatekeeper.api.kill_switch import kill_switch_router
from gatekeeper.api.live_delivery import delivery_router
from gatekeeper.api.prompt_names import PREFIX
from gatekeeper.api.prompts import prompts_router
from gatekeeper.api.proposals import proposals_router
from gatekeeper.api.rollback import promotion_router
from gatekeeper.api.rollouts import rollouts_router
from gatekeeper.api.sessions import people_router, sessions_router
from gatekeeper.delivery.hub import Hub
from gatekeeper.delivery.live_sync import LiveSync
from gatekeeper.delivery.notifier import PromotionNotifier, listen
from gatekeeper.domain.errors import BoundaryError
from gatekeeper.domain.signer import Signer
from gatekeeper.handlers.audit import AuditHandlers
from gatekeeper.handlers.erasures import erasure_handler
from gatekeeper.handlers.evaluations import EvaluationHandlers
from gatekeeper.handlers.observations import on_observed
from gatekeeper.handlers.proposals import ProposalHandlers
from gatekeeper.maintenance import (
    FORGET_S,
    GRANTS_S,
    REFRESH_S,
    forget_ended_instances,
    refresh_stale_evaluations,
    use_waiting_grants,
)
from gatekeeper.settings import GatekeeperSettings
from gatekeeper.use_cases.decisions import DecisionTerms
from gatekeeper.use_cases.kill_switch import KillSwitch, reserved_engine
from gatekeeper.use_cases.rollout_monitor import RolloutMonitor
from gatekeeper.use_cases.unit_of_work import UnitOfWorkFactory
from shared.events.feedback import PromptObserved
from shared.events.promotion import KeyChanged, PromptLive
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.flow_control import Flow
from shared.messaging.store import Broadcast, Subscription
from shared.problems import Problem
from shared.runtime.background import run_every
from shared.runtime.cache import redis_client
from shared.runtime.clock import Clock, SystemClock
from shared.service.service_app import Background, Platform, Service, build_service_app
from shared.web.connection_limits import ConnectionLimits
from shared.web.encoded_paths import EncodedPaths
from shared.web.error_handlers import problem_response


def build_app(settings: GatekeeperSettings, clock: Clock | None = None, flow: Flow | None = None) -> FastAPI:
    """Return the ASGI app of one gatekeeper instance."""
    platform = Platform.create(settings, clock or SystemClock(), flow)
    reader, signer = platform.reader, settings.signer()
    redis = redis_client(settings.redis_url) if settings.redis_url else None
    hub = _hub(settings, platform.clock)
    notifier = PromotionNotifier(hub, redis)
    live_sync = LiveSync(reader, hub, platform.keys)
    units = UnitOfWorkFactory(platform.store, platform.clock, signer)
    switch = KillSwitch.create(units, reserved_engine(settings))
    monitor = RolloutMonitor(reader, units, notifier.notify)
    background = [
        *_live_jobs(settings, live_sync, redis),
        lambda: monitor.run(settings.rollout_seconds),
        lambda: run_every(FORGET_S, lambda: forget_ended_instances(platform.store, hub)),
        switch.keep_connected,
        lambda: run_every(REFRESH_S, lambda: _refresh(units)),
        lambda: run_every(GRANTS_S, lambda: _use_grants(units, notifier)),
    ]
    service = Service(
        platform,
        "Ratchet gatekeeper",
        subscriptions=_subscriptions(signer, platform.clock, ErasedSubjects("gatekeeper", platform.metrics.registry)),
        broadcasts=_broadcasts(live_sync),
        routers=(
            *_prompt_routers(settings, reader, units, notifier),
            delivery_router(reader, hub),  # after routes below a prompt: its names match any path
            instances_router(platform.store, hub, settings.instance),
            kill_switch_router(reader, switch),
            audit_router(platform.engine, signer, switch),
            *_people_routers(settings, reader, units),
        ),
        background=background,
        close=(notifier.close, switch.engine.dispose),
        owns_keys=True,
        state={"hub": hub, "notifier": notifier, "switch": switch, "rollouts": monitor},
    )
    app = build_service_app(service)
    app.add_exception_handler(BoundaryError, _on_boundary_error)
    app.add_middleware(EncodedPaths, prefix=PREFIX)
    return app


def _prompt_routers(
    settings: GatekeeperSettings, reader: AsyncEngine, units: UnitOfWorkFactory, notifier: PromotionNotifier
) -> tuple[APIRouter, ...]:
    terms = DecisionTerms(timedelta(minutes=settings.decision_minutes), settings.policy_version)
    return (
        prompts_router(reader, units),
        promotion_router(units, notifier),
        proposals_router(reader, units, notifier, terms),
        rollouts_router(reader, units, notifier),
        evaluations_router(reader, units),
        grants_router(reader, units, notifier),
    )


def _people_routers(
    settings: GatekeeperSettings, reader: AsyncEngine, units: UnitOfWorkFactory
) -> tuple[APIRouter, ...]:
    return (
        keys_router(reader, units),
        people_router(reader, units),
        sessions_router(reader, units, timedelta(hours=settings.session_hours)),
    )


def _live_jobs(settings: GatekeeperSettings, live_sync: LiveSync, redis: Redis | None) -> tuple[Background, ...]:
    """Return the jobs that learn of promotions: by polls, and by Redis where there is one."""
    jobs: list[Background] = [lambda: live_sync.poll(settings.poll_seconds)]
    if redis is not None:
        jobs.append(lambda: listen(redis, live_sync))
    return tuple(jobs)


async def _refresh(units: UnitOfWorkFactory) -> None:
    await refresh_stale_evaluations(units)


async def _use_grants(units: UnitOfWorkFactory, notifier: PromotionNotifier) -> None:
    await use_waiting_grants(units, notifier.notify)


def _hub(settings: GatekeeperSettings, clock: Clock) -> Hub:
    """Return a hub whose streams use at most half of the connections that the process may open."""
    streams = min(settings.max_streams, ConnectionLimits().max_open // 2)
    return Hub(streams, clock, min(settings.max_streams_per_key, streams))


def _subscriptions(signer: Signer, clock: Clock, subjects: ErasedSubjects) -> tuple[Subscription, ...]:
    return (
        Subscription("observed", (PromptObserved,), on_observed),
        *ProposalHandlers(signer, clock, subjects).subscriptions(),
        *AuditHandlers(signer, clock).subscriptions(),
        *EvaluationHandlers(signer, clock).subscriptions(),
        erasure_handler(signer, subjects, clock).subscription(),
    )


def _broadcasts(live_sync: LiveSync) -> tuple[Broadcast, ...]:
    return (
        Broadcast("live", (PromptLive,), live_sync.on_prompt_live),
        Broadcast("revocations", (KeyChanged,), live_sync.on_key_changed),
    )


async def _on_boundary_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, BoundaryError)
    return problem_response(Problem(error.status, error.code, error.title, error.detail))
