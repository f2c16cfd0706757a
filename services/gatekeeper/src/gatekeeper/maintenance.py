"""Background jobs: request evaluations again that have become too old, use grants for proposals that wait, and forget
instances that have ended."""

from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from gatekeeper.delivery.hub import Hub
from gatekeeper.domain.errors import BoundaryError
from gatekeeper.storage.evaluations import EvaluationRepository
from gatekeeper.storage.instances import InstanceRepository
from gatekeeper.storage.proposals import ProposalRepository
from gatekeeper.use_cases.evaluations import request_evaluation
from gatekeeper.use_cases.grants import HALTED, use_grant
from gatekeeper.use_cases.unit_of_work import UnitOfWorkFactory
from shared.events.promotion import PromptLive
from shared.messaging.sql_store import SqlStore
from shared.runtime.log import logger

REFRESH_S = 60.0
"""Seconds between two looks for evaluations that are too old."""
GRANTS_S = 10.0
"""Seconds between two looks for open proposals that a grant covers by now."""
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


async def use_waiting_grants(units: UnitOfWorkFactory, notify: Callable[[Sequence[PromptLive]], None]) -> int:
    """Make open proposals live that a grant covers by now; return their number.

    A grant is tried when a proposal, a verdict or the grant arrives. It may cover the proposal later only: after
    a halt, an hour with all its uses, a rollout, or another rule about evaluations. The database checks as then.
    """
    log = logger(__name__)
    async with units.begin() as unit:
        waiting = await ProposalRepository(unit.conn).list_coverable(unit.now)
    count = 0
    for project, environment, proposal_id in waiting:
        try:
            async with units.begin() as unit:
                promoted = await use_grant(unit, project, environment, proposal_id)
                if promoted:
                    await unit.sign_audit_head(project)
        except (BoundaryError, SQLAlchemyError) as error:  # of this proposal; the others are tried all the same
            if not isinstance(error, BoundaryError) or error.code not in HALTED:
                log.warning("grant not used", proposal_id=str(proposal_id), error=type(error).__name__)
            continue
        notify(promoted)
        count += len(promoted)
    return count


async def forget_ended_instances(store: SqlStore, hub: Hub) -> None:
    """Delete the reports of instances whose stream at this gatekeeper has ended; nothing without such a stream."""
    ended = hub.ended
    if ended:
        async with store.begin() as tx:
            await InstanceRepository(tx.conn).delete_ended(ended)
        hub.forget_ended(set(ended))
