"""Metrics of executions themselves: errors, times, costs and tokens. Their names and units are fixed."""

import re
from functools import lru_cache
from typing import Final, Literal

from shared.metric_catalog.definition import Direction, MetricDefinition, Scale

MOST: Final = 1e9
"""The largest amount that is counted."""
_COST: Final = re.compile(r"cost_([a-z]{3})")


def _amount(
    name: str, kind: Literal["latency", "cost", "tokens"], direction: Direction, unit: str, scale: Scale = (0.0, MOST)
) -> MetricDefinition:
    return MetricDefinition(name, kind, direction, unit, scale, "geometric_mean", 0.1)


ERROR_RATE: Final = MetricDefinition("error_rate", "error", "lower_is_better", "share")
LATENCY: Final = _amount("latency_ms", "latency", "lower_is_better", "ms")
COST: Final = _amount("cost_usd", "cost", "lower_is_better", "USD", (0.0, 1e6))
TIME_TO_FIRST_TOKEN: Final = _amount("time_to_first_token_ms", "latency", "lower_is_better", "ms")
TOKENS: Final = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens")
"""Tokens by kind. More of them, such as those of an added example, are not worse: the direction is undeclared."""
_BY_NAME: Final = {
    **{definition.name: definition for definition in (ERROR_RATE, LATENCY, COST, TIME_TO_FIRST_TOKEN)},
    **{name: _amount(name, "tokens", "undeclared", "tokens") for name in TOKENS},
}
BUILT_IN: Final = tuple(_BY_NAME)


def cost_metric(currency: str) -> str:
    """Return the metric of costs in a currency (ISO 4217), such as `cost_usd`."""
    return f"cost_{currency.lower()}"


def cost_currency(metric: str) -> str | None:
    """Return the currency of a metric of costs, such as `USD`; None for any other metric."""
    found = _COST.fullmatch(metric)
    return None if found is None else found.group(1).upper()


@lru_cache(maxsize=256)
def built_in(metric: str) -> MetricDefinition | None:
    """Return the default definition of a metric of executions; None for any other metric."""
    found = _BY_NAME.get(metric)
    if found is None and (currency := cost_currency(metric)) is not None:
        return _amount(metric, "cost", "lower_is_better", currency)
    return found
