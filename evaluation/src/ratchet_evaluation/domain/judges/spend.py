"""What judges use: tokens and money, their limits, and estimates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ratchet.prompt import Json

BUDGET_USED_UP = "the budget of the"
"""Start of the reason of a score that is unknown because a limit was reached."""


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """US dollars for a million tokens."""

    input: float
    output: float

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """Return US dollars."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


@dataclass(frozen=True, slots=True)
class JudgeSpend:
    """Calls and what they used. `usd` is None without prices. `estimated` calls reported no tokens: theirs are the most
    that the call may have used.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = None
    estimated: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "JudgeSpend") -> "JudgeSpend":
        usd = None if self.usd is None and other.usd is None else (self.usd or 0.0) + (other.usd or 0.0)
        return JudgeSpend(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            usd,
            self.estimated + other.estimated,
        )

    def to_json(self) -> dict[str, Json]:
        """Return the figures as a JSON object."""
        return {
            "calls": self.calls,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "usd": None if self.usd is None else round(self.usd, 6),
            "estimated_calls": self.estimated,
        }


@dataclass(frozen=True, slots=True)
class SpendLimit:
    """The most tokens, and US dollars, of a run or a day; None: no limit."""

    tokens: int | None = None
    usd: float | None = None

    def exceeded_by(self, spend: JudgeSpend) -> str | None:
        """Return which limit `spend` is beyond, in words; None if it is within."""
        if self.tokens is not None and spend.tokens > self.tokens:
            return f"{self.tokens:,} tokens"
        if self.usd is not None and (spend.usd or 0.0) > self.usd:
            return f"{self.usd:g} US dollars"
        return None


NO_LIMIT = SpendLimit()


class BudgetExceeded(Exception):
    """A call might exceed a limit; the message says which."""


class SpendLedger:
    """Counts the spend of a run and of the day, and reserves the most that a call may use before it is made.

    So calls at the same time can't exceed a limit together. `today` is what was used before. `about` names what the
    first limit is about. `refused` says which limit a call was refused for.
    """

    def __init__(
        self,
        run: SpendLimit,
        day: SpendLimit,
        prices: TokenPrices | None = None,
        today: JudgeSpend | None = None,
        about: str = "run",
    ) -> None:
        self._limits = ((about, run), ("day", day))
        self._first = about
        self.refused: str | None = None
        self._prices = prices
        self._before = today or JudgeSpend()
        self._reserved = JudgeSpend()
        self.spend = JudgeSpend()

    def reserve(self, input_tokens: int, output_tokens: int) -> JudgeSpend:
        """Reserve a call. Raises BudgetExceeded."""
        most = self._spend(input_tokens, output_tokens)
        used = {self._first: self.spend, "day": self.spend + self._before}
        for name, limit in self._limits:
            exceeded = limit.exceeded_by(used[name] + self._reserved + most)
            if exceeded:
                self.refused = f"{BUDGET_USED_UP} {name} is used up: {exceeded}"
                raise BudgetExceeded(self.refused)
        self._reserved += most
        return most

    async def reserve_call(self, input_tokens: int, output_tokens: int) -> JudgeSpend:
        """Reserve a call where its budget is kept: here in memory. Raises BudgetExceeded."""
        return self.reserve(input_tokens, output_tokens)

    @property
    def held(self) -> JudgeSpend:
        """What was used, and what calls that run may use."""
        return self.spend + self._reserved

    def record_call(self, reserved: JudgeSpend, usage: tuple[int, int] | None) -> JudgeSpend:
        """Replace a reservation by the tokens that the call reported; return them.

        Without a report, the reservation counts.
        """
        spent = self._spend(*(usage or (reserved.input_tokens, reserved.output_tokens)), estimated=usage is None)
        self.release(reserved)
        self.spend += spent
        return spent

    def release(self, reserved: JudgeSpend) -> None:
        """Drop the reservation of a call that used nothing."""
        back = JudgeSpend(-reserved.calls, -reserved.input_tokens, -reserved.output_tokens, -(reserved.usd or 0.0))
        self._reserved += back

    def _spend(self, input_tokens: int, output_tokens: int, estimated: bool = False) -> JudgeSpend:
        usd = None if self._prices is None else self._prices.cost(input_tokens, output_tokens)
        return JudgeSpend(1, input_tokens, output_tokens, usd, int(estimated))


def most_input_tokens(body: bytes) -> int:
    """Return an upper bound of a request's tokens: its bytes, since no tokenizer makes more tokens than bytes."""
    return len(body) + 16


def reported_usage(reply: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the tokens of input and output that a reply reports; None if it reports none."""
    usage = reply.get("usage")
    if not isinstance(usage, Mapping):
        return None
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens", 0))
    if not all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in counts):
        return None
    return int(counts[0] or 0), int(counts[1] or 0)
