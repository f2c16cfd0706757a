"""Composition root of the collector: settings to ASGI app."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI

from collector.api.bulk import BulkEndpoint, BulkMiddleware
from collector.api.cors import CorsMiddleware
from collector.api.erasures import erasures_router
from collector.api.execution_export import execution_export_router
from collector.api.executions import executions_router
from collector.api.fast_path import fast_path
from collector.api.ingest import IngestEndpoint, IngestMiddleware
from collector.api.ingest_openapi import ingest_paths
from collector.api.otlp import TracesEndpoint, TracesMiddleware
from collector.api.otlp_openapi import traces_paths
from collector.api.prompt_metrics import PREFIX as TEMPLATES
from collector.api.prompt_metrics import prompt_metrics_router
from collector.api.pulls import pulls_router
from collector.api.traces import traces_router
from collector.api.views import views_router
from collector.domain.model import IngestItem, ItemStatus
from collector.erasures.archive_steps import archive_steps
from collector.erasures.job import ErasureJob
from collector.erasures.service import ErasureService
from collector.handlers import Handlers
from collector.ingest.group_commit import BatchWriter, GroupCommitter
from collector.ingest.service import IngestService, PseudonymKeyCache
from collector.maintenance import ArchiveMaintenance, Maintenance
from collector.settings import CollectorSettings
from collector.storage.archive.execution_archive import ArchiveLimits, ExecutionArchive, begin_archiving
from collector.storage.connections import DedicatedConnection
from collector.storage.execution_reader import ExecutionReader
from collector.storage.key_origins import KeyOrigins
from collector.storage.log_reader import ExecutionLogReader
from collector.storage.prompt_calls import PromptCallsReader
from collector.storage.pull_reader import PullReader
from collector.storage.view_repository import ViewRepository
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.flow_control import Flow
from shared.runtime.clock import Clock, SystemClock
from shared.runtime.settings import exit_with_message
from shared.service.service_app import Background, Platform, Service, build_service_app
from shared.web.encoded_paths import EncodedPaths

if TYPE_CHECKING:
    from collector.pulls.pull_service import PullService


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an instance. `committer.run` and `maintenance.run` are background tasks."""

    platform: Platform
    settings: CollectorSettings
    committer: "GroupCommitter[IngestItem, ItemStatus]"
    maintenance: Maintenance
    service: IngestService
    pseudonym_key: PseudonymKeyCache
    write_connections: tuple[DedicatedConnection, ...]
    maintenance_connection: DedicatedConnection
    archive: ExecutionArchive | None
    subjects: ErasedSubjects
    erasure_job: ErasureJob
    erasures: ErasureService

    @classmethod
    def build(cls, settings: CollectorSettings, clock: Clock, flow: Flow | None = None) -> "Parts":
        """Return the parts. Opens no connection yet."""
        platform = Platform.create(settings, clock, flow)
        write_connections = tuple(DedicatedConnection(platform.engine) for _ in range(settings.writers))
        maintenance_connection = DedicatedConnection(platform.engine)

        maintenance = Maintenance(maintenance_connection, settings, clock, platform.store.notify_relay)
        subjects = ErasedSubjects("collector", platform.metrics.registry)
        shards, on_emit = settings.relay_shards, maintenance.on_recorded
        writers = [BatchWriter(connection, shards, on_emit, subjects) for connection in write_connections]
        committer = GroupCommitter[IngestItem, ItemStatus](
            *(writer.write for writer in writers), max_items=settings.queue_items
        )
        key = PseudonymKeyCache(platform.engine)
        service = IngestService(committer, key, clock)
        archive = build_archive(platform, settings)
        job = ErasureJob(platform.store, key, clock)
        if archive is not None:
            job.add_steps(archive_steps(archive, clock))
        erasures = ErasureService(platform.store, subjects, clock, job.notify)
        return cls(
            platform, settings, committer, maintenance, service, key, write_connections, maintenance_connection,
            archive, subjects, job, erasures,
        )  # fmt: skip

    def routers(self) -> tuple[APIRouter, ...]:
        """Return the routes of the framework: what is stored of executions, and saved views."""
        log = ExecutionLogReader(self.platform.engine, None if self.archive is None else self.archive.reader)
        executions = executions_router(ExecutionReader(self.platform.reader), log, self.pseudonym_key)
        views = views_router(ViewRepository(self.platform.engine), self.pseudonym_key, self.platform.clock)
        pulls = pulls_router(PullReader(self.platform.reader), self.platform.clock)
        log_routes = (execution_export_router(log, self.pseudonym_key), executions, traces_router(log))
        metrics = prompt_metrics_router(PromptCallsReader(self.platform.reader))
        return (*log_routes, views, pulls, metrics, erasures_router(self.erasures, self.pseudonym_key))

    def pulls(self) -> "PullService | None":
        """Return the configured pulls; None without any. Exits with a message if their file is wrong."""
        if self.settings.pulls is None:
            return None
        # Imported here, so that it uses no memory where nothing is configured.
        from collector.pulls.configuration import InvalidPulls
        from collector.pulls.pull_service import PullService

        try:
            return PullService(self.settings.pulls, self.settings, self.service, self.platform.clock)
        except InvalidPulls as error:
            exit_with_message(str(error))

    def background(self) -> tuple[Background, ...]:
        """Return the jobs that run as long as the instance does."""
        jobs: tuple[Background, ...] = (self.committer.run, self.maintenance.run, self.erasure_job.run)
        return jobs if self.archive is None else (*jobs, ArchiveMaintenance(self.archive, self.platform.clock).run)

    def close(self) -> tuple[Background, ...]:
        """Return what is to be closed at the end."""
        connections = (*self.write_connections, self.maintenance_connection)
        closing: tuple[Background, ...] = tuple(connection.close for connection in connections)
        return closing if self.archive is None else (*closing, self.archive.workers.close)


