"""SQL of proposals. Revisions are assigned under the row's lock."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.domain.model import PromptKey, Proposal
from proposer.domain.proposals import FIRST_REVISION
from proposer.storage.tables import key_columns, key_from_row, matches_key, prompts, proposals
from shared.events.proposals import Verdict


class ProposalRoundRepository:
    """Proposals in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def list_open(self, key: PromptKey) -> list[Proposal]:
        """Return the proposals of this prompt that are neither decided nor withdrawn."""
        mine = and_(matches_key(proposals, key), proposals.c.state == "open")
        found = await self._conn.execute(select(proposals).where(mine).order_by(proposals.c.id))
        return [_proposal(row) for row in found]

    async def count_open(self, proposal_ids: Sequence[UUID]) -> int:
        """Return how many of these proposals are open."""
        mine = select(func.count()).where(proposals.c.id.in_(proposal_ids), proposals.c.state == "open")
        return int((await self._conn.execute(mine)).scalar_one())

    async def list_approved_fixes(self, key: PromptKey) -> set[str]:
        """Return the resulting digests of the approved fixes of this prompt."""
        is_fix = and_(matches_key(proposals, key), proposals.c.regression_id.is_not(None))
        found = await self._conn.execute(select(proposals.c.digest).where(is_fix, proposals.c.state == "approved"))
        return set(found.scalars())

    async def list_fix_contents(self, key: PromptKey) -> set[UUID]:
        """Return the content ids of this prompt's fixes that are open or decided."""
        is_fix = and_(matches_key(proposals, key), proposals.c.regression_id.is_not(None))
        found = await self._conn.execute(select(proposals.c.content_id).where(is_fix, proposals.c.state != "withdrawn"))
        return set(found.scalars())

    async def open(self, proposal: Proposal, now: datetime) -> Proposal | None:
        """Save the next round of a proposal and return it; None if it is open or decided already.

        The caller holds the prompt's lock, so that no two rounds are opened at once.
        """
        latest = await self.get_latest_round(proposal.content_id)
        if latest is not None and latest.state != "withdrawn":
            return None
        opened = replace(proposal, round=latest.round + 1 if latest else 0)
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
            "members": list(opened.members),
        }
        await self._conn.execute(insert(proposals).values(row))
        return opened

    async def get_latest_round(self, content_id: UUID) -> Proposal | None:
        """Return the latest proposal with this content."""
        mine = select(proposals).where(proposals.c.content_id == content_id)
        row = (await self._conn.execute(mine.order_by(proposals.c.round.desc()).limit(1))).first()
        return _proposal(row) if row else None

    async def is_decided(self, content_id: UUID) -> bool:
        """Return whether a person has decided about this content; it is not proposed again then."""
        latest = await self.get_latest_round(content_id)
        return latest is not None and latest.state not in ("open", "withdrawn")

    async def withdraw(self, proposal_id: UUID, now: datetime) -> int | None:
        """Withdraw an open proposal and return its new revision; None if it was not open."""
        withdrawn = await self._conn.execute(
            update(proposals)
            .where(proposals.c.id == proposal_id, proposals.c.state == "open")
            .values(state="withdrawn", revision=proposals.c.revision + 1, changed_at=now)
            .returning(proposals.c.revision)
        )
        row = withdrawn.first()
        return row.revision if row else None

    async def reject_open(self, proposal_id: UUID, now: datetime) -> tuple[Proposal, int] | None:
        """Mark an open proposal as rejected and return it with its new revision; None if it was not open.

        Unlike a withdrawn one it is not proposed again.
        """
        mine = update(proposals).where(proposals.c.id == proposal_id, proposals.c.state == "open")
        values = {"state": "rejected", "revision": proposals.c.revision + 1, "changed_at": now}
        row = (await self._conn.execute(mine.values(values).returning(proposals))).first()
        return (_proposal(row), row.revision) if row else None

    async def get_open_set(self, proposal_id: UUID) -> Proposal | None:
        """Return an open proposal of an example set; None if it is something else."""
        c = proposals.c
        mine = select(proposals).where(c.id == proposal_id, c.state == "open", c.kind == "few_shot")
        row = (await self._conn.execute(mine)).first()
        return _proposal(row) if row else None

    async def mark_settled(self, proposal_ids: Collection[UUID]) -> None:
        """Save that these proposals do not wait for a verdict any more."""
        await self._conn.execute(update(proposals).where(proposals.c.id.in_(proposal_ids)).values(is_settled=True))

    async def list_overdue_sets(self, before: datetime) -> list[Proposal]:
        """Return the open example sets that were proposed before `before` and wait for a verdict."""
        c = proposals.c
        overdue = (c.kind == "few_shot", c.state == "open", ~c.is_settled, c.changed_at < before)
        return [_proposal(row) for row in await self._conn.execute(select(proposals).where(*overdue))]

    async def list_outgrown_sets(self) -> list[Proposal]:
        """Return the open example sets of prompts for which more examples are selected by now."""
        c, p = proposals.c, prompts.c
        of_prompt = and_(c.project == p.project, c.environment == p.environment, c.name == p.name)
        size = func.cardinality(c.members)
        more = or_(func.cardinality(p.chosen) > size, func.cardinality(p.chosen_eligible) > size)
        mine = select(proposals).join(prompts, of_prompt).where(c.kind == "few_shot", c.state == "open", more)
        return [_proposal(row) for row in await self._conn.execute(mine)]

    async def save_decision(self, proposal_id: UUID, verdict: Verdict, reason: str | None, now: datetime) -> None:
        """Save a person's decision, which replaces any other state. Proposals of other authors are ignored."""
        mine = update(proposals).where(proposals.c.id == proposal_id)
        await self._conn.execute(mine.values(state=verdict, reason=reason, changed_at=now))

    async def approve_live(self, key: PromptKey, digest: str, now: datetime) -> None:
        """Mark open proposals of a live digest as approved: `prompt.live` may arrive before `proposal.decided`."""
        mine = and_(matches_key(proposals, key), proposals.c.digest == digest, proposals.c.state == "open")
        await self._conn.execute(update(proposals).where(mine).values(state="approved", changed_at=now))


def _proposal(row: Row[Any]) -> Proposal:
    return Proposal(
        row.content_id, key_from_row(row), row.target, row.kind, row.slot, row.regression_id,
        row.base_digest, row.digest, row.state, row.round, tuple(row.members), row.is_settled,
    )  # fmt: skip
