"""All SQL of regressions: the newest revision of each, and what became of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from proposer.domain.drafts import NoDraft
from proposer.domain.model import PromptKey
from proposer.storage.keys import key_from_row, matches_key
from proposer.storage.tables import regressions
from shared.events.quality import RegressionDetected, RegressionResolved
from shared.messaging.store import Tx


async def save_regression(
    tx: Tx, event: RegressionDetected | RegressionResolved, name: str | None, now: datetime
) -> bool:
    """Keeps the newest revision of a regression; False if this one is older. A resolved one keeps its facts."""
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
    facts = {"name": name, "event": event.model_dump(mode="json")} if detected else {}
    kept = insert(regressions).values({**row, **facts})
    done = await tx.conn.execute(
        kept.on_conflict_do_update(
            index_elements=["regression_id"],
            set_={"revision": event.revision, "state": row["state"], "changed_at": now, **facts},
            where=regressions.c.revision < event.revision,
        ).returning(regressions.c.regression_id)
    )
    return done.first() is not None


async def save_outcome(
    tx: Tx, regression_id: UUID, proposal_id: UUID | None, none: NoDraft | None, now: datetime
) -> None:
    """Notes what became of a regression: a proposal, or the reason why none stands (the last one stays named)."""
    await tx.conn.execute(
        update(regressions)
        .where(regressions.c.regression_id == regression_id)
        .values(
            proposal_id=func.coalesce(proposal_id, regressions.c.proposal_id),
            reason=none.reason if none else None,
            detail=none.detail if none else None,
            changed_at=now,
        )
    )


async def suspected_prompt(tx: Tx, regression_id: UUID) -> tuple[PromptKey, str] | None:
    """The prompt (and target) that a known regression points at."""
    found = await tx.conn.execute(select(regressions).where(regressions.c.regression_id == regression_id))
    row = found.first()
    return (key_from_row(row), row.target) if row and row.name else None


async def open_regressions(tx: Tx, key: PromptKey) -> list[RegressionDetected]:
    """The unresolved regressions that began with a change of this prompt."""
    found = await tx.conn.execute(
        select(regressions.c.event)
        .where(matches_key(regressions, key), regressions.c.state == "open")
        .order_by(regressions.c.regression_id)
    )
    return [RegressionDetected.model_validate(row.event) for row in found]
