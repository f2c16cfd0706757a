"""Background jobs: request evaluations again that have become too old, and forget instances that have ended."""

from gatekeeper.delivery.hub import Hub
from gatekeeper.storage.evaluations import EvaluationRepository
from gatekeeper.storage.instances import InstanceRepository
from gatekeeper.storage.proposals import ProposalRepository
from gatekeeper.use_cases.evaluations import request_evaluation
from gatekeeper.use_cases.unit_of_work import UnitOfWorkFactory
from shared.messaging.sql_store import SqlStore

REFRESH_S = 60.0
"""Seconds between two looks for evaluations that are too old."""
FORGET_S = 1.0
"""Seconds between two looks for streams that have ended."""
_MOST = 50
"""Evaluations that are requested at a time."""


async def refresh_stale_evaluations(units: UnitOfWorkFactory) -> int:
    """Request another evaluation of open proposals whose passed one is too old; return their number.

    Each is requested at most once a day. Those that did not pass are not: each attempt has to show more than the one
    before, so a person decides to try again.
    """
    async with units.begin() as unit:
        stale = await EvaluationRepository(unit.conn).list_stale(unit.now, _MOST)
    for each in stale:
        async with units.begin() as unit:
            stored = await ProposalRepository(unit.conn).get_proposal(*each)
            if stored is not None:
                await request_evaluation(unit, stored)
    return len(stale)


async def forget_ended_instances(store: SqlStore, hub: Hub) -> None:
    """Delete the reports of instances whose stream at this gatekeeper has ended; nothing without such a stream."""
    ended = hub.ended
    if ended:
        async with store.begin() as tx:
            await InstanceRepository(tx.conn).delete_ended(ended)
        hub.forget_ended(set(ended))
