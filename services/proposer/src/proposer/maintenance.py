"""What time does: candidates grow old, and the sets that held them change."""

import asyncio

from proposer.service import ProposalService
from proposer.storage.candidates import expire_candidates
from proposer.storage.prompts import lock_prompts
from shared.messaging.store import Store
from shared.runtime.clock import Clock


async def expire_stale_candidates(store: Store, desk: ProposalService, clock: Clock) -> None:
    """Forgets candidates past their window, and chooses again where one of them was known."""
    async with store.begin() as tx:
        gone = await expire_candidates(tx, clock.now())
        for state in (await lock_prompts(tx, dict.fromkeys(gone, ""))).values():
            await desk.settle_examples(tx, state, None, anew=False)


async def expire_periodically(store: Store, desk: ProposalService, clock: Clock, every: float) -> None:
    """`upkeep` every so many seconds."""
    while True:
        await asyncio.sleep(every)
        await expire_stale_candidates(store, desk, clock)
