"""Event handlers of the evaluator. Each gets a batch, in one transaction."""

from collections.abc import Sequence

from evaluator.domain.bisection_run import requested_bisection
from evaluator.domain.evaluation_run import RequestOrigin, requested_run
from evaluator.storage.bisections import BisectionRunRepository
from evaluator.storage.evaluations import EvaluationRunRepository
from shared.events.bisection import BisectionRequested
from shared.events.evaluation import CandidateDrafted, EvaluationRequested
from shared.events.proposals import ProposalDecided, ProposalWithdrawn
from shared.events.quality import RegressionResolved
from shared.messaging.cloudevents import Received
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import Clock


class Handlers:
    """The event handlers of the evaluator. `repeats`: answers to each case and prompt."""

    def __init__(self, clock: Clock, repeats: int) -> None:
        self._clock, self._repeats = clock, repeats

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the subscriptions of this service."""
        return (
            Subscription("requests", (EvaluationRequested, CandidateDrafted), self.on_requests, 50),
            Subscription("bisections", (BisectionRequested,), self.on_bisections, 50),
            Subscription("resolutions", (RegressionResolved,), self.on_resolutions),
            Subscription("proposals", (ProposalWithdrawn, ProposalDecided), self.on_ended_proposals),
        )

    async def on_requests(self, tx: Tx, batch: Sequence[Received[EvaluationRequested]]) -> None:
        """Save requested evaluations; those of proposals that have ended are cancelled at once."""
        repository, now = EvaluationRunRepository(tx.conn), self._clock.now()
        for received in sorted(batch, key=lambda it: str(it.event.proposal_id)):
            origin = RequestOrigin(received.correlation_id, str(received.id), received.traceparent)
            run = requested_run(received.event, origin, received.time, self._repeats)
            ended = await repository.save_proposal(received.event.proposal_id, False, now)
            await repository.save_request(run, "cancelled" if ended else "waiting", now)

    async def on_bisections(self, tx: Tx, batch: Sequence[Received[BisectionRequested]]) -> None:
        """Save requested bisections."""
        repository = BisectionRunRepository(tx.conn)
        for received in batch:
            origin = RequestOrigin(received.correlation_id, str(received.id), received.traceparent)
            await repository.save_request(requested_bisection(received.event, origin, received.time))

    async def on_resolutions(self, tx: Tx, batch: Sequence[Received[RegressionResolved]]) -> None:
        """Cancel the bisections of resolved regressions."""
        for received in batch:
            await BisectionRunRepository(tx.conn).cancel(self._clock.now(), received.event.regression_id)

    async def on_ended_proposals(self, tx: Tx, batch: Sequence[Received[ProposalWithdrawn | ProposalDecided]]) -> None:
        """Cancel what is not needed any more: a proposal was withdrawn or decided."""
        repository, now = EvaluationRunRepository(tx.conn), self._clock.now()
        for proposal_id in sorted({received.event.proposal_id for received in batch}, key=str):
            await repository.save_proposal(proposal_id, True, now)
            await repository.cancel_proposal(proposal_id, now)
