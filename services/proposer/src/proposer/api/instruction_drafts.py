"""`GET /v1/instruction-drafts`: what became of drafts of instructions, with their candidates and what they cost."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine

from proposer.api.parameters import Limit, Reader
from proposer.domain.instruction_runs import InstructionRun
from proposer.storage.model_calls import ModelSpend
from proposer.storage.repository import ProposerRepository


class CandidateEditView(BaseModel):
    """A candidate. Figures are null until it is evaluated; `difference` is its pass rate minus that of the base."""

    digest: str
    intent: str
    added_tokens: int
    verdict: Literal["pass", "fail", "inconclusive"] | None
    difference: float | None
    low: float | None
    high: float | None
    level: float
    cases: int


class InstructionDraftView(BaseModel):
    """A draft. `tokens` and `usd` are what its calls used or have reserved; `usd` is null without prices."""

    regression_id: UUID
    target: str
    name: str
    base_digest: str
    source: Literal["model", "clauses"]
    state: Literal["waiting", "evaluating", "proposed", "not_better", "failed", "ended"]
    detail: str | None
    calls: int
    tokens: int
    usd: float | None
    next_call_at: datetime | None
    candidates: list[CandidateEditView]
    proposal_id: UUID | None
    created_at: datetime
    changed_at: datetime


class InstructionDrafts(BaseModel):
    """The newest drafts."""

    items: list[InstructionDraftView]


def instruction_drafts_router(engine: AsyncEngine) -> APIRouter:
    """Return the router; it reads on connections of `engine`."""
    router = APIRouter(prefix="/v1/instruction-drafts", tags=["drafts"])

    @router.get("")
    async def list_instruction_drafts(
        principal: Reader, regression_id: UUID | None = None, limit: Limit = 100
    ) -> InstructionDrafts:
        """Return the newest drafts of instructions of the key's project and environment."""
        scope = (principal.project, principal.environment)
        async with engine.connect() as conn:
            repository = ProposerRepository(conn)
            found = await repository.instructions.list_runs(scope, regression_id, limit)
            spends = [
                await repository.model_calls.get_run_spend((run.regression_id, run.base_digest)) for run, _, _ in found
            ]
        items = [_view(run, spend, at, then) for (run, at, then), spend in zip(found, spends, strict=True)]
        return InstructionDrafts(items=items)

    return router


def _view(run: InstructionRun, spend: ModelSpend, created_at: datetime, changed_at: datetime) -> InstructionDraftView:
    candidates = [
        CandidateEditView(
            digest=each.digest, intent=each.intent, added_tokens=each.added_tokens, verdict=each.verdict,
            difference=each.difference, low=each.low, high=each.high, level=each.level, cases=each.cases,
        )
        for each in run.candidates
    ]  # fmt: skip
    return InstructionDraftView(
        regression_id=run.regression_id, target=run.target, name=run.key.name, base_digest=run.base_digest,
        source=run.source, state=run.state, detail=run.detail, calls=spend.calls, tokens=spend.tokens,
        usd=spend.usd if spend.calls else 0.0, next_call_at=run.next_call_at if run.state == "waiting" else None,
        candidates=candidates, proposal_id=run.proposal_id, created_at=created_at, changed_at=changed_at,
    )  # fmt: skip
