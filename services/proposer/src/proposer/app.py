"""Composition root of the proposer."""

from fastapi import FastAPI

from proposer.api.candidates import candidates_router
from proposer.api.drafts import drafts_router
from proposer.api.instruction_drafts import instruction_drafts_router
from proposer.api.templates import PREFIX, templates_router
from proposer.api.tuning_settings import tuning_settings_router
from proposer.erasures import erasure_handler
from proposer.handlers import Handlers
from proposer.instruction_service import InstructionService
from proposer.instruction_setup import draft_rules, drafting_jobs
from proposer.maintenance import expire_stale_candidates
from proposer.proposal_service import ProposalService
from proposer.settings import ProposerSettings
from proposer.template_tuner import TemplateTuner
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.flow_control import Flow
from shared.runtime.background import run_every
from shared.runtime.clock import Clock, SystemClock
from shared.service.service_app import Platform, Service, build_service_app
from shared.web.encoded_paths import EncodedPaths


def build_app(settings: ProposerSettings, clock: Clock | None = None, flow: Flow | None = None) -> FastAPI:
    """Build one instance of the proposer as an ASGI app."""
    platform = Platform.create(settings, clock or SystemClock(), flow)
    service = ProposalService(platform.clock, platform.source)
    instructions = InstructionService(service, platform.clock, draft_rules(settings))
    tuning = TemplateTuner(platform.store, service, platform.clock, settings.grant_seconds)
    subjects = ErasedSubjects("proposer", platform.metrics.registry)

    async def expire() -> None:
        await expire_stale_candidates(platform.store, service, platform.clock)

    async def run_schedules() -> None:
        await tuning.run_schedules()

    app = build_service_app(
        Service(
            platform,
            "Ratchet proposer",
            subscriptions=(
                *Handlers(service, instructions, subjects, platform.clock).subscriptions(),
                erasure_handler(service, subjects, platform.clock).subscription(),
            ),
            routers=(
                candidates_router(platform.reader, platform.clock),
                drafts_router(platform.reader),
                instruction_drafts_router(platform.reader),
                tuning_settings_router(platform.store, platform.clock),
                templates_router(tuning),
            ),
            background=(
                lambda: run_every(settings.upkeep_seconds, expire),
                lambda: run_every(settings.upkeep_seconds, run_schedules),
                *drafting_jobs(settings, platform.store, platform.clock, instructions),
            ),
        )
    )
    app.add_middleware(EncodedPaths, prefix=f"{PREFIX}/")
    return app
