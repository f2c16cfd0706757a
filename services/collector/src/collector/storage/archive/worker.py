"""DuckDB in a process of its own: statements come on standard input, rows go to standard output.

DuckDB takes some 60 MB when it is loaded and more while it works; a process that ends gives all of it back, and one
that works too long can be killed. `worker_process` is the other end.
"""

import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import msgspec

from collector.storage.archive.worker_protocol import WorkerReply, WorkerRequest, read_frame, write_frame


def main() -> None:
    """Answer requests until standard input ends. Arguments: folder for temporary files, memory limit in MB."""
    folder, memory = sys.argv[1:]
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints, such as DuckDB's progress, must not be taken for a reply
    config: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": f"{int(memory)}MB",
        "temp_directory": str(Path(folder) / "duckdb"),
        "threads": 2,
    }
    while (frame := read_frame(requests)) is not None:
        request = msgspec.msgpack.decode(frame, type=WorkerRequest)
        with duckdb.connect(":memory:", config=config) as db:
            _answer(db, request, replies)


def _answer(db: duckdb.DuckDBPyConnection, request: WorkerRequest, replies: BinaryIO) -> None:
    try:
        for statement in ("SET enable_progress_bar = false", *request.statements):
            db.execute(statement)
        rows = db.execute(request.query, request.parameters).fetchall()
        reply = WorkerReply(rows=[list(row) for row in rows])
    except duckdb.Error as error:
        reply = WorkerReply(error=type(error).__name__, message=str(error))
    write_frame(replies, msgspec.msgpack.encode(reply))


if __name__ == "__main__":
    main()
