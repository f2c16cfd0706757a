"""What an endpoint of language models is: address, credentials and limits."""

from dataclasses import dataclass, field
from pathlib import Path

from ratchet_evaluation.domain.judges.spend import NO_LIMIT, SpendLimit, TokenPrices

CALLS_PER_MINUTE = 5.0


class EndpointError(ValueError):
    """A setting of the endpoint is wrong; the message names it."""


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """An OpenAI-compatible endpoint. `url` ends before `/chat/completions`; `model` is that of requests that name none.

    `calls_per_minute`, `concurrency` and `timeout_s` are about requests; a repeated one counts again.
    """

    url: str
    model: str = ""
    embedding_model: str | None = None
    api_key: str | None = field(default=None, repr=False)
    calls_per_minute: float = CALLS_PER_MINUTE
    concurrency: int = 2
    timeout_s: float = 60.0
    prices: TokenPrices | None = None
    run_limit: SpendLimit = NO_LIMIT
    day_limit: SpendLimit = NO_LIMIT

    def __post_init__(self) -> None:
        limited = self.run_limit.usd is not None or self.day_limit.usd is not None
        if limited and self.prices is None:
            raise EndpointError(
                "RATCHET_JUDGE_INPUT_PRICE and RATCHET_JUDGE_OUTPUT_PRICE (US dollars for a million tokens) are needed"
                " for a limit in US dollars"
            )


def read_secret(value: str | None, path: str | None, variable: str) -> str | None:
    """Return a secret given as text or as the path of a file. Raises EndpointError, which names the variable."""
    if value or not path:
        return value
    try:
        return Path(path).read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise EndpointError(f"{variable} can't be read: {type(error).__name__}") from None