def build_archive(platform: Platform, settings: CollectorSettings) -> ExecutionArchive | None:
    """Return the archive of executions; None where the settings name none."""
    if not settings.archive_url:
        return None
    limits = ArchiveLimits(
        timedelta(days=settings.log_days),
        None if settings.archive_days is None else timedelta(days=settings.archive_days),
        timedelta(hours=settings.join_hours),
    )
    return ExecutionArchive(
        partial(begin_archiving, platform.engine), settings.archive_url, settings.archive_folder, limits,
        copies_mb=settings.archive_copies_mb, memory_mb=settings.archive_memory_mb,
        registry=platform.metrics.registry,
    )  # fmt: skip


def build_app(settings: CollectorSettings, clock: Clock | None = None, flow: Flow | None = None) -> FastAPI:
    """Return the app of one instance. It opens connections at its startup."""
    parts = Parts.build(settings, clock or SystemClock(), flow)
    keys = parts.platform.keys
    pulls = parts.pulls()
    if pulls is not None:
        parts.erasure_job.add_steps({"raw-copies": pulls.erase_raw_copies})
    endpoint = IngestEndpoint(parts.service, keys, settings, parts.platform.limiter)
    app = build_service_app(
        Service(
            parts.platform,
            title="Ratchet collector",
            subscriptions=(
                *Handlers(parts.service, keys, parts.subjects, settings.relay_shards).subscriptions(),
                *parts.erasures.subscriptions(),
                *(pulls.subscriptions() if pulls else ()),
            ),
            background=(*parts.background(), *((pulls.run,) if pulls else ())),
            close=parts.close(),
            routers=parts.routers(),
            described={**ingest_paths(), **traces_paths()},
        )
    )
    app.add_middleware(EncodedPaths, prefix=f"{TEMPLATES}/")
    traces = TracesEndpoint(parts.service, keys, settings, parts.platform.limiter)
    app.add_middleware(TracesMiddleware, endpoint=traces)
    app.add_middleware(IngestMiddleware, endpoint=endpoint)
    bulk = BulkEndpoint(parts.service, keys, settings, parts.platform.limiter)
    app.add_middleware(BulkMiddleware, endpoint=bulk)
    app.add_middleware(CorsMiddleware, keys=keys, origins=KeyOrigins(parts.platform.reader))
    app.state.http_protocol = fast_path(endpoint)
    return app
