"""What became of a message that was handed to the bus."""

from enum import Enum


class SendResult(Enum):
    """sent: the brokers acknowledged it; no room: the bus can't hold more of this topic now; unanswered: no
    acknowledgement in time, it may have been written; refused: the brokers will never accept this message."""

    SENT = "sent"
    NO_ROOM = "no room"
    UNANSWERED = "unanswered"
    REFUSED = "refused"
