"""Anchors of judges: when they are scored again, by scores of executions and by the clock."""

from datetime import datetime, timedelta

from evaluator.domain.online_judgements import (
    SCORES_PER_ANCHOR,
    NewJudgement,
    RegisteredJudge,
    TargetScopeKey,
    anchor_id,
    anchor_judgement,
)
from evaluator.storage.judgements import JudgementRepository
from evaluator.storage.judges import JudgeRepository
from shared.messaging.store import Tx

ANCHOR_EVERY = timedelta(days=1)
"""Time after which an anchor is scored again, also if nothing else is judged."""


async def queue_anchors_after_score(tx: Tx, judgement: NewJudgement, now: datetime) -> None:
    """Queue the first scores of anchors that have none, and one anchor again after every five scores."""
    repository, scope = JudgementRepository(tx.conn), judgement.scope
    judge = await JudgeRepository(tx.conn).get_judge(scope.project, scope.environment, judgement.judge)
    if judge is None or not judge.anchors or judge.definition.digest != judgement.digest:
        return
    scores, counts = await repository.count_judged(judgement.scope, judgement.digest)
    target, at = judgement.scope.target, judgement.occurred_at
    missing = [anchor for anchor in judge.anchors if anchor_id(anchor) not in counts]
    queued = [anchor_judgement(judge, target, anchor, 0, at) for anchor in missing]
    if not queued and scores % SCORES_PER_ANCHOR == 0:
        least = min(judge.anchors, key=lambda anchor: counts[anchor_id(anchor)])
        queued = [anchor_judgement(judge, target, least, counts[anchor_id(least)], at)]
    if queued:
        await repository.add(queued, now)


async def queue_due_anchors(tx: Tx, now: datetime) -> int:
    """Queue the anchors of judged targets that were not queued within the last day; return their number.

    Their ids have the number of the score, so that of several instances that do so only one adds it.
    """
    judges = JudgeRepository(tx.conn)
    used = {(each.project, each.environment, each.definition.name): each for each in await judges.list_used_judges()}
    queued = 0
    for rule in await judges.list_rules():
        judge = used.get((rule.scope.project, rule.scope.environment, rule.judge))
        if judge is not None and judge.anchors and rule.rate > 0.0:
            due = await _due(JudgementRepository(tx.conn), rule.scope, judge, now)
            queued += await JudgementRepository(tx.conn).add(due, now)
    return queued


async def _due(
    repository: JudgementRepository, scope: TargetScopeKey, judge: RegisteredJudge, now: datetime
) -> list[NewJudgement]:
    digest = judge.definition.digest
    queued = await repository.list_queued_anchors(scope, digest)
    found = [(anchor, queued.get(anchor_id(anchor))) for anchor in judge.anchors]
    return [
        anchor_judgement(judge, scope.target, anchor, last.times if last else 0, now)
        for anchor, last in found
        if last is None or last.at <= now - ANCHOR_EVERY
    ]
