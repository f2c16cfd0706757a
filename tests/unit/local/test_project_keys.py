"""Waiting until every service knows the keys of the first project."""

import asyncio
from collections.abc import Collection

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from ratchet_local import project_keys
from ratchet_local.project_keys import wait_for_copies
from shared.auth.keys import KeyStore

CREDENTIALS = {"url": "http://127.0.0.1:1", "public_key": "mQ==", "ingest_key": "rk_a_secret_1", "admin_key": "rk_b_s"}


class LateKeyStore(KeyStore):
    """Has the keys at the third look; never with `looks=0`."""

    def __init__(self, looks: int = 3) -> None:
        super().__init__(create_async_engine("postgresql+asyncpg://nowhere"), "collector")
        self.looks, self.asked = looks, list[Collection[str]]()

    async def has_copies(self, key_ids: Collection[str]) -> bool:
        self.asked.append(key_ids)
        return len(self.asked) == self.looks


async def test_it_waits_for_every_service() -> None:
    stores = [LateKeyStore(), LateKeyStore()]
    await wait_for_copies(stores, CREDENTIALS)
    assert [len(store.asked) for store in stores] == [3, 3]
    assert stores[0].asked[0] == {"a", "b"}


async def test_it_gives_up_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service without a bus starts as well, and refuses keys until it has one."""
    monkeypatch.setattr(project_keys, "_COPY_DEADLINE_S", 0.05)
    async with asyncio.timeout(30):
        await wait_for_copies([LateKeyStore(looks=0)], CREDENTIALS)
