"""Periodic job: delete expired candidates and update the example sets that contained them."""

from proposer.proposal_service import ProposalService
from proposer.storage.repository import ProposerRepository
from shared.messaging.store import Store
from shared.runtime.clock import Clock


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
            await service.sync_examples(tx, state, None, force=False)
