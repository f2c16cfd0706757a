"""How long the verification of a long audit chain takes, and how late it makes everything else in the process.

`python -m benchmarks.audit [--entries 1000000] [--json FILE]`

    verify      duration of a request, with one signed head for every second entry and a decision for every
                tenth, with the limit of 60 s for 1,000,000 entries, and in CPU seconds of this process
    ratio       that CPU divided by what SHA-256 and `json.loads` of the same bytes take
    lag         by how much a 10 ms timer of the same event loop is late meanwhile
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.rows import Row, add_rows_option, write_rows
from benchmarks.termination import exit_on_sigterm
from gatekeeper.bootstrap import bootstrap
from gatekeeper.domain.audit_chain_verification import START
from gatekeeper.domain.signer import Signer
from gatekeeper.use_cases.audit_verification import Verifier
from ratchet.signing import new_private_key
from ratchet_local.postgres import Postgres
from shared.runtime.migrations import migrate

_PROJECT = "long"
_LIMIT_S = 60.0
_PEER_ENTRIES = 50_000


_DECISIONS = """INSERT INTO gatekeeper.decisions (proposal_id, project, environment, name, verdict, digest,
        policy_version, decided_by, key_id, decided_at, expires_at, reason, canonical, hash)
    SELECT gen_random_uuid(), $1, 'production', 'greeting', 'approved', 'sha256:', '1', 'reviewer', 'key', now(),
        now() + interval '1 minute', '', seq::text, gatekeeper.sha256_hex(seq::text)
    FROM generate_series(10, $2::int, 10) seq"""


def _decision_hash(seq: int) -> str:
    return sha256(str(seq).encode()).hexdigest()


def chain(
    entries: int, project: str = _PROJECT, after: int = 0, previous: str = START
) -> Iterator[tuple[str, int, str, str, str, str]]:
    """Yield rows of `gatekeeper.audit` of about 450 bytes each, as its functions write them, after that entry."""
    for seq in range(after + 1, after + entries + 1):
        facts = {
            "at": "2026-01-02T03:04:05.000006Z", "base_digest": f"sha256:{previous}", "by": "reviewer",
            "digest": f"sha256:{previous}", "environment": "production", "kind": "prompt.promoted", "name": "greeting",
            "previous": previous, "project": project, "schema": "ratchet.audit/1", "seq": seq, "sequence": seq,
            **({"decision_hash": _decision_hash(seq)} if seq % 10 == 0 else {}),
        }  # fmt: skip
        entry = json.dumps(facts, separators=(",", ":"))
        digest = sha256(entry.encode()).hexdigest()
        yield project, seq, "prompt.promoted", entry, previous, digest
        previous = digest


async def fill(dsn: str, signer: Signer, entries: int) -> None:
    """Insert a chain into the database, with a decision for each tenth entry."""
    conn = await asyncpg.connect(dsn)
    await conn.execute("SET session_replication_role = replica")
    await conn.execute("INSERT INTO gatekeeper.projects (project) VALUES ($1)", _PROJECT)
    await conn.execute(_DECISIONS, _PROJECT, entries, timeout=900)
    await conn.close()
    await extend_chain(dsn, signer, _PROJECT, entries)


async def extend_chain(dsn: str, signer: Signer, project: str, entries: int) -> None:
    """Copy entries with their head and anchors to the end of a project's chain, bypassing its triggers."""
    conn = await asyncpg.connect(dsn)
    await conn.execute("SET session_replication_role = replica")
    head = await conn.fetchrow("SELECT seq, hash FROM gatekeeper.audit_heads WHERE project = $1", project)
    rows = list(chain(entries, project, *(head or (0, START))))
    ends = [(row[1], row[5]) for row in rows if row[1] % 2 == 0 or row is rows[-1]]
    signed = [(seq, digest, signer.sign_head(project, seq, digest)) for seq, digest in ends]
    anchors = [(project, seq, digest, signature.key_id, signature.value) for seq, digest, signature in signed]
    columns = ["project", "seq", "kind", "entry", "previous", "hash"]
    await conn.copy_records_to_table("audit", schema_name="gatekeeper", records=rows, columns=columns, timeout=900)
    await conn.copy_records_to_table("audit_anchors", schema_name="gatekeeper", records=anchors, timeout=900)
    await conn.execute("DELETE FROM gatekeeper.audit_heads WHERE project = $1", project)
    await conn.execute("INSERT INTO gatekeeper.audit_heads VALUES ($1, $2, $3)", project, *ends[-1])
    await conn.execute("ANALYZE gatekeeper.audit, gatekeeper.audit_anchors, gatekeeper.decisions")
    await conn.close()


async def lags(stop: asyncio.Event) -> list[float]:
    """Record by how much each 10 ms timer was late, in seconds."""
    found = []
    while not stop.is_set():
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        found.append(time.perf_counter() - began - 0.01)
    return sorted(found)


def peer_seconds(entries: int) -> float:
    """Return the CPU seconds of hashing and reading as many entries, extrapolated from a sample."""
    texts = [row[3] for row in islice(chain(entries), _PEER_ENTRIES)]
    began = time.process_time()
    for entry in texts:
        sha256(entry.encode()).hexdigest()
        json.loads(entry)
    return (time.process_time() - began) * entries / len(texts)


async def measure(server: Postgres, entries: int) -> dict[str, float]:
    """Fill a new database and verify it once."""
    dsn = server.dsn()
    url = dsn.replace("postgresql:", "postgresql+asyncpg:")
    private = new_private_key()
    await migrate("gatekeeper", url)
    await bootstrap(url, private)
    await fill(dsn, Signer(private), entries)
    engine, stop = create_async_engine(url), asyncio.Event()
    watching = asyncio.create_task(lags(stop))
    began, used = time.perf_counter(), time.process_time()
    answer = await Verifier(engine, Signer(private)).verify(_PROJECT)
    elapsed, used = time.perf_counter() - began, time.process_time() - used
    stop.set()
    late = await watching
    await engine.dispose()
    assert answer["ok"], answer
    return {
        "entries": int(answer["entries"]),
        "verify_s": round(elapsed, 1),
        "of_limit": round(elapsed / _LIMIT_S * 1_000_000 / entries, 2),
        "verify_cpu_s": round(used, 1),
        "ratio": round(used / peer_seconds(entries), 2),
        "lag_p99_ms": round(1000 * late[int(0.99 * len(late))], 1),
        "lag_max_ms": round(1000 * late[-1], 1),
    }


def table_rows(found: dict[str, float]) -> list[Row]:
    """Return the time to verify per million entries, and the delay of the event loop meanwhile."""
    entries = found["entries"]
    verify_s, cpu_s = (1_000_000 / entries * found[name] for name in ("verify_s", "verify_cpu_s"))
    return [
        Row("audit: verify 1 M entries", "s", verify_s, "low", cpu_s / found["ratio"], "SHA-256 + json.loads",
            limit=_LIMIT_S, item="1 M entries", process_s=cpu_s),
        Row("audit: event loop lag while verifying, p99", "ms", found["lag_p99_ms"], "low"),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    add_rows_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ratchet-") as folder:
        server = Postgres(Path(folder, "data"), Path(folder, "postgres.log"))
        try:
            server.start()
            found = asyncio.run(measure(server, options.entries))
        finally:
            server.stop()
    print(json.dumps(found))
    write_rows(options.rows, table_rows(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    exit_on_sigterm()
    main()
