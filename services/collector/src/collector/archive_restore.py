"""Load archived days back into the execution log, for example to look through them without the limits of the archive.

`python -m collector restore PROJECT DAY [--days 7]`, with the settings of the collector, which may run meanwhile. A day
is that of the receipt, in UTC. It is archived again after `--days` days.
"""

import argparse
import asyncio
from collections.abc import Sequence
from datetime import date, timedelta

from collector.app import build_archive
from collector.settings import CollectorSettings
from collector.storage.archive.execution_archive import RestoredDay
from collector.storage.archive.parquet_writer import Incomplete
from collector.storage.archive.restorer import ErasureUnderWay
from collector.storage.archive.statement_workers import WorkerFailure
from shared.errors import Retryable
from shared.runtime.clock import SystemClock
from shared.runtime.settings import exit_with_message
from shared.service.service_app import Platform


async def restore(settings: CollectorSettings, project: str, day: date, keep: timedelta) -> RestoredDay:
    """Load a day of a project; return how much was loaded. Raises as `ArchiveRestorer.restore_file`, or ValueError."""
    platform = Platform.create(settings, SystemClock())
    archive = build_archive(platform, settings)
    if archive is None:
        raise ValueError("RATCHET_ARCHIVE_URL is not set: there is no archive")
    try:
        return await archive.restore_day(project, day, platform.clock.now(), keep)
    finally:
        await archive.workers.close()
        await platform.engine.dispose()


def main(arguments: Sequence[str]) -> None:
    """Run `python -m collector restore`."""
    parser = argparse.ArgumentParser(prog="python -m collector restore", description=__doc__)
    parser.add_argument("project")
    parser.add_argument("day", type=date.fromisoformat, help="such as 2026-10-12")
    parser.add_argument("--days", type=int, default=7, help="how many days it stays in the log; default: 7")
    options = parser.parse_args(arguments)
    if options.days < 1:
        parser.error("argument --days: must be at least 1")
    try:
        found = asyncio.run(
            restore(CollectorSettings.load(), options.project, options.day, timedelta(days=options.days))
        )
    except ErasureUnderWay:
        exit_with_message("A user of this project is being erased: try again when `ratchet erasure` says complete")
    except (Incomplete, OSError, Retryable, ValueError, WorkerFailure) as error:
        exit_with_message(f"The day could not be loaded completely: {error}. Run the command again to go on.")
    print(f"loaded {found.executions} executions and {found.feedback} feedback of {options.project}, {options.day}")
