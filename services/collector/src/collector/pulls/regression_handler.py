"""Handler of regressions: stores scores of affected traces for the pulls that write them to their source."""

from collections.abc import Sequence

from collector.domain.pulls.pull_state import PullIdentity
from collector.domain.pulls.regression_scores import regression_scores
from collector.storage.connections import raw_connection, transient_errors
from collector.storage.pull_score_repository import PullScoreRepository
from shared.events.quality import RegressionDetected
from shared.messaging.cloudevents import Received
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import Clock


class RegressionScores:
    """Stores the scores in the transaction that also marks the events as consumed; the next run writes them."""

    def __init__(self, pulls: Sequence[PullIdentity], clock: Clock) -> None:
        self._pulls = pulls
        self._clock = clock

    def subscription(self) -> Subscription:
        """Return the subscription."""
        return Subscription("pull-scores", (RegressionDetected,), self.save_scores)

    async def save_scores(self, tx: Tx, events: Sequence[Received[RegressionDetected]]) -> None:
        """Store a score for each affected trace."""
        now = self._clock.now()
        with transient_errors():
            repository = PullScoreRepository(await raw_connection(tx))
            for event in (received.event for received in events):
                scores = list(regression_scores(event))
                for pull in self._pulls:
                    of_pull = (pull.project, pull.environment) == (event.project, event.environment)
                    if scores and of_pull and pull.target in (None, event.target):
                        await repository.save(pull.name, scores, now)
