"""SQL of regressions: the newest revision of each, and its proposal or the reason why there is none."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.fix_drafts import NoDraft
from proposer.domain.model import PromptKey
from proposer.storage.tables import key_from_row, matches_key, regressions
from shared.events.quality import RegressionDetected, RegressionResolved


class RegressionRepository:
    """Regressions in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_regression(
        self, event: RegressionDetected | RegressionResolved, name: str | None, now: datetime
    ) -> bool:
        """Save the newest revision of a regression; return False if a newer one is saved already.

        `name` is the suspected prompt. A resolved regression keeps its prompt and its detection event.
        """
        detected = isinstance(event, RegressionDetected)
        row = {
            "regression_id": event.regression_id,
            "project": event.project,
            "environment": event.environment,
            "target": event.target,
            "revision": event.revision,
            "state": "open" if detected else "resolved",
            "changed_at": now,
        }
        detection = {"name": name, "event": event.model_dump(mode="json")} if detected else {}
        saved = await self._conn.execute(
            insert(regressions)
            .values({**row, **detection})
            .on_conflict_do_update(
                index_elements=["regression_id"],
                set_={"revision": event.revision, "state": row["state"], "changed_at": now, **detection},
                where=regressions.c.revision < event.revision,
            )
            .returning(regressions.c.regression_id)
        )
        return saved.first() is not None

    async def save_outcome(
        self, regression_id: UUID, proposal_id: UUID | None, no_draft: NoDraft | None, now: datetime
    ) -> None:
        """Save the proposal for a regression, or why there is none. The last proposal stays named with the reason."""
        await self._conn.execute(
            update(regressions)
            .where(regressions.c.regression_id == regression_id)
            .values(
                proposal_id=func.coalesce(proposal_id, regressions.c.proposal_id),
                reason=no_draft.reason if no_draft else None,
                detail=no_draft.detail if no_draft else None,
                changed_at=now,
            )
        )

    async def list_unexplained(self, project: str, environment: str, target: str) -> list[RegressionDetected]:
        """Return the unresolved regressions of a target without a suspected prompt."""
        r = regressions.c
        mine = select(r.event).where(r.project == project, r.environment == environment, r.target == target)
        found = await self._conn.execute(mine.where(r.state == "open", r.name.is_(None)).order_by(r.regression_id))
        return [RegressionDetected.model_validate(row.event) for row in found if row.event is not None]

    async def get_open(self, regression_id: UUID) -> RegressionDetected | None:
        """Return an unresolved regression; None if it is unknown or resolved."""
        r = regressions.c
        mine = select(r.event).where(r.regression_id == regression_id, r.state == "open")
        event = (await self._conn.execute(mine)).scalar()
        return None if event is None else RegressionDetected.model_validate(event)

    async def get_suspected_prompt(self, regression_id: UUID) -> tuple[PromptKey, str] | None:
        """Return the suspected prompt and the target of a regression; None if unknown or without such a prompt."""
        found = await self._conn.execute(select(regressions).where(regressions.c.regression_id == regression_id))
        row = found.first()
        return (key_from_row(row), row.target) if row and row.name else None

    async def list_open(self, key: PromptKey) -> list[RegressionDetected]:
        """Return the unresolved regressions whose suspected cause is a change of this prompt."""
        found = await self._conn.execute(
            select(regressions.c.event)
            .where(matches_key(regressions, key), regressions.c.state == "open")
            .order_by(regressions.c.regression_id)
        )
        return [RegressionDetected.model_validate(row.event) for row in found]
