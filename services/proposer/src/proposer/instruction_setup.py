"""The drafter of instructions, from the settings."""

from proposer.instruction_service import DraftRules, InstructionService
from proposer.settings import ProposerSettings
from shared.messaging.store import Store
from shared.runtime.background import run_every
from shared.runtime.clock import Clock
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
    from proposer.drafting_endpoint import drafting_endpoint
    from proposer.instruction_drafter import InstructionDrafter
    from ratchet_evaluation.endpoints.model_client import ModelClient

    endpoint = drafting_endpoint(settings, settings.drafting_url)

    async def draft() -> None:
        drafter = InstructionDrafter(store, clock, service, ModelClient(endpoint, attempts=1), endpoint)
        try:
            await run_every(INTERVAL_S, drafter.run_all)
        finally:
            await drafter.close()

    return (draft,)
