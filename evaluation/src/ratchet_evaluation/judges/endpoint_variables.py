"""The endpoint that judges ask, read from the variables `RATCHET_JUDGE_…`."""

from collections.abc import Mapping

from ratchet_evaluation.domain.judges.spend import SpendLimit, TokenPrices
from ratchet_evaluation.endpoints.model_endpoint import CALLS_PER_MINUTE, EndpointError, ModelEndpoint, read_secret

_PREFIX = "RATCHET_JUDGE_"
_UNAVAILABLE = "no judge's endpoint is configured: set RATCHET_JUDGE_URL"


def endpoint_from_environment(environment: Mapping[str, str]) -> ModelEndpoint:
    """Return the endpoint of the variables `RATCHET_JUDGE_…`. Raises EndpointError, which names the variable."""
    given = {
        key.removeprefix(_PREFIX): value for key, value in environment.items() if key.startswith(_PREFIX) and value
    }
    if "URL" not in given:
        raise EndpointError(_UNAVAILABLE)
    if not given["URL"].startswith(("http://", "https://")):
        raise EndpointError(f"{_PREFIX}URL must start with http:// or https://")
    return ModelEndpoint(
        url=given["URL"].rstrip("/"),
        model=given.get("MODEL", ""),
        embedding_model=given.get("EMBEDDING_MODEL"),
        api_key=read_secret(given.get("API_KEY"), given.get("API_KEY_FILE"), f"{_PREFIX}API_KEY_FILE"),
        calls_per_minute=_number(given, "CALLS_PER_MINUTE", CALLS_PER_MINUTE),
        concurrency=int(_number(given, "CONCURRENCY", 2)),
        timeout_s=_number(given, "TIMEOUT_S", 60.0),
        prices=_prices(given),
        run_limit=_limit(given, "RUN"),
        day_limit=_limit(given, "DAY"),
    )


def _prices(given: Mapping[str, str]) -> TokenPrices | None:
    if "INPUT_PRICE" not in given and "OUTPUT_PRICE" not in given:
        return None
    return TokenPrices(_number(given, "INPUT_PRICE", 0.0), _number(given, "OUTPUT_PRICE", 0.0))


def _limit(given: Mapping[str, str], period: str) -> SpendLimit:
    tokens = int(_number(given, f"{period}_TOKENS", 0)) if f"{period}_TOKENS" in given else None
    usd = _number(given, f"{period}_USD", 0.0) if f"{period}_USD" in given else None
    return SpendLimit(tokens, usd)


def _number(given: Mapping[str, str], name: str, default: float) -> float:
    try:
        found = float(given.get(name, default))
    except ValueError:
        found = -1.0
    if not 0.0 <= found < 1e12:
        raise EndpointError(f"{_PREFIX}{name} must be a number, at least 0")
    if name in ("CALLS_PER_MINUTE", "CONCURRENCY", "TIMEOUT_S") and found <= 0.0:
        raise EndpointError(f"{_PREFIX}{name} must be above 0")
    return found
