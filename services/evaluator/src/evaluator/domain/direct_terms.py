"""Which prompts a model's endpoint answers instead of an app, and its budget."""

from dataclasses import dataclass

_MOST_TOKENS = 20_000
"""Tokens that are kept free for each call, so that no case fails because the budget ends in the middle of it."""


@dataclass(frozen=True, slots=True)
class DirectTerms:
    """Whose tasks are answered, and the budget of a day (UTC). `model` is for prompts that name none."""

    project: str
    environment: str
    prompts: tuple[str, ...]
    model: str | None
    concurrency: int
    calls_per_day: int
    tokens_per_day: int

    def allowed_calls(self, calls: int, tokens: int) -> int:
        """Return how many calls may begin after those of the day; less than 1 if its budget is used up."""
        by_tokens = (self.tokens_per_day - tokens) // _MOST_TOKENS
        return min(self.concurrency, self.calls_per_day - calls, by_tokens)
