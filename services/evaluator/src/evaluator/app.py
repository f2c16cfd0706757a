"""Composition root of the evaluator."""

from datetime import timedelta

from fastapi import APIRouter, FastAPI

from evaluator.annotation_queue_service import AnnotationQueueService
from evaluator.annotation_service import AnnotationService
from evaluator.annotator_agreement import AgreementService
from evaluator.api.adjudication import adjudication_router
from evaluator.api.annotation_corrections import annotation_corrections_router
from evaluator.api.annotation_export import annotation_export_router
from evaluator.api.annotation_queues import annotation_queues_router
from evaluator.api.annotation_tasks import annotation_tasks_router
from evaluator.api.bisections import bisections_router
from evaluator.api.dataset_augmentations import dataset_augmentations_router
from evaluator.api.dataset_cases import dataset_cases_router
from evaluator.api.dataset_versions import dataset_versions_router
from evaluator.api.datasets import datasets_router
from evaluator.api.evaluation_estimates import EstimateSettings, evaluation_estimates_router
from evaluator.api.evaluation_tasks import evaluation_tasks_router
from evaluator.api.evaluations import evaluations_router
from evaluator.api.judges import judges_router
from evaluator.api.judging_rules import judging_router
from evaluator.api.new_evaluation import new_evaluation_router
from evaluator.bisection_service import BisectionLimits, BisectionService
from evaluator.dataset_service import DatasetService
from evaluator.direct_setup import direct_jobs, direct_terms
from evaluator.domain.direct_terms import DirectTerms
from evaluator.erasures import CaseErasure
from evaluator.handlers import Handlers
from evaluator.judge_agreement import JudgeFiguresService
from evaluator.judge_connections import JudgeConnections
from evaluator.judge_service import JudgeService
from evaluator.judging_handlers import JudgingHandlers
from evaluator.maintenance import RunScheduler, cancel_old_bisections, delete_old_tasks
from evaluator.proposal_judges import ProposalJudges
from evaluator.run_service import RunService
from evaluator.settings import EvaluatorSettings
from evaluator.storage.set_cache import PublishedSetCache
from evaluator.task_service import TaskService
from evaluator.task_signal import TaskSignal
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.flow_control import Flow
from shared.messaging.store import Subscription
from shared.runtime.background import run_every
from shared.runtime.clock import Clock, SystemClock
from shared.service.service_app import Background, Platform, Service, build_service_app


def build_app(settings: EvaluatorSettings, clock: Clock | None = None, flow: Flow | None = None) -> FastAPI:
    """Build one instance of the evaluator as an ASGI app."""
    platform = Platform.create(settings, clock or SystemClock(), flow)
    store, sets, signal = platform.store, PublishedSetCache(), TaskSignal()
    connections, figures = JudgeConnections(settings), JudgeFiguresService()
    judges = JudgeService(
        store, platform.clock, platform.source, connections.tools, on_judged=lambda: scheduler.notify()
    )
    proposal_judges = ProposalJudges(judges, figures, timedelta(minutes=settings.judges_wait_minutes))
    runs = RunService(
        store, platform.clock, platform.source, sets, settings.tasks_ahead, signal.notify, proposal_judges
    )
    limits = BisectionLimits(settings.repeats, settings.bisection_answers)
    bisections = BisectionService(store, platform.clock, platform.source, sets, limits)
    scheduler = RunScheduler(runs, bisections, platform.reader)
    tasks = TaskService(store, platform.clock, sets, signal, scheduler.notify)
    subjects = ErasedSubjects("evaluator", platform.metrics.registry)
    datasets = DatasetService(store, platform.clock, platform.source, subjects)
    return build_service_app(
        Service(
            platform,
            "Ratchet evaluator",
            subscriptions=_subscriptions(platform, settings, subjects, judges),
            routers=(
                *_evaluation_routers(platform, tasks, direct_terms(settings)),
                _estimates_router(platform, settings, sets, figures, connections),
                *_dataset_routers(platform, datasets),
                *_annotation_routers(platform, subjects, datasets),
                *_judge_routers(platform, judges, connections, figures),
            ),
            background=(
                *direct_jobs(settings, store, platform.clock, tasks),
                scheduler.run,
                *_judge_jobs(judges),
                lambda: run_every(3600.0, lambda: _sweep(platform)),
            ),
            close=(connections.close,),
        )
    )


def _subscriptions(
    platform: Platform, settings: EvaluatorSettings, subjects: ErasedSubjects, judges: JudgeService
) -> tuple[Subscription, ...]:
    return (
        *Handlers(platform.clock, settings.repeats).subscriptions(),
        *JudgingHandlers(platform.clock, subjects, judges.notify).subscriptions(),
        CaseErasure(subjects, platform.clock, platform.source).subscription(),
    )


async def _sweep(platform: Platform) -> None:
    await delete_old_tasks(platform.store, platform.clock)
    await cancel_old_bisections(platform.store, platform.clock)


def _judge_jobs(judges: JudgeService) -> tuple[Background, ...]:
    return (
        judges.run,
        lambda: run_every(300.0, judges.drop_stale),
        lambda: run_every(600.0, judges.queue_due_anchors),
    )


def _evaluation_routers(platform: Platform, tasks: TaskService, direct: DirectTerms | None) -> tuple[APIRouter, ...]:
    return (
        evaluation_tasks_router(tasks),
        evaluations_router(platform.reader, platform.clock, direct),
        bisections_router(platform.reader),
    )


def _estimates_router(
    platform: Platform,
    settings: EvaluatorSettings,
    sets: PublishedSetCache,
    figures: JudgeFiguresService,
    connections: JudgeConnections,
) -> APIRouter:
    estimates = EstimateSettings(settings.repeats, connections.endpoint)
    return evaluation_estimates_router(platform.reader, sets, figures, estimates)


def _judge_routers(
    platform: Platform, judges: JudgeService, connections: JudgeConnections, figures: JudgeFiguresService
) -> tuple[APIRouter, ...]:
    store, reader, clock = platform.store, platform.reader, platform.clock
    return (
        new_evaluation_router(store, clock, judges, figures),
        judges_router(store, reader, clock, judges, figures, connections.endpoint),
        judging_router(store, reader, clock, judges),
    )


def _dataset_routers(platform: Platform, datasets: DatasetService) -> tuple[APIRouter, ...]:
    return (
        datasets_router(platform.reader, datasets),
        dataset_cases_router(platform.reader, datasets),
        dataset_augmentations_router(datasets),
        dataset_versions_router(platform.reader, datasets),
    )


def _annotation_routers(
    platform: Platform, subjects: ErasedSubjects, datasets: DatasetService
) -> tuple[APIRouter, ...]:
    queues = AnnotationQueueService(platform.store, platform.clock, subjects)
    annotations = AnnotationService(platform.store, platform.clock)
    return (
        annotation_queues_router(platform.reader, queues, AgreementService()),
        annotation_tasks_router(platform.reader, queues, annotations, platform.clock),
        annotation_corrections_router(platform.reader, annotations),
        adjudication_router(platform.reader, annotations, datasets),
        annotation_export_router(platform.reader),
    )
