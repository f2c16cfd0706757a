"""Telling the other services which keys there are: signed `key.changed` events."""

from collections.abc import Iterable, Mapping
from typing import Any

from gatekeeper.transaction import UnitOfWork
from shared.events import derived_id
from shared.events.promotion import KeyChanged

_FIELDS = (
    "project",
    "environment",
    "key_id",
    "revision",
    "secret_hash",
    "subject",
    "subject_kind",
    "scopes",
    "revoked",
    "expires_at",
)


async def emit_key_changed(change: UnitOfWork, rows: Iterable[Mapping[Any, Any]]) -> None:
    """Says each of these rows of `api_keys`, as it is now."""
    for row in rows:
        unsigned = {field: row[field] for field in _FIELDS}
        unsigned["expires_at"] = None if row["expires_at"] is None else row["expires_at"].isoformat()
        event = KeyChanged.model_validate({**unsigned, "signature": {"key_id": "", "value": ""}})
        signature = change.signer.key(event.model_dump(mode="json", exclude={"signature"}))
        event_id = derived_id("key", event.key_id, str(event.revision))
        await change.emit(event.model_copy(update={"signature": signature}), event_id)
