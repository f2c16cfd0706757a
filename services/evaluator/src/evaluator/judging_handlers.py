"""Event handlers of online judging: sample executions, and keep what people say of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from evaluator.domain.online_judgements import (
    AnyOpinion,
    AnyRecorded,
    JudgingRule,
    NewJudgement,
    RegisteredJudge,
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
        rules = [rule for rule in await judges.list_rules() if rule.rate > 0.0]
        if not rules:
            return
        found = _sampled(batch, rules, await judges.list_used_judges())
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
        if rules:
            replaced = {event.replaces.feedback_id for event in said if event.replaces}
            opinions = _opinions((event for event in said if event.feedback_id not in replaced), rules)
            await JudgementRepository(tx.conn).save_opinions(opinions, sorted(replaced, key=str))


def _by_target(rules: Iterable[JudgingRule]) -> dict[tuple[str, str, str], JudgingRule]:
    return {(rule.scope.project, rule.scope.environment, rule.scope.target): rule for rule in rules}


def _sampled(
    batch: Iterable[Received[AnyRecorded]], rules: Iterable[JudgingRule], used: Iterable[RegisteredJudge]
) -> dict[NewJudgement, str | None]:
    """Return the executions to judge, with the key of the user of each."""
    digests = {(each.project, each.environment, each.definition.name): each.definition.digest for each in used}
    by_target = _by_target(rules)
    found: dict[NewJudgement, str | None] = {}
    for event in (received.event for received in batch):
        rule = by_target.get((event.project, event.environment, event.target))
        judgement = rule and sampled_judgement(rule, digests[_judge_key(rule)], event)
        if judgement:
            found[judgement] = next(iter(subject_keys(event)), None)
    return found


def _opinions(said: Iterable[AnyOpinion], rules: Iterable[JudgingRule]) -> list[dict[str, Any]]:
    """Return the rows of what people say of executions in the samples."""
    by_target = _by_target(rules)
    rules_of = ((event, by_target.get((event.project, event.environment, event.target))) for event in said)
    rows = (_opinion(event, rule) for event, rule in rules_of if rule is not None)
    return [row for row in rows if row is not None]


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
