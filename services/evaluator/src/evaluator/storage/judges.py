"""Judges of an environment, and the rules by which targets are judged."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.online_judgements import JudgingRule, RegisteredJudge, rule_from_row
from evaluator.storage.judge_tables import judges, judging_rules
from ratchet_evaluation.domain.judges.definition import parse_judge
from ratchet_evaluation.domain.judges.judged_text import judged_text_from_json


class JudgeRepository:
    """Judges and rules, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_judge(self, judge: RegisteredJudge) -> None:
        """Save a judge; one of the same name is replaced."""
        row = insert(judges).values(
            project=judge.project,
            environment=judge.environment,
            name=judge.definition.name,
            definition=judge.definition.to_json(),
            anchors=[anchor.to_json() for anchor in judge.anchors],
            people_metric=judge.people_metric,
            changed_at=judge.changed_at,
            changed_by=judge.changed_by,
        )
        changed = ("definition", "anchors", "people_metric", "changed_at", "changed_by")
        await self._conn.execute(
            row.on_conflict_do_update(
                index_elements=["project", "environment", "name"],
                set_={name: getattr(row.excluded, name) for name in changed},
            )
        )

    async def get_judge(self, project: str, environment: str, name: str) -> RegisteredJudge | None:
        """Return a judge by its name."""
        c = judges.c
        mine = and_(c.project == project, c.environment == environment, c.name == name)
        row = (await self._conn.execute(select(judges).where(mine))).first()
        return None if row is None else _judge(row)

    async def list_judges(self, project: str, environment: str) -> list[RegisteredJudge]:
        """Return the judges of an environment by name."""
        c = judges.c
        mine = and_(c.project == project, c.environment == environment)
        return [_judge(row) for row in await self._conn.execute(select(judges).where(mine).order_by(c.name))]

    async def save_rule(self, rule: JudgingRule, at: datetime, by: str) -> None:
        """Save the rule of a target, which replaces the earlier one."""
        scope = rule.scope
        row = insert(judging_rules).values(
            project=scope.project, environment=scope.environment, target=scope.target, judge=rule.judge,
            rate=rule.rate, stratify_by=rule.stratify_by, confidence=rule.confidence, daily_calls=rule.daily_calls,
            daily_tokens=rule.daily_tokens, daily_usd=rule.daily_usd,
            judge_proposals=rule.judge_proposals, changed_at=at, changed_by=by,
        )  # fmt: skip
        changed = [column.name for column in judging_rules.columns if not column.primary_key]
        await self._conn.execute(
            row.on_conflict_do_update(
                index_elements=["project", "environment", "target"],
                set_={name: getattr(row.excluded, name) for name in changed},
            )
        )

    async def list_rules(self, project: str | None = None, environment: str | None = None) -> list[JudgingRule]:
        """Return the rules of an environment, or all."""
        c = judging_rules.c
        statement = select(judging_rules).order_by(c.project, c.environment, c.target)
        if project is not None:
            statement = statement.where(c.project == project, c.environment == environment)
        return [rule_from_row(row._asdict()) for row in await self._conn.execute(statement)]

    async def get_proposal_judge(self, project: str, environment: str, target: str) -> RegisteredJudge | None:
        """Return the judge of the evaluations of a target's proposals; None if there is none."""
        j, r = judges.c, judging_rules.c
        joined = and_(j.project == r.project, j.environment == r.environment, j.name == r.judge)
        mine = and_(r.project == project, r.environment == environment, r.target == target, r.judge_proposals)
        row = (await self._conn.execute(select(judges).join(judging_rules, joined).where(mine))).first()
        return None if row is None else _judge(row)

    async def list_used_judges(self) -> Sequence[RegisteredJudge]:
        """Return the judges that judge any target with a rate above 0."""
        j, r = judges.c, judging_rules.c
        joined = judges.join(
            judging_rules, and_(j.project == r.project, j.environment == r.environment, j.name == r.judge)
        )
        rows = await self._conn.execute(select(judges).select_from(joined).where(r.rate > 0.0).distinct())
        return [_judge(row) for row in rows]


def _judge(row: Row[Any]) -> RegisteredJudge:
    anchors = tuple(judged_text_from_json(anchor) for anchor in row.anchors)
    return RegisteredJudge(
        row.project, row.environment, parse_judge(row.definition), anchors, row.people_metric, row.changed_at,
        row.changed_by,
    )  # fmt: skip
