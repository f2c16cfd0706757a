"""Life-cycle events come in; open pages hear that there is news."""

from collections.abc import Sequence
from typing import Any

from console.notifications import OpenPages
from shared.events.promotion import LoopHalted, LoopResumed, PromptLive
from shared.events.proposals import ProposalDecided, ProposalReady, ProposalWithdrawn
from shared.events.quality import QualityMeasured, RegressionDetected, RegressionResolved
from shared.messaging.cloudevents import Received
from shared.messaging.store import Broadcast

NEWS = (
    QualityMeasured,
    RegressionDetected,
    RegressionResolved,
    ProposalReady,
    ProposalWithdrawn,
    ProposalDecided,
    PromptLive,
    LoopHalted,
    LoopResumed,
)
_OF_ALL_ENVIRONMENTS = ("loop.halted", "loop.resumed")


def notification_subscriptions(pages: OpenPages) -> Broadcast:
    """What tells `pages`."""

    async def on_news(events: Sequence[Received[Any]]) -> None:
        for received in events:
            event = received.event
            everywhere = event.topic in _OF_ALL_ENVIRONMENTS
            pages.tell((event.project, None if everywhere else event.environment), event.topic)

    return Broadcast("news", NEWS, on_news)
