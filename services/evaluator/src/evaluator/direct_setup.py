"""Answers by a model's endpoint instead of an app, from the settings."""

from collections.abc import Awaitable, Callable

from evaluator.direct_service import DirectService
from evaluator.domain.direct_terms import DirectTerms
from evaluator.settings import EvaluatorSettings
from evaluator.task_service import TaskService
from ratchet_evaluation.endpoints.model_client import ModelClient
from ratchet_evaluation.endpoints.model_endpoint import EndpointError, ModelEndpoint, read_secret
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import Clock
from shared.runtime.settings import exit_with_message


def direct_jobs(
    settings: EvaluatorSettings, store: SqlStore, clock: Clock, tasks: TaskService
) -> tuple[Callable[[], Awaitable[None]], ...]:
    """Return the job that answers tasks by a model's endpoint, if one is configured.

    Exits with a message if its key can't be read.
    """
    if settings.direct_url is None:
        return ()
    key = None if settings.direct_key_file is None else str(settings.direct_key_file)
    try:
        api_key = read_secret(None, key, "RATCHET_DIRECT_KEY_FILE")
    except EndpointError as error:
        exit_with_message(f"evaluator: {error}")
    endpoint = ModelEndpoint(
        settings.direct_url.rstrip("/"),
        api_key=api_key,
        calls_per_minute=settings.direct_calls_per_minute,
        concurrency=settings.direct_concurrency,
        timeout_s=settings.direct_timeout_s,
    )
    terms = direct_terms(settings)
    assert terms is not None

    async def answer() -> None:
        await DirectService(store, clock, tasks, ModelClient(endpoint), terms).run()

    return (answer,)


def direct_terms(settings: EvaluatorSettings) -> DirectTerms | None:
    """Return what a model's endpoint answers, and its budget; None if none is configured."""
    if settings.direct_url is None:
        return None
    return DirectTerms(
        settings.direct_project,
        settings.direct_environment,
        settings.direct_names(),
        settings.direct_model,
        settings.direct_concurrency,
        settings.direct_calls_per_day,
        settings.direct_tokens_per_day,
    )
