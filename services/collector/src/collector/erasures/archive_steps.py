"""Steps of an erasure in the archive: executions, feedback (also about these executions), replaced files."""

from collector.domain.erasure import Counts
from collector.domain.erasure_status import Erasure
from collector.erasures.job import Step
from collector.storage.archive.execution_archive import ExecutionArchive
from collector.storage.archive.parquet_columns import Kind
from collector.storage.archive.statement_workers import WorkerFailure
from shared.runtime.clock import Clock
from shared.runtime.log import logger


def archive_steps(archive: ExecutionArchive, clock: Clock) -> dict[str, Step]:
    """Return the steps by name. A step that cannot be finished now is tried again later."""

    async def erase_files(erasure: Erasure, kind: Kind) -> Counts | None:
        try:
            for name in await archive.list_files(erasure.project, kind):
                if not await archive.erase_file(erasure, name, clock.now()):
                    return None
        except WorkerFailure as error:
            logger(__name__).warning("an erasure cannot rewrite the archive now", error=str(error)[:500])
            return None
        return {}

    async def erase_executions(erasure: Erasure) -> Counts | None:
        return await erase_files(erasure, "executions")

    async def erase_feedback(erasure: Erasure) -> Counts | None:
        return await erase_files(erasure, "feedback")

    async def delete_replaced(erasure: Erasure) -> Counts | None:
        return {} if await archive.delete_replaced(erasure.project, clock.now()) else None

    return {
        "archived-executions": erase_executions,
        "archived-feedback": erase_feedback,
        "replaced-files": delete_replaced,
    }
