"""Archives executions, and kills itself at a step: `python -m tests.support.killed_export SETTINGS TIME STEP`."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from collector.app import build_archive
from collector.maintenance import ArchiveMaintenance
from collector.settings import CollectorSettings
from collector.storage.archive import exporter, object_store
from shared.service.service_app import Platform
from shared.testing.clock import FakeClock

STEPS: dict[str, tuple[Any, str, bool]] = {
    "before the rows are deleted": (exporter.ArchiveExporter, "_delete_rows", False),
    "after the rows were deleted": (exporter.ArchiveExporter, "_delete_rows", True),
    "after the file was written": (exporter, "write_parquet", True),
    "while the file is being stored": (object_store, "_flush", False),
    "after the file was stored": (object_store.Folder, "put", True),
    "before the commit": (exporter.ArchiveExporter, "export_file", True),
    "after the commit": (ArchiveMaintenance, "run_once", True),
}
"""Step → the function at whose begin or end (True) the process is killed."""


def kill_at(owner: Any, name: str, at_end: bool) -> None:
    """Replace a function by one that kills this process at its begin or end."""
    original: Callable[..., Any] = getattr(owner, name)

    async def asynchronous(*given: Any, **named: Any) -> Any:
        if at_end:
            await original(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    def synchronous(*given: Any, **named: Any) -> Any:
        if at_end:
            original(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, asynchronous if asyncio.iscoroutinefunction(original) else synchronous)


async def archive(settings: CollectorSettings, now: datetime) -> None:
    """Run the archive's job once."""
    clock = FakeClock(now)
    platform = Platform.create(settings, clock)
    found = build_archive(platform, settings)
    assert found is not None
    await ArchiveMaintenance(found, clock).run_once()


if __name__ == "__main__":
    kill_at(*STEPS[sys.argv[3]])
    asyncio.run(archive(CollectorSettings.model_validate_json(sys.argv[1]), datetime.fromisoformat(sys.argv[2])))
