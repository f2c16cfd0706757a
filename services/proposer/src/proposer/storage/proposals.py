"""All SQL of proposals: what is proposed, withdrawn, decided. A revision is taken under the row's lock."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, select, update
from sqlalchemy.dialects.postgresql import insert

from proposer.domain.model import PromptKey, Proposal
from proposer.domain.proposals import FIRST_REVISION
from proposer.storage.keys import key_columns, key_from_row, matches_key
from proposer.storage.tables import proposals
from shared.events.proposals import Verdict
from shared.messaging.store import Tx


async def open_proposals(tx: Tx, key: PromptKey) -> list[Proposal]:
    """What is proposed for this prompt and neither decided nor withdrawn."""
    found = await tx.conn.execute(
        select(proposals).where(matches_key(proposals, key), proposals.c.state == "open").order_by(proposals.c.id)
    )
    return [_proposal(row) for row in found]


async def approved_digests(tx: Tx, key: PromptKey) -> set[str]:
    """The results of fixes that a person approved for this prompt."""
    mine = and_(matches_key(proposals, key), proposals.c.state == "approved", proposals.c.regression_id.is_not(None))
    return set((await tx.conn.execute(select(proposals.c.digest).where(mine))).scalars())


async def known_fixes(tx: Tx, key: PromptKey) -> set[UUID]:
    """The contents of this prompt's fixes that are proposed, or that a person decided about."""
    mine = and_(matches_key(proposals, key), proposals.c.state != "withdrawn", proposals.c.regression_id.is_not(None))
    return set((await tx.conn.execute(select(proposals.c.content_id).where(mine))).scalars())


async def open_proposal(tx: Tx, proposal: Proposal, now: datetime) -> Proposal | None:
    """The proposal in its next round; None where it stands already, or a person has decided it.

    The caller holds the prompt's lock, so that no two rounds are opened at once.
    """
    last = await latest_round(tx, proposal.content_id)
    if last is not None and last.state != "withdrawn":
        return None
    opened = replace(proposal, round=last.round + 1 if last else 0)
    row = {
        **key_columns(opened.key),
        "id": opened.id,
        "content_id": opened.content_id,
        "round": opened.round,
        "target": opened.target,
        "kind": opened.kind,
        "slot": opened.slot,
        "regression_id": opened.regression_id,
        "base_digest": opened.base_digest,
        "digest": opened.digest,
        "revision": FIRST_REVISION,
        "state": "open",
        "changed_at": now,
    }
    await tx.conn.execute(insert(proposals).values(row))
    return opened


async def latest_round(tx: Tx, content_id: UUID) -> Proposal | None:
    """What was proposed last with this content."""
    mine = select(proposals).where(proposals.c.content_id == content_id)
    row = (await tx.conn.execute(mine.order_by(proposals.c.round.desc()).limit(1))).first()
    return _proposal(row) if row else None


async def decided(tx: Tx, content_id: UUID) -> bool:
    """Whether a person decided about this content: it is not proposed again."""
    last = await latest_round(tx, content_id)
    return last is not None and last.state not in ("open", "withdrawn")


async def withdraw_proposal(tx: Tx, proposal_id: UUID, now: datetime) -> int | None:
    """Its new revision; None where it was not open."""
    done = await tx.conn.execute(
        update(proposals)
        .where(proposals.c.id == proposal_id, proposals.c.state == "open")
        .values(state="withdrawn", revision=proposals.c.revision + 1, changed_at=now)
        .returning(proposals.c.revision)
    )
    row = done.first()
    return row.revision if row else None


async def decide_proposal(tx: Tx, proposal_id: UUID, verdict: Verdict, now: datetime) -> None:
    """Notes a person's decision; it holds, whatever is withdrawn later. Others' proposals are not kept here."""
    await tx.conn.execute(update(proposals).where(proposals.c.id == proposal_id).values(state=verdict, changed_at=now))


async def approve_what_is_live(tx: Tx, key: PromptKey, digest: str, now: datetime) -> None:
    """What went live was approved, even where the decision's own event comes later."""
    mine = and_(matches_key(proposals, key), proposals.c.digest == digest, proposals.c.state == "open")
    await tx.conn.execute(update(proposals).where(mine).values(state="approved", changed_at=now))


def _proposal(row: Row[Any]) -> Proposal:
    return Proposal(
        row.content_id, key_from_row(row), row.target, row.kind, row.slot, row.regression_id,
        row.base_digest, row.digest, row.state, row.round,
    )  # fmt: skip
