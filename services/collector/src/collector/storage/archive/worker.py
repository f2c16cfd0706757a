"""DuckDB in a process of its own: statements come on standard input, rows go to standard output.

DuckDB takes some 60 MB when it is loaded and more while it works; a process that ends gives all of it back, and one
that works too long can be killed. `statement_workers` is the other end.
"""

import os
import sys
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from collector.storage.archive.worker_protocol import WorkerReply, WorkerRequest, read_frame, write_frame


class WorkerDatabase:
    """A database in memory that is kept from one request to the next: opening it takes longer than most queries."""

    def __init__(self, folder: Path, memory_mb: int) -> None:
        self._config: dict[str, Any] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "enable_external_file_cache": False,
            "memory_limit": f"{memory_mb}MB",
            # Not shared: whoever closes it deletes the folder.
            "temp_directory": str(folder / f"duckdb-{os.getpid()}"),
            "threads": 2,
        }
        self._db = self._open()

    def answer(self, request: WorkerRequest) -> WorkerReply:
        """Run a request; where two threads need too much memory, again with one that reads no pages ahead."""
        try:
            return self._run(self._db, request)
        except duckdb.OutOfMemoryException:
            self._reopen()
        except duckdb.Error as error:
            self._reopen()
            return _failed(error)
        try:
            with self._open(threads=1) as db:
                db.execute("SET disable_parquet_prefetching = true")
                return self._run(db, request)
        except duckdb.Error as error:
            return _failed(error)

    def _run(self, db: duckdb.DuckDBPyConnection, request: WorkerRequest) -> WorkerReply:
        db.execute("BEGIN")
        for statement in request.statements:
            db.execute(statement)
        rows = db.execute(request.query, request.parameters).fetchall()
        db.execute("ROLLBACK")  # of the tables that the statements have made
        return WorkerReply(rows=[list(row) for row in rows])

    def _open(self, **config: Any) -> duckdb.DuckDBPyConnection:
        db = duckdb.connect(":memory:", config=self._config | config)
        db.execute("SET enable_progress_bar = false")
        return db

    def _reopen(self) -> None:
        """Give back the memory of a failed query, and leave its transaction."""
        self._db.close()
        self._db = self._open()


def main() -> None:
    """Answer requests until standard input ends. Arguments: folder for temporary files, memory limit in MB."""
    folder, memory = sys.argv[1:]
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints, such as DuckDB's progress, must not be taken for a reply
    database = WorkerDatabase(Path(folder), int(memory))
    write_frame(replies, msgspec.msgpack.encode(WorkerReply()))  # ready
    while (frame := read_frame(requests)) is not None:
        reply = database.answer(msgspec.msgpack.decode(frame, type=WorkerRequest))
        write_frame(replies, msgspec.msgpack.encode(reply))


def _failed(error: duckdb.Error) -> WorkerReply:
    return WorkerReply(error=type(error).__name__, message=str(error))


if __name__ == "__main__":
    main()
