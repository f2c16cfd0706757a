"""Emit signed `key.changed` events."""

from collections.abc import Iterable, Mapping
from typing import Any

from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.events import derived_id
from shared.events.promotion import KeyChanged

_COLUMNS = tuple(field for field in KeyChanged.model_fields if field != "signature")


async def emit_key_changed(unit: UnitOfWork, rows: Iterable[Mapping[Any, Any]]) -> None:
    """Emit an event for each of these rows of `api_keys`."""
    for row in rows:
        unsigned = {column: row[column] for column in _COLUMNS}
        unsigned["expires_at"] = None if row["expires_at"] is None else row["expires_at"].isoformat()
        event = KeyChanged.model_validate({**unsigned, "signature": {"key_id": "", "value": ""}})
        signature = unit.signer.sign_key(event.model_dump(mode="json", exclude={"signature"}))
        event_id = derived_id("key", event.key_id, str(event.revision))
        await unit.emit(event.model_copy(update={"signature": signature}), event_id)
