"""Events on the bus: frozen, in the past tense, one fact each. One file per life cycle."""

from shared.events.base import Envelope, Event, derived_id, new_id
from shared.events.catalog import CATALOG, event_type

__all__ = ["CATALOG", "Envelope", "Event", "derived_id", "event_type", "new_id"]
