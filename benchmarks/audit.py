"""How long the verification of a long audit chain takes, and how late it makes everything else in the process.

`python -m benchmarks.audit [--entries 1000000] [--json FILE]`

    verify      from the question to the answer, with one signed head for every second entry
    lag         how much later than asked a 10 ms timer of the same event loop fires meanwhile
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from gatekeeper.audit.chain import START
from gatekeeper.audit.verification import Verifier
from gatekeeper.bootstrap import bootstrap
from gatekeeper.keys.signer import Signer
from ratchet.signing import new_private_key
from ratchet_local.postgres import Postgres
from shared.runtime.migrations import migrate

_PROJECT = "long"


def chain(entries: int) -> Iterator[tuple[str, int, str, str, str, str]]:
    """Rows of `gatekeeper.audit` of about 450 bytes each, as its functions write them."""
    previous = START
    for seq in range(1, entries + 1):
        facts = {
            "at": "2026-01-02T03:04:05.000006Z", "base_digest": f"sha256:{previous}", "by": "reviewer",
            "digest": f"sha256:{previous}", "environment": "production", "kind": "prompt.promoted", "name": "greeting",
            "previous": previous, "project": _PROJECT, "schema": "ratchet.audit/1", "seq": seq, "sequence": seq,
        }  # fmt: skip
        entry = json.dumps(facts, separators=(",", ":"))
        digest = sha256(entry.encode()).hexdigest()
        yield _PROJECT, seq, "prompt.promoted", entry, previous, digest
        previous = digest


async def fill(dsn: str, signer: Signer, entries: int) -> None:
    """Copies a chain with its head and its anchors into the database, past its triggers."""
    conn = await asyncpg.connect(dsn)
    await conn.execute("SET session_replication_role = replica")
    await conn.execute("INSERT INTO gatekeeper.projects (project) VALUES ($1)", _PROJECT)
    anchors: list[tuple[str, int, str, str, str]] = []
    seq, digest = 0, START
    rows = []
    for row in chain(entries):
        rows.append(row)
        _, seq, _, _, _, digest = row
        if seq % 2 == 0 or seq == entries:
            signature = signer.head(_PROJECT, seq, digest)
            anchors.append((_PROJECT, seq, digest, signature.key_id, signature.value))
    columns = ["project", "seq", "kind", "entry", "previous", "hash"]
    await conn.copy_records_to_table("audit", schema_name="gatekeeper", records=rows, columns=columns, timeout=900)
    await conn.copy_records_to_table("audit_anchors", schema_name="gatekeeper", records=anchors, timeout=900)
    await conn.execute("INSERT INTO gatekeeper.audit_heads VALUES ($1, $2, $3)", _PROJECT, seq, digest)
    await conn.execute("ANALYZE gatekeeper.audit, gatekeeper.audit_anchors")
    await conn.close()


async def lags(stop: asyncio.Event) -> list[float]:
    """By how much each 10 ms timer was late, in seconds."""
    found = []
    while not stop.is_set():
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        found.append(time.perf_counter() - began - 0.01)
    return sorted(found)


async def measure(server: Postgres, entries: int) -> dict[str, object]:
    """Fills a new database and verifies it once."""
    dsn = server.dsn()
    url = dsn.replace("postgresql:", "postgresql+asyncpg:")
    private = new_private_key()
    await migrate("gatekeeper", url)
    await bootstrap(url, private)
    await fill(dsn, Signer(private), entries)
    engine, stop = create_async_engine(url), asyncio.Event()
    watching = asyncio.create_task(lags(stop))
    began = time.perf_counter()
    answer = await Verifier(engine, Signer(private)).verify(_PROJECT)
    took = time.perf_counter() - began
    stop.set()
    late = await watching
    await engine.dispose()
    assert answer["ok"], answer
    return {
        "entries": answer["entries"],
        "verify_s": round(took, 1),
        "lag_p99_ms": round(1000 * late[int(0.99 * len(late))], 1),
        "lag_max_ms": round(1000 * late[-1], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ratchet-") as folder:
        server = Postgres(Path(folder, "data"), Path(folder, "postgres.log"))
        server.start()
        try:
            found = asyncio.run(measure(server, options.entries))
        finally:
            server.stop()
    print(json.dumps(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
