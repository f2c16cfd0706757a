"""Decides about one prompt, whose row the caller has locked: load, decide, save, emit."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from proposer.domain.candidates import MOST, select_examples
from proposer.domain.drafts import NoDraft, draft_fix, suspected_version
from proposer.domain.model import Candidate, PromptState, ProposalDraft
from proposer.domain.proposals import draft_examples_proposal, draft_fix_proposal, to_event
from proposer.domain.reconciliation import Step, Withdraw, deduplicate, diff_key, reconcile
from proposer.storage.candidates import TOP, has_live_objection, load_pool, load_served, load_top
from proposer.storage.prompts import load_documents, load_measured, save_chosen
from proposer.storage.proposals import (
    approved_digests,
    decided,
    known_fixes,
    latest_round,
    open_proposal,
    open_proposals,
    withdraw_proposal,
)
from proposer.storage.regressions import open_regressions, save_outcome
from ratchet.prompt import Prompt
from shared.events import Envelope, Event, derived_id
from shared.events.message import MAX_PAYLOAD
from shared.events.proposals import ProposalReady, ProposalWithdrawn
from shared.events.quality import RegressionDetected
from shared.messaging.cloudevents import Received
from shared.messaging.store import Tx
from shared.runtime.clock import Clock

Cause = Received[Any] | None
"""The event that led to a step; None where only time did."""


class ProposalService:
    """`source` is the `ce_source` of what is emitted."""

    def __init__(self, clock: Clock, source: str) -> None:
        self._clock = clock
        self._source = source

    async def settle_fixes(self, tx: Tx, state: PromptState, cause: Cause) -> None:
        """Brings the fixes that are proposed in line with the open regressions and with what is live."""
        approved = await approved_digests(tx, state.key)
        regressions = await open_regressions(tx, state.key)
        outcomes = [(r, await self._outcome(tx, state, r, approved)) for r in regressions]
        standing = [p for p in await open_proposals(tx, state.key) if p.regression_id]
        offers = [outcome for _, outcome in outcomes if isinstance(outcome, ProposalDraft)]
        chosen = deduplicate(offers, await known_fixes(tx, state.key))
        await self._take(tx, reconcile(standing, list(chosen.values()), state.live, "resolved"), cause)
        for regression, outcome in outcomes:
            await self._note(
                tx, regression, chosen[diff_key(outcome)] if isinstance(outcome, ProposalDraft) else outcome
            )

    async def settle_examples(self, tx: Tx, state: PromptState, cause: Cause, *, anew: bool = True) -> None:
        """Brings the example sets that are proposed in line with the candidates.

        Unless it is asked to look `anew`, the same set as before ends it: then nothing else has changed.
        """
        chosen = await self._choose(tx, state)
        members = tuple(candidate.feedback_id for candidate in chosen)
        if members == state.chosen and not anew:
            return
        await save_chosen(tx, state.key, members)
        base = (await load_documents(tx, state.key, [state.in_use])).get(state.in_use or "")
        offers = await self._example_offers(tx, state, base, chosen) if base is not None and base.slots else []
        standing = [p for p in await open_proposals(tx, state.key) if p.kind == "few_shot"]
        await self._take(tx, reconcile(standing, offers, state.in_use, "evidence_withdrawn"), cause)

    async def _example_offers(
        self, tx: Tx, state: PromptState, base: Prompt, chosen: Sequence[Candidate]
    ) -> list[ProposalDraft]:
        """What a grant may cover comes first, so that nothing which needs a person holds it up; then the whole set."""
        measured, objected = await load_measured(tx, state), await has_live_objection(tx, state.key)
        for members in ([c for c in chosen if c.needs_no_person], chosen):
            offers = [
                offer for offer in draft_examples_proposal(state, base, members, measured, objected) if fits(offer)
            ]
            if [offer for offer in offers if not await decided(tx, offer.proposal.content_id)]:
                return offers
        return offers

    async def _choose(self, tx: Tx, state: PromptState) -> tuple[Candidate, ...]:
        now = self._clock.now()
        top, served = await load_top(tx, state, now), await load_served(tx, state, now)
        chosen = select_examples(top, served)
        if len(chosen) == MOST or len(top) < TOP:
            return chosen  # nobody further down could enter
        return select_examples(await load_pool(tx, state, now), served)

    async def no_fix(self, tx: Tx, regression: RegressionDetected) -> None:
        """For a regression that points at no prompt: notes why nothing is proposed."""
        outcome = draft_fix(regression, {}, None)
        assert isinstance(outcome, NoDraft)
        await self._note(tx, regression, outcome)

    async def _outcome(
        self, tx: Tx, state: PromptState, regression: RegressionDetected, approved: Collection[str]
    ) -> ProposalDraft | NoDraft:
        suspected = suspected_version(regression)
        versions = (suspected.before, suspected.after) if suspected else ()
        documents = await load_documents(tx, state.key, versions)
        outcome = draft_fix(regression, documents, state.live, approved)
        if isinstance(outcome, NoDraft):
            return outcome
        offer = draft_fix_proposal(regression, outcome)
        return offer if fits(offer) else NoDraft("too-large", f"it would be larger than {MAX_PAYLOAD} bytes")

    async def _note(self, tx: Tx, regression: RegressionDetected, outcome: ProposalDraft | NoDraft) -> None:
        none = outcome if isinstance(outcome, NoDraft) else None
        made = await latest_round(tx, outcome.proposal.content_id) if isinstance(outcome, ProposalDraft) else None
        proposal_id = made.id if made else None
        await save_outcome(tx, regression.regression_id, proposal_id, none, self._clock.now())

    async def _take(self, tx: Tx, steps: Sequence[Step], cause: Cause) -> None:
        for step in steps:
            event: ProposalReady | ProposalWithdrawn | None
            if isinstance(step, Withdraw):
                event = await self._withdraw(tx, step)
            else:
                event = await self._propose(tx, step.offer)
            if event is not None:
                await tx.emit(self._envelope(event, cause))

    async def _withdraw(self, tx: Tx, step: Withdraw) -> ProposalWithdrawn | None:
        gone = step.proposal
        revision = await withdraw_proposal(tx, gone.id, self._clock.now())
        if revision is None:
            return None
        return ProposalWithdrawn(
            project=gone.key.project,
            environment=gone.key.environment,
            target=gone.target,
            proposal_id=gone.id,
            revision=revision,
            reason=step.reason,
        )

    async def _propose(self, tx: Tx, offer: ProposalDraft) -> ProposalReady | None:
        opened = await open_proposal(tx, offer.proposal, self._clock.now())
        return None if opened is None else to_event(replace(offer, proposal=opened))

    def _envelope(self, event: ProposalReady | ProposalWithdrawn, cause: Cause) -> Envelope[Event]:
        identity = derived_id(event.topic, str(event.proposal_id), str(event.revision))
        now = self._clock.now()
        if cause is None:
            return Envelope(identity, now, self._source, event, correlation_id=str(identity))
        return cause.caused(event, id=identity, time=now, source=self._source)


def fits(offer: ProposalDraft) -> bool:
    """Whether its event can be carried in one message."""
    return len(to_event(offer).model_dump_json().encode()) <= MAX_PAYLOAD
