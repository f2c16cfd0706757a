"""Event handlers of the console: notify open pages of events that change what they show."""

from collections.abc import Sequence
from typing import Any

from console.notifications import Notifications
from shared.events.evaluation import DatasetPublished, EvaluationCompleted
from shared.events.promotion import LoopHalted, LoopResumed, PromptLive
from shared.events.proposals import ProposalDecided, ProposalReady, ProposalWithdrawn
from shared.events.quality import QualityMeasured, RegressionDetected, RegressionResolved
from shared.events.rollouts import RolloutAdvanced, RolloutConcluded, RolloutStarted
from shared.messaging.cloudevents import Received
from shared.messaging.store import Broadcast

NOTIFIED_EVENTS = (
    QualityMeasured,
    RegressionDetected,
    RegressionResolved,
    ProposalReady,
    ProposalWithdrawn,
    ProposalDecided,
    EvaluationCompleted,
    DatasetPublished,
    PromptLive,
    LoopHalted,
    LoopResumed,
    RolloutStarted,
    RolloutAdvanced,
    RolloutConcluded,
)
_ALL_ENVIRONMENTS = ("loop.halted", "loop.resumed")


def notification_subscription(notifications: Notifications) -> Broadcast:
    """Return the subscription that publishes topics with new events to `notifications`."""

    async def on_events(events: Sequence[Received[Any]]) -> None:
        for received in events:
            event = received.event
            environment = None if event.topic in _ALL_ENVIRONMENTS else event.environment
            notifications.publish(event.project, environment, event.topic)

    return Broadcast("news", NOTIFIED_EVENTS, on_events)
