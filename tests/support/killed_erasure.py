"""Erases users from the archive, and kills itself at a step: `… -m tests.support.killed_erasure SETTINGS TIME STEP`.

Steps of exports are in `killed_export`.
"""

import asyncio
import sys
from datetime import datetime
from typing import Any

from collector.app import Parts
from collector.erasures.job import ErasureJob
from collector.settings import CollectorSettings
from collector.storage.archive import archive_eraser, object_store
from shared.testing.clock import FakeClock
from tests.support.killed_export import kill_at

STEPS: dict[str, tuple[Any, str, bool]] = {
    "before the file is read": (archive_eraser.ArchiveEraser, "_rewrite", False),
    "after the file was written": (archive_eraser, "copy_to_parquet", True),
    "while the file is being stored": (object_store, "_flush", False),
    "after the file was stored": (object_store.Folder, "put", True),
    "before the commit": (archive_eraser.ArchiveEraser, "erase_file", True),
    "after the replaced files were deleted": (object_store.Folder, "delete", True),
    "before the report": (ErasureJob, "_finish", False),
    "after the report": (ErasureJob, "_finish", True),
}
"""Step → the function at whose begin or end (True) the process is killed."""


async def erase(settings: CollectorSettings, now: datetime) -> None:
    """Run the collector's job once."""
    await Parts.build(settings, FakeClock(now)).erasure_job.run_once()


if __name__ == "__main__":
    kill_at(*STEPS[sys.argv[3]])
    asyncio.run(erase(CollectorSettings.model_validate_json(sys.argv[1]), datetime.fromisoformat(sys.argv[2])))
