"""Keeps the proposals of a prompt up to date: load, decide, save, emit. The caller has locked the prompt's row."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from proposer.domain.example_selection import MAX_EXAMPLES, select_examples
from proposer.domain.fix_drafts import NoDraft, draft_fix
from proposer.domain.model import Candidate, PromptState, ProposalDraft
from proposer.domain.proposal_reconciliation import Action, Withdraw, deduplicate, diff_key, reconcile
from proposer.domain.proposals import draft_example_proposals, fits, propose_fix, suspected_digests, to_event
from proposer.storage.candidates import TOP
from proposer.storage.repository import ProposerRepository
from ratchet.prompt import Prompt
from shared.events import Envelope, Event, derived_id
from shared.events.proposals import ProposalReady, ProposalWithdrawn
from shared.events.quality import RegressionDetected
from shared.messaging.cloudevents import Received
from shared.messaging.store import Tx
from shared.runtime.clock import Clock

CausingEvent = Received[Any] | None
"""The event that led to an action; None for periodic jobs."""


class ProposalService:
    """Drafts, opens and withdraws proposals. `source` is the CloudEvents source of the emitted events."""

    def __init__(self, clock: Clock, source: str) -> None:
        self._clock = clock
        self._source = source

    async def sync_fixes(self, tx: Tx, state: PromptState, cause: CausingEvent) -> None:
        """Open and withdraw fixes so that they match the open regressions and the live version."""
        repository = ProposerRepository(tx.conn)
        regressions = await repository.regressions.list_open(state.key)
        approved = await repository.proposals.list_approved_fixes(state.key)
        open_fixes = [p for p in await repository.proposals.list_open(state.key) if p.regression_id]
        decided_or_open = await repository.proposals.list_fix_contents(state.key)
        documents = await repository.prompts.get_documents(state.key, suspected_digests(regressions))

        outcomes = [(r, propose_fix(r, documents, state.live, approved)) for r in regressions]
        drafts = deduplicate([o for _, o in outcomes if isinstance(o, ProposalDraft)], decided_or_open)
        actions = reconcile(open_fixes, list(drafts.values()), state.live, "resolved")

        await self._apply(tx, actions, cause)
        for regression, outcome in outcomes:
            shared = drafts[diff_key(outcome)] if isinstance(outcome, ProposalDraft) else outcome
            await self._record_outcome(repository, regression, shared)

    async def record_no_fix(self, tx: Tx, regression: RegressionDetected) -> None:
        """Save the reason why nothing is proposed for a regression without a suspected prompt."""
        outcome = draft_fix(regression, {}, None)
        assert isinstance(outcome, NoDraft)
        await self._record_outcome(ProposerRepository(tx.conn), regression, outcome)

    async def sync_examples(self, tx: Tx, state: PromptState, cause: CausingEvent, *, force: bool = True) -> None:
        """Open and withdraw example sets so that they match the candidates.

        Without `force` nothing is done if the same examples are selected as before: then nothing else has changed.
        """
        repository = ProposerRepository(tx.conn)
        selected = await self._select(repository, state)
        members = tuple(candidate.feedback_id for candidate in selected)
        if members == state.chosen and not force:
            return
        base = await repository.prompts.get_document(state.key, state.in_use)
        open_sets = [p for p in await repository.proposals.list_open(state.key) if p.kind == "few_shot"]

        drafts = await self._draft_examples(repository, state, base, selected) if base and base.slots else []
        actions = reconcile(open_sets, drafts, state.in_use, "evidence_withdrawn")

        await repository.prompts.save_chosen(state.key, members)
        await self._apply(tx, actions, cause)

    async def _select(self, repository: ProposerRepository, state: PromptState) -> tuple[Candidate, ...]:
        now = self._clock.now()
        top = await repository.candidates.list_top(state, now)
        served = await repository.candidates.list_served(state, now)
        selected = select_examples(top, served)
        if len(selected) == MAX_EXAMPLES or len(top) < TOP:
            return selected  # no candidate of a lower rank could enter
        return select_examples(await repository.candidates.list_pool(state, now), served)

    async def _draft_examples(
        self, repository: ProposerRepository, state: PromptState, base: Prompt, selected: Sequence[Candidate]
    ) -> list[ProposalDraft]:
        """Draft the set that a grant may cover; if a person has decided all of it already, draft the whole set.

        So examples that need a person's decision never delay those that don't.
        """
        measured = await repository.prompts.list_measurements(state)
        objected = await repository.candidates.has_live_objection(state.key)
        drafts: list[ProposalDraft] = []
        for members in ([c for c in selected if c.needs_no_decision], selected):
            drafts = [d for d in draft_example_proposals(state, base, members, measured, objected) if fits(d)]
            if [d for d in drafts if not await repository.proposals.is_decided(d.proposal.content_id)]:
                break
        return drafts

    async def _record_outcome(
        self, repository: ProposerRepository, regression: RegressionDetected, outcome: ProposalDraft | NoDraft
    ) -> None:
        proposal_id, no_draft = None, None
        if isinstance(outcome, NoDraft):
            no_draft = outcome
        elif latest := await repository.proposals.get_latest_round(outcome.proposal.content_id):
            proposal_id = latest.id
        now = self._clock.now()
        await repository.regressions.save_outcome(regression.regression_id, proposal_id, no_draft, now)

    async def _apply(self, tx: Tx, actions: Sequence[Action], cause: CausingEvent) -> None:
        repository = ProposerRepository(tx.conn)
        for action in actions:
            event: ProposalReady | ProposalWithdrawn | None
            if isinstance(action, Withdraw):
                event = await self._withdraw(repository, action)
            else:
                event = await self._open(repository, action.draft)
            if event is not None:
                await tx.emit(self._envelope(event, cause))

    async def _withdraw(self, repository: ProposerRepository, action: Withdraw) -> ProposalWithdrawn | None:
        proposal = action.proposal
        revision = await repository.proposals.withdraw(proposal.id, self._clock.now())
        if revision is None:
            return None
        return ProposalWithdrawn(
            project=proposal.key.project,
            environment=proposal.key.environment,
            target=proposal.target,
            proposal_id=proposal.id,
            revision=revision,
            reason=action.reason,
        )

    async def _open(self, repository: ProposerRepository, draft: ProposalDraft) -> ProposalReady | None:
        opened = await repository.proposals.open(draft.proposal, self._clock.now())
        return None if opened is None else to_event(replace(draft, proposal=opened))

    def _envelope(self, event: ProposalReady | ProposalWithdrawn, cause: CausingEvent) -> Envelope[Event]:
        event_id = derived_id(event.topic, str(event.proposal_id), str(event.revision))
        now = self._clock.now()
        if cause is None:
            return Envelope(event_id, now, self._source, event, correlation_id=str(event_id))
        return cause.caused(event, id=event_id, time=now, source=self._source)
