"""Keeps the proposals of a prompt up to date: load, decide, save, emit. The caller has locked the prompt's row."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from proposer.domain.bisected_fixes import bisection_request, fixes_found
from proposer.domain.fix_drafts import NoDraft, draft_fix
from proposer.domain.model import Candidate, PromptKey, PromptState, ProposalDraft
from proposer.domain.proposal_reconciliation import (
    Action,
    Propose,
    Withdraw,
    deduplicate,
    diff_key,
    reconcile,
    withdrawal_event,
)
from proposer.domain.proposals import fits, propose_fix, suspected_digests, to_event
from proposer.domain.text_vectors import Embedder, HashedNgrams
from proposer.domain.tuning_settings import TuningSettings
from proposer.example_set_drafter import ExampleSetDrafter
from proposer.example_set_selector import ExampleSetSelector, SelectedSets
from proposer.pull_request_log import PullRequestLog
from proposer.storage.repository import ProposerRepository
from ratchet.prompt import Prompt
from shared.events import Envelope, Event, derived_id
from shared.events.evaluation import EvaluationCompleted
from shared.events.proposals import ProposalReady, ProposalWithdrawn
from shared.events.quality import RegressionDetected
from shared.messaging.cloudevents import Received
from shared.messaging.store import Tx
from shared.runtime.clock import Clock

CausingEvent = Received[Any] | None
"""The event that led to an action; None for periodic jobs."""


class ProposalService:
    """Drafts, opens and withdraws proposals. `source` is the CloudEvents source of the emitted events.

    `embedder` compares questions when examples are selected. `pull_requests` records which proposals become some.
    """

    def __init__(
        self,
        clock: Clock,
        source: str,
        embedder: Embedder | None = None,
        pull_requests: PullRequestLog | None = None,
    ) -> None:
        self._clock = clock
        self._source = source
        self.embedder = embedder or HashedNgrams()
        self._selector = ExampleSetSelector(self.embedder, clock)
        self._drafter = ExampleSetDrafter(self._selector, clock)
        self.pull_requests = pull_requests or PullRequestLog(clock, {})

    async def sync_fixes(self, tx: Tx, state: PromptState, cause: CausingEvent) -> None:
        """Open and withdraw fixes so that they match the open regressions and the live version."""
        repository = ProposerRepository(tx.conn)
        regressions = await repository.regressions.list_open(state.key)
        approved = await repository.proposals.list_approved_fixes(state.key)
        of_prompt = await repository.proposals.list_open(state.key)
        open_fixes = [p for p in of_prompt if p.regression_id and p.kind != "instruction"]
        decided_or_open = await repository.proposals.list_fix_contents(state.key)
        documents = await repository.prompts.get_documents(state.key, suspected_digests(regressions))

        results = await repository.bisections.list_results([r.regression_id for r in regressions])
        bisected = fixes_found(results)

        outcomes = [(r, propose_fix(r, documents, state.live, approved, bisected)) for r in regressions]
        drafts = deduplicate([o for _, o in outcomes if isinstance(o, ProposalDraft)], decided_or_open)
        actions = reconcile(open_fixes, list(drafts.values()), state.live, "resolved")

        await self._apply(tx, actions, cause)
        for regression, outcome in outcomes:
            shared = drafts[diff_key(outcome)] if isinstance(outcome, ProposalDraft) else outcome
            await self._record_outcome(repository, regression, shared)
            if isinstance(outcome, ProposalDraft) and outcome.good is not None:
                await self._request_bisection(tx, regression, outcome, outcome.good, cause)

    async def open_proposal(self, tx: Tx, draft: ProposalDraft, cause: CausingEvent) -> UUID | None:
        """Open a proposal and return its id; None if it is too large, or the same content was decided before."""
        if not fits(draft):
            return None
        await self._apply(tx, [Propose(draft)], cause)
        latest = await ProposerRepository(tx.conn).proposals.get_latest_round(draft.proposal.content_id)
        return latest.id if latest is not None and latest.state == "open" else None

    async def withdraw_instructions(
        self,
        tx: Tx,
        key: PromptKey,
        cause: CausingEvent,
        *,
        regression_id: UUID | None = None,
        in_use: str | None = None,
    ) -> None:
        """Withdraw the open instruction proposals of a resolved regression, or whose base is not `in_use`."""
        opened = await ProposerRepository(tx.conn).proposals.list_open(key)
        drafted = [proposal for proposal in opened if proposal.kind == "instruction"]
        resolved = [Withdraw(p, "resolved") for p in drafted if p.regression_id == regression_id]
        moved = [Withdraw(p, "base_changed") for p in drafted if in_use is not None and p.base_digest != in_use]
        await self._apply(tx, resolved or moved, cause)

    async def emit(self, tx: Tx, event: Event, event_id: UUID, cause: CausingEvent) -> None:
        """Emit an event in the transaction `tx`."""
        await tx.emit(self._envelope(event, event_id, cause))

    async def _request_bisection(
        self, tx: Tx, regression: RegressionDetected, draft: ProposalDraft, good: Prompt, cause: CausingEvent
    ) -> None:
        """Request the bisection of an edit that a rule drafted a fix for, once."""
        edit, now = (good.digest, draft.base.digest), self._clock.now()
        if not await ProposerRepository(tx.conn).bisections.save_request(regression.regression_id, edit, now):
            return
        event = bisection_request(regression, draft, good)
        await tx.emit(self._envelope(event, derived_id(event.topic, str(event.bisection_id)), cause))

    async def record_no_fix(self, tx: Tx, regression: RegressionDetected) -> None:
        """Save the reason why nothing is proposed for a regression without a suspected prompt."""
        outcome = draft_fix(regression, {}, None)
        assert isinstance(outcome, NoDraft)
        await self._record_outcome(ProposerRepository(tx.conn), regression, outcome)

    async def sync_examples(
        self,
        tx: Tx,
        state: PromptState,
        cause: CausingEvent,
        *,
        force: bool = True,
        new: Sequence[Candidate] | None = None,
    ) -> None:
        """Open and withdraw example sets so that they match the candidates.

        Without `force` nothing is done if the same examples are selected as before: then nothing else has changed. With
        `new`, only these candidates came to the pool, and none left it.
        """
        selected = await self._selector.select(ProposerRepository(tx.conn), state, new)
        if force or selected.ids() != (state.chosen, state.chosen_eligible):
            await self._sync_sets(tx, state, selected, cause)

    async def tune_examples(self, tx: Tx, state: PromptState, settings: TuningSettings) -> tuple[Candidate, ...]:
        """Select the example sets in a batch and propose them; return the candidates of the drafted set.

        If no set is drafted, nothing changes, and the candidates are those of the whole set.
        """
        repository = ProposerRepository(tx.conn)
        selected = await self._selector.select_batch(repository, state, settings)
        drafts = await self._sync_sets(tx, state, selected, None, keep=False)
        members, _ = selected.ids()
        if drafts:
            members = drafts[0].proposal.members
        found = await repository.candidates.list_by_id(state.key, members, state.live_example_digests)
        return tuple(found[member] for member in members if member in found)

    async def _sync_sets(
        self, tx: Tx, state: PromptState, selected: SelectedSets, cause: CausingEvent, *, keep: bool = True
    ) -> Sequence[ProposalDraft]:
        repository = ProposerRepository(tx.conn)
        drafts, actions = await self._drafter.plan(repository, state, selected, keep=keep)
        await repository.prompts.save_chosen(state.key, *selected.ids())
        await self._apply(tx, actions, cause)
        return drafts

    async def record_verdict(self, tx: Tx, received: Received[EvaluationCompleted]) -> None:
        """Note the verdict about an open example set, which another may replace more easily then."""
        repository = ProposerRepository(tx.conn)
        proposal = await repository.proposals.get_open_set(received.event.proposal_id)
        if proposal is None or received.event.drafted:
            return
        (state,) = (await repository.prompts.lock_prompts({proposal.key: proposal.target})).values()
        await repository.proposals.mark_settled([proposal.id])
        await self.sync_examples(tx, state, received)

    async def erase_examples(self, tx: Tx, state: PromptState, erased: Collection[UUID], cause: Received[Any]) -> int:
        """Withdraw the open example sets that have erased candidates, and draft others; return how many."""
        repository = ProposerRepository(tx.conn)
        opened = await repository.proposals.list_open(state.key)
        withdrawn = [p for p in opened if p.kind == "few_shot" and not set(p.members).isdisjoint(erased)]
        await self._apply(tx, [Withdraw(proposal, "evidence_erased") for proposal in withdrawn], cause)
        await self.sync_examples(tx, state, cause)
        return len(withdrawn)

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
                event_id = derived_id(event.topic, str(event.proposal_id), str(event.revision))
                await tx.emit(self._envelope(event, event_id, cause))
                await self.pull_requests.record(tx, event)

    async def withdraw_closed(self, tx: Tx, key: PromptKey, target: str, proposal_id: UUID) -> None:
        """Withdraw the proposal of a pull request that a person closed. The same content is not proposed again."""
        repository = ProposerRepository(tx.conn)
        await repository.prompts.lock_prompts({key: target})
        found = await repository.proposals.reject_open(proposal_id, self._clock.now())
        if found is not None:
            event = withdrawal_event(found[0], found[1], "pull_request_closed")
            await tx.emit(self._envelope(event, derived_id(event.topic, str(proposal_id), str(event.revision)), None))

    async def _withdraw(self, repository: ProposerRepository, action: Withdraw) -> ProposalWithdrawn | None:
        proposal = action.proposal
        revision = await repository.proposals.withdraw(proposal.id, self._clock.now())
        if revision is None:
            return None
        return withdrawal_event(proposal, revision, action.reason)

    async def _open(self, repository: ProposerRepository, draft: ProposalDraft) -> ProposalReady | None:
        opened = await repository.proposals.open(draft.proposal, self._clock.now())
        return None if opened is None else to_event(replace(draft, proposal=opened))

    def _envelope(self, event: Event, event_id: UUID, cause: CausingEvent) -> Envelope[Event]:
        now = self._clock.now()
        if cause is None:
            return Envelope(event_id, now, self._source, event, correlation_id=str(event_id))
        return cause.caused(event, id=event_id, time=now, source=self._source)
