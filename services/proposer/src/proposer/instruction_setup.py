"""The drafter of instructions, from the settings."""

from proposer.instruction_service import DraftRules, InstructionService
from proposer.settings import ProposerSettings
from shared.messaging.store import Store
from shared.runtime.background import run_every
from shared.runtime.clock import Clock
from shared.runtime.settings import exit_with_message
from shared.service.service_app import Background

INTERVAL_S = 2.0
"""Seconds between two looks for a call that is due."""


def draft_rules(settings: ProposerSettings) -> DraftRules:
    """Return when instructions are drafted."""
    return DraftRules(settings.drafting_url is not None, settings.success_threshold, settings.changes_per_week)


def drafting_jobs(
    settings: ProposerSettings, store: Store, clock: Clock, service: InstructionService
) -> tuple[Background, ...]:
    """Return the job that asks the language model, if one is configured.

    Exits with a message if its key can't be read.
    """
    if settings.drafting_url is None:
        return ()
    # Imported here, so that they use no memory where nothing is configured.
    from proposer.instruction_drafter import InstructionDrafter
    from ratchet_evaluation.domain.judges.spend import SpendLimit, TokenPrices
    from ratchet_evaluation.endpoints.model_client import ModelClient
    from ratchet_evaluation.endpoints.model_endpoint import EndpointError, ModelEndpoint, read_secret

    key = None if settings.drafting_key_file is None else str(settings.drafting_key_file)
    try:
        api_key = read_secret(settings.drafting_api_key, key, "RATCHET_DRAFTING_KEY_FILE")
    except EndpointError as error:
        exit_with_message(f"proposer: {error}")
    prices = None
    if settings.drafting_input_price is not None and settings.drafting_output_price is not None:
        prices = TokenPrices(settings.drafting_input_price, settings.drafting_output_price)
    endpoint = ModelEndpoint(
        settings.drafting_url.rstrip("/"),
        settings.drafting_model or "",
        api_key=api_key,
        calls_per_minute=settings.drafting_calls_per_minute,
        concurrency=1,
        timeout_s=settings.drafting_timeout_s,
        prices=prices,
        run_limit=SpendLimit(settings.drafting_proposal_tokens, settings.drafting_proposal_usd),
        day_limit=SpendLimit(settings.drafting_day_tokens, settings.drafting_day_usd),
    )

    async def draft() -> None:
        drafter = InstructionDrafter(store, clock, service, ModelClient(endpoint, attempts=1), endpoint)
        try:
            await run_every(INTERVAL_S, drafter.run_all)
        finally:
            await drafter.close()

    return (draft,)
