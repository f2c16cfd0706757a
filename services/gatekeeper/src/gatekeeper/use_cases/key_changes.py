"""Emit signed `key.changed` events."""

from collections.abc import Iterable
from dataclasses import asdict

from gatekeeper.domain.model import ApiKey
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.events import derived_id
from shared.events.promotion import KeyChanged


async def emit_key_changed(unit: UnitOfWork, keys: Iterable[ApiKey]) -> None:
    """Emit an event for each of these keys."""
    for key in keys:
        expires_at = None if key.expires_at is None else key.expires_at.isoformat()
        unsigned = {**asdict(key), "expires_at": expires_at, "signature": {"key_id": "", "value": ""}}
        event = KeyChanged.model_validate(unsigned)
        signature = unit.signer.sign_key(event.model_dump(mode="json", exclude={"signature"}))
        event_id = derived_id("key", event.key_id, str(event.revision))
        await unit.emit(event.model_copy(update={"signature": signature}), event_id)
