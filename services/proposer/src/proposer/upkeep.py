"""What time does: candidates grow old, and the sets that held them change."""

import asyncio

from proposer.desk import Desk
from proposer.store.candidates import expire
from proposer.store.prompts import lock_prompts
from shared.messaging.store import Store
from shared.runtime.clock import Clock


async def upkeep(store: Store, desk: Desk, clock: Clock) -> None:
    """Forgets candidates past their window, and chooses again where one of them was known."""
    async with store.begin() as tx:
        gone = await expire(tx, clock.now())
        for state in (await lock_prompts(tx, dict.fromkeys(gone, ""))).values():
            await desk.settle_examples(tx, state, None, anew=False)


async def upkeep_forever(store: Store, desk: Desk, clock: Clock, every: float) -> None:
    """`upkeep` every so many seconds."""
    while True:
        await asyncio.sleep(every)
        await upkeep(store, desk, clock)
