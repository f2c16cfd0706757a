"""Push what other instances made live: read the database on notifications, on events and at intervals."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.delivery.hub import Hub, Scope, live_frame
from gatekeeper.delivery.notifier import Notification
from gatekeeper.storage.keys import KeyRepository
from gatekeeper.storage.live_versions import LiveVersionRepository
from shared.auth.keys import KeyStore
from shared.events.promotion import KeyChanged, PromptLive
from shared.messaging.cloudevents import Received

_OVERLAP = timedelta(seconds=60)
"""Rows become visible when their transaction commits, at most 30 s after their timestamp."""


class LiveSync:
    """Pushes versions that went live at other instances, and closes the streams of keys that were revoked there."""

    def __init__(self, engine: AsyncEngine, hub: Hub, keys: KeyStore) -> None:
        self._engine = engine
        self._keys = keys
        self.hub = hub

    async def sync(self, notifications: Iterable[Notification]) -> None:
        """Read the versions that this instance has not pushed yet, and push them."""
        names: dict[Scope, set[str]] = defaultdict(set)
        for notification in notifications:
            scope = (notification.project, notification.environment)
            if self.hub.is_newer(scope, notification.name, notification.sequence):
                names[scope].add(notification.name)
        for scope, wanted in names.items():
            async with self._engine.connect() as conn:
                found = await LiveVersionRepository(conn).list_live(*scope, sorted(wanted))
            for live in found:
                self.hub.push(scope, live_frame(live))

    async def on_prompt_live(self, events: Sequence[Received[PromptLive]]) -> None:
        """Handle `prompt.live`, which arrives without Redis. The content comes from the database."""
        live = [received.event for received in events]
        await self.sync(Notification(e.project, e.environment, e.name, e.sequence) for e in live)

    async def on_key_changed(self, events: Sequence[Received[KeyChanged]]) -> None:
        """Handle `key.changed`: close the streams of revoked keys.

        Signatures are not verified: a client whose stream is closed without need reconnects and is authenticated.
        """
        for event in (received.event for received in events if received.event.revoked):
            self._keys.forget(event.key_id)
            self.hub.close_streams((event.project, event.environment), event.key_id)

    async def poll(self, every: float) -> None:
        """Look every `every` seconds for versions and revocations that no notification brought; until cancelled."""
        async with self._engine.connect() as conn:
            since = await LiveVersionRepository(conn).get_time()
        while True:
            await asyncio.sleep(every)
            async with self._engine.connect() as conn:
                repository = LiveVersionRepository(conn)
                now = await repository.get_time()
                promotions = await repository.list_promotions(since - _OVERLAP)
                invalid = await KeyRepository(conn).list_invalid_keys(self.hub.key_ids())
            for project, environment, key_id in invalid:
                self.hub.close_streams((project, environment), key_id)
            await self.sync(Notification(*astuple(promotion)) for promotion in promotions)
            since = now
