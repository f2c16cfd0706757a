"""Periodic jobs: delete what has expired, and end what was not evaluated in time."""

from datetime import timedelta

from proposer.domain.candidate_eligibility import CANDIDATE_WINDOW
from proposer.domain.set_replacement import SETTLED_AFTER
from proposer.instruction_service import EVALUATED_WITHIN
from proposer.proposal_service import ProposalService
from proposer.storage.repository import ProposerRepository
from shared.messaging.store import Store
from shared.runtime.clock import Clock

_CALLS_KEPT = timedelta(days=400)


async def expire_stale_candidates(store: Store, service: ProposalService, clock: Clock) -> None:
    """Delete candidates past their window, and select the examples again of each prompt that lost one.

    Before, candidates of earlier versions get the vectors that they lack.
    """
    async with store.begin() as tx:
        await ProposerRepository(tx.conn).pool.embed_missing(service.embedder)
    async with store.begin() as tx:
        repository = ProposerRepository(tx.conn)
        affected = await repository.candidates.delete_expired(clock.now())
        for state in (await repository.prompts.lock_prompts(dict.fromkeys(affected, ""))).values():
            await service.sync_examples(tx, state, None)


async def end_waits_for_verdicts(store: Store, service: ProposalService, clock: Clock) -> None:
    """Stop waiting for the evaluations of example sets that have taken too long, and propose what is better now."""
    async with store.begin() as tx:
        repository = ProposerRepository(tx.conn)
        overdue = await repository.proposals.list_overdue_sets(clock.now() - SETTLED_AFTER)
        states = await repository.prompts.lock_prompts({proposal.key: proposal.target for proposal in overdue})
        await repository.proposals.mark_settled([proposal.id for proposal in overdue])
        for state in states.values():
            await service.sync_examples(tx, state, None)


async def propose_grown_sets(store: Store, service: ProposalService) -> None:
    """Propose the example sets that have stopped growing instead of the smaller ones that are open."""
    async with store.begin() as tx:
        outdated = await ProposerRepository(tx.conn).proposals.list_outgrown_sets()
    for key, target in {proposal.key: proposal.target for proposal in outdated}.items():
        async with store.begin() as tx:  # one prompt at a time: its lock makes events about it wait
            for state in (await ProposerRepository(tx.conn).prompts.lock_prompts({key: target})).values():
                await service.sync_examples(tx, state, None)


async def expire_drafts(store: Store, clock: Clock) -> None:
    """Fail drafts of instructions whose candidates were not evaluated in time, and delete what they no longer need."""
    now = clock.now()
    async with store.begin() as tx:
        repository = ProposerRepository(tx.conn)
        await repository.instructions.fail_overdue(now - EVALUATED_WITHIN, now)
        await repository.failed_answers.delete_expired(now - CANDIDATE_WINDOW)
        await repository.model_calls.delete_before(now - _CALLS_KEPT)
