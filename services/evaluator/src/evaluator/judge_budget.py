"""The ledger of a judgement: each call is reserved in the database, so that all instances keep one budget."""

from datetime import datetime

from evaluator.domain.online_judgements import JudgingRule, NewJudgement
from evaluator.storage.judge_budget import JudgeBudgetRepository
from ratchet_evaluation.domain.judges.spend import (
    BUDGET_USED_UP,
    NO_LIMIT,
    BudgetExceeded,
    JudgeSpend,
    SpendLedger,
    SpendLimit,
)
from ratchet_evaluation.endpoints.model_endpoint import ModelEndpoint
from shared.messaging.sql_store import SqlStore


class JudgementLedger(SpendLedger):
    """Counts the spend of one judgement. Limits: those of its evaluation or of its target's `rule`, and of the day.

    `may_return`: a call was refused while others run, which may give back a part of what they hold.
    """

    def __init__(
        self,
        store: SqlStore,
        endpoint: ModelEndpoint,
        judgement: NewJudgement,
        rule: JudgingRule | None,
        today: datetime,
    ) -> None:
        super().__init__(NO_LIMIT, NO_LIMIT, endpoint.prices)
        self._store, self._judgement, self._today = store, judgement, today
        self._calls = None if rule is None else rule.daily_calls
        own = endpoint.run_limit if rule is None else SpendLimit(rule.daily_tokens, rule.daily_usd)
        self._budgets = (("run" if rule is None else "target", own), ("day", endpoint.day_limit))
        self.may_return = False

    async def reserve_call(self, input_tokens: int, output_tokens: int) -> JudgeSpend:
        """Reserve a call, after what was used and other judgements hold. Raises BudgetExceeded."""
        most = self.reserve(input_tokens, output_tokens)
        async with self._store.begin() as tx:
            repository = JudgeBudgetRepository(tx.conn)
            await repository.lock()
            used = await repository.sum_used(self._judgement, self._today)
            for (about, limit), others in zip(self._budgets, used, strict=True):
                calls = self._calls if about == "target" else None
                exceeded = _exceeded(limit, calls, others.spend + self.held)
                if exceeded is not None:
                    self.release(most)
                    self.may_return = others.running
                    self.refused = f"{BUDGET_USED_UP} {about} is used up: {exceeded}"
                    raise BudgetExceeded(self.refused)
            await repository.hold(self._judgement.id, self.held)
        return most


def _exceeded(limit: SpendLimit, calls: int | None, spend: JudgeSpend) -> str | None:
    if calls is not None and spend.calls > calls:
        return f"{calls:,} calls"
    return limit.exceeded_by(spend)
