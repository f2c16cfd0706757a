"""Event handlers of online judging: sample executions, and keep what people say of them."""

from collections.abc import Callable, Sequence
from typing import Any

from evaluator.domain.online_judgements import (
    AnyOpinion,
    AnyRecorded,
    JudgingRule,
    NewJudgement,
    is_sampled,
    opinion_value,
    sampled_judgement,
)
from evaluator.storage.judgements import JudgementRepository
from evaluator.storage.judges import JudgeRepository
from shared.events.base import subject_keys
from shared.events.feedback import ExecutionRecorded, FeedbackCreated
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import Clock


class JudgingHandlers:
    """Handlers of executions and feedback. `notify` is called after executions were queued."""

    def __init__(self, clock: Clock, subjects: ErasedSubjects, notify: Callable[[], None]) -> None:
        self._clock, self._subjects, self._notify = clock, subjects, notify

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the subscriptions of online judging."""
        return (
            Subscription("judging", (ExecutionRecorded,), self.on_executions, max_batch=1000, structs=True),
            Subscription("opinions", (FeedbackCreated,), self.on_feedback, max_batch=1000, structs=True),
        )

    async def on_executions(self, tx: Tx, batch: Sequence[Received[AnyRecorded]]) -> None:
        """Queue the sampled executions of targets that are judged."""
        judges = JudgeRepository(tx.conn)
        rules = {rule.scope: rule for rule in await judges.list_rules() if rule.rate > 0.0}
        if not rules:
            return
        used = await judges.list_used_judges()
        digests = {(each.project, each.environment, each.definition.name): each.definition.digest for each in used}
        by_target = {(scope.project, scope.environment, scope.target): rule for scope, rule in rules.items()}
        found: dict[NewJudgement, str | None] = {}
        for received in batch:
            event = received.event
            rule = by_target.get((event.project, event.environment, event.target))
            judgement = rule and sampled_judgement(rule, digests[_judge_key(rule)], event)
            if judgement:
                found[judgement] = next(iter(subject_keys(event)), None)
        erased = await self._subjects.find_erased(tx.conn, {user for user in found.values() if user is not None})
        kept = {each: user for each, user in found.items() if user not in erased}
        if kept and await JudgementRepository(tx.conn).add(list(kept), self._clock.now(), list(kept.values())):
            self._notify()

    async def on_feedback(self, tx: Tx, batch: Sequence[Received[AnyOpinion]]) -> None:
        """Keep what people say of executions that are judged.

        Feedback may arrive before its execution: it is kept where the execution is in the sample.
        """
        said = [each.event for each in batch if each.event.execution is not None and each.event.source == "explicit"]
        rules = await JudgeRepository(tx.conn).list_rules() if said else []
        by_target = {(rule.scope.project, rule.scope.environment, rule.scope.target): rule for rule in rules}
        replaced = {event.replaces.feedback_id for event in said if event.replaces}
        rows = []
        for event in said:
            rule = by_target.get((event.project, event.environment, event.target))
            row = _opinion(event, rule) if rule and event.feedback_id not in replaced else None
            if row is not None:
                rows.append(row)
        if by_target:
            await JudgementRepository(tx.conn).save_opinions(rows, sorted(replaced, key=str))


def _judge_key(rule: JudgingRule) -> tuple[str, str, str]:
    return rule.scope.project, rule.scope.environment, rule.judge


def _opinion(event: AnyOpinion, rule: JudgingRule) -> dict[str, Any] | None:
    value = opinion_value(event)
    if value is None or event.execution is None or not is_sampled(rule, event.execution.execution_id):
        return None
    return {
        "feedback_id": event.feedback_id, "project": event.project, "environment": event.environment,
        "execution_id": event.execution.execution_id, "value": value, "received_at": event.received_at,
    }  # fmt: skip
