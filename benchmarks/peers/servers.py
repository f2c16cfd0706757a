"""Servers of the peers on the benchmark's own durable PostgreSQL, each with a database of its own and one process."""

import asyncio
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx

from benchmarks.peers.installation import MLFLOW, PHOENIX, Peer
from ratchet_local.ports import free_port

_START_S = 400
"""Their first start migrates a database; on a busy machine that takes minutes."""


@contextlib.contextmanager
def serving(peer: Peer, dsn: str) -> Iterator[tuple[str, int, int]]:
    """The URL and port of a peer's server, and the id of its process."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ratchet-peer-") as folder:
        command, environment, health = _setup(peer, _new_database(dsn, peer.name), port, folder)
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                command, env={**os.environ, **environment}, stdout=log, stderr=subprocess.STDOUT, cwd=folder
            )
        try:
            _await(f"http://127.0.0.1:{port}{health}", process, Path(folder) / "log")
            yield f"http://127.0.0.1:{port}", port, process.pid
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


def _setup(peer: Peer, dsn: str, port: int, folder: str) -> tuple[list[str], dict[str, str], str]:
    """Return the command, its environment and the path that answers once it is ready."""
    if peer is MLFLOW:
        address = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        store = ["--backend-store-uri", dsn.replace("postgresql:", "postgresql+psycopg2:")]
        environment = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        artifacts = ["--artifacts-destination", f"{folder}/artifacts"]
        return [peer.program("mlflow"), "server", *store, *artifacts, *address], environment, "/health"
    assert peer is PHOENIX
    return (
        [peer.program("phoenix"), "serve"],
        {
            "PHOENIX_SQL_DATABASE_URL": dsn,
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(free_port()),
            "PHOENIX_WORKING_DIR": f"{folder}/phoenix",
            "PHOENIX_TELEMETRY_ENABLED": "false",
            "PHOENIX_LOGGING_LEVEL": "warning",
        },
        "/healthz",
    )


def _new_database(dsn: str, name: str) -> str:
    async def create() -> None:
        pg = await asyncpg.connect(dsn)
        await pg.execute(f"CREATE DATABASE {name}")
        await pg.close()

    asyncio.run(create())
    return dsn.replace("/postgres?", f"/{name}?")


def _await(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=5).status_code == 200:
                return
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"not ready: {log.read_text(errors='replace')[-500:]}")
        time.sleep(0.2)
