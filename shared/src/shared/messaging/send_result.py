"""Result of sending a message."""

from enum import Enum


class SendResult(Enum):
    """sent: acknowledged by the brokers; no room: the bus cannot hold more of this topic now; unanswered: no
    acknowledgement in time, the message may have been written; refused: the brokers never accept this message."""

    SENT = "sent"
    NO_ROOM = "no room"
    UNANSWERED = "unanswered"
    REFUSED = "refused"
