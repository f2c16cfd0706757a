"""Composition root of the proposer."""

from fastapi import APIRouter, FastAPI

from proposer.api.candidates import candidates_router
from proposer.api.drafts import drafts_router
from proposer.api.instruction_drafts import instruction_drafts_router
from proposer.api.pull_requests import pull_requests_router
from proposer.api.templates import PREFIX, templates_router
from proposer.api.tuning_settings import tuning_settings_router
from proposer.erasures import erasure_handler
from proposer.handlers import Handlers
from proposer.instruction_service import InstructionService
from proposer.instruction_setup import draft_rules, drafting_jobs
from proposer.maintenance import end_waits_for_verdicts, expire_drafts, expire_stale_candidates, propose_grown_sets
from proposer.proposal_service import ProposalService
from proposer.pull_request_log import PullRequestLog
from proposer.pull_request_setup import open_repositories
from proposer.pull_request_worker import PullRequestWorker
from proposer.settings import ProposerSettings
from proposer.storage.report_folder import ReportFolder
from proposer.template_tuner import TemplateTuner
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.flow_control import Flow
from shared.runtime.background import run_every
from shared.runtime.clock import Clock, SystemClock
from shared.service.service_app import Background, Platform, Service, build_service_app
from shared.web.encoded_paths import EncodedPaths


def build_app(settings: ProposerSettings, clock: Clock | None = None, flow: Flow | None = None) -> FastAPI:
    """Build one instance of the proposer as an ASGI app."""
    platform = Platform.create(settings, clock or SystemClock(), flow)
    repositories = open_repositories(settings.repositories)
    recorded = PullRequestLog(platform.clock, repositories.homes, settings.pull_request_evaluation_seconds)
    service = ProposalService(platform.clock, platform.source, pull_requests=recorded)
    reports = ReportFolder(settings.report_folder) if settings.report_folder else None
    worker = PullRequestWorker(
        platform.store, service, platform.clock, repositories, settings.pull_request_seconds, reports
    )
    instructions = InstructionService(service, platform.clock, draft_rules(settings))
    tuning = TemplateTuner(platform.store, service, platform.clock, settings.grant_seconds)
    subjects = ErasedSubjects("proposer", platform.metrics.registry)

    jobs: list[Background] = [
        *_upkeep_jobs(platform, service, tuning, settings.upkeep_seconds),
        *drafting_jobs(settings, platform.store, platform.clock, instructions),
    ]
    if repositories.homes:
        jobs.append(worker.run_forever)
    app = build_service_app(
        Service(
            platform,
            "Ratchet proposer",
            subscriptions=(
                *Handlers(service, instructions, subjects, platform.clock).subscriptions(),
                erasure_handler(service, subjects, platform.clock).subscription(),
            ),
            routers=_routers(platform, tuning),
            background=tuple(jobs),
            close=tuple(forge.aclose for forge in repositories.forges.values()),
        )
    )
    app.add_middleware(EncodedPaths, prefix=f"{PREFIX}/")
    return app


def _upkeep_jobs(
    platform: Platform, service: ProposalService, tuning: TemplateTuner, seconds: float
) -> tuple[Background, ...]:
    async def expire() -> None:
        await expire_stale_candidates(platform.store, service, platform.clock)
        await end_waits_for_verdicts(platform.store, service, platform.clock)
        await propose_grown_sets(platform.store, service)
        await expire_drafts(platform.store, platform.clock)

    async def run_schedules() -> None:
        await tuning.run_schedules()

    return lambda: run_every(seconds, expire), lambda: run_every(seconds, run_schedules)


def _routers(platform: Platform, tuning: TemplateTuner) -> tuple[APIRouter, ...]:
    return (
        candidates_router(platform.reader, platform.clock),
        drafts_router(platform.reader),
        instruction_drafts_router(platform.reader),
        tuning_settings_router(platform.store, platform.clock),
        templates_router(tuning),
        pull_requests_router(platform.reader),
    )
