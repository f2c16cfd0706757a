"""A live version as what the hub hands out (pure)."""

from gatekeeper.delivery.hub import Frame
from gatekeeper.promotion.live_version import frame
from shared.events.promotion import PromptLive


def to_frame(live: PromptLive) -> Frame:
    """Written once for all clients."""
    return Frame(live.name, live.sequence, live.digest, frame(live))
