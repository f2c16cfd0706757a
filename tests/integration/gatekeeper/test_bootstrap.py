"""Bootstrap of a project."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gatekeeper.bootstrap import bootstrap, main, revoke_keys, signing_key
from ratchet.signing import key_bytes, new_private_key, verify
from ratchet_local.data_dir import DataDir
from ratchet_local.project_keys import ensure_credentials
from tests.support.gatekeeper import World, secret_hash
from tests.support.messaging import async_dsn


async def test_keys_are_shown_once_and_stored_as_hashes(gate: World) -> None:
    rows = await gate.sql("SELECT secret_hash FROM gatekeeper.api_keys")
    assert {row[0] for row in rows} == {secret_hash(raw) for raw in gate.keys.values()}
    assert await bootstrap(async_dsn(gate.dsn), gate.signer.private) == {}


async def test_lost_keys_are_revoked_and_created_again(gate: World) -> None:
    await revoke_keys(async_dsn(gate.dsn), gate.signer.private, ["maker", "nobody"])
    assert await gate.sql("SELECT subject, revision FROM gatekeeper.api_keys WHERE revoked") == [("maker", 2)]
    assert list(await bootstrap(async_dsn(gate.dsn), gate.signer.private)) == ["maker_key"]


async def test_local_app_key_without_a_new_scope_is_followed_by_another(gate: World, tmp_path: Path) -> None:
    """An installation of an earlier version: the app's former key stays valid."""
    home, dsn = DataDir(tmp_path), async_dsn(gate.dsn)
    home.signing_key.parent.mkdir()
    home.signing_key.write_text(gate.signer.private)
    home.write_credentials({"ingest_key": gate.keys["ingest_key"]})
    found = await ensure_credentials(home, dsn, "http://ratchet")
    assert found["ingest_key"] != gate.keys["ingest_key"]
    assert await ensure_credentials(home, dsn, "http://ratchet") == found == home.read_credentials()
    rows = await gate.sql("SELECT scopes, revoked FROM gatekeeper.api_keys WHERE subject = 'app'")
    assert sorted(map(tuple, rows)) == [(["ingest"], False), (["ingest", "read", "evaluate"], False)]


async def test_every_key_is_emitted_and_signed(gate: World) -> None:
    rows = await gate.sql("SELECT payload FROM gatekeeper.outbox_messages WHERE topic = 'key.changed'")
    found = [json.loads(row[0]) for row in rows]
    assert {payload["key_id"] for payload in found} == {raw.split("_")[1] for raw in gate.keys.values()}
    assert all(verify(gate.signer.public, key_bytes(payload), payload["signature"]["value"]) for payload in found)
    public = (await gate.ask("browser_key", "GET", "/v1/signing-keys")).json()["keys"]
    assert public == [{"key_id": gate.signer.key_id, "public_key": gate.signer.public}]


async def test_bootstrap_is_in_the_audit(gate: World) -> None:
    assert (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()["ok"] is True


def test_a_signing_key_is_created_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.key"
    assert signing_key(path) == signing_key(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_command_prints_the_keys(
    migrated_dsn: Callable[..., str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RATCHET_DATABASE_URL", migrated_dsn("gatekeeper"))
    monkeypatch.setenv("RATCHET_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("RATCHET_SIGNING_KEY", new_private_key())
    main(["--project", "acme"])
    assert set(json.loads(capsys.readouterr().out)) == {"ingest_key", "maker_key", "reviewer_key", "admin_key"}
