"""The endpoint of the language model that drafts instructions, from the settings."""

from proposer.settings import ProposerSettings
from ratchet_evaluation.domain.judges.spend import SpendLimit, TokenPrices
from ratchet_evaluation.endpoints.model_endpoint import EndpointError, ModelEndpoint, read_secret
from shared.runtime.settings import exit_with_message


def drafting_endpoint(settings: ProposerSettings, url: str) -> ModelEndpoint:
    """Return the endpoint at `url` with its limits. Exits with a message if its key can't be read."""
    key = None if settings.drafting_key_file is None else str(settings.drafting_key_file)
    try:
        api_key = read_secret(settings.drafting_api_key, key, "RATCHET_DRAFTING_KEY_FILE")
    except EndpointError as error:
        exit_with_message(f"proposer: {error}")
    prices = None
    if settings.drafting_input_price is not None and settings.drafting_output_price is not None:
        prices = TokenPrices(settings.drafting_input_price, settings.drafting_output_price)
    return ModelEndpoint(
        url.rstrip("/"),
        settings.drafting_model or "",
        api_key=api_key,
        calls_per_minute=settings.drafting_calls_per_minute,
        concurrency=1,
        timeout_s=settings.drafting_timeout_s,
        prices=prices,
        run_limit=SpendLimit(settings.drafting_proposal_tokens, settings.drafting_proposal_usd),
        day_limit=SpendLimit(settings.drafting_day_tokens, settings.drafting_day_usd),
    )
