"""Data directories with a PostgreSQL whose schemas are current: copies of one that each test process makes once.

A start on a copy does all that a first start does, but for initdb and the migrations. `tests/integration/local` and
`tests/e2e/test_demo_local.py` start on nothing.
"""

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from ratchet_local.data_dir import DataDir
from ratchet_local.installation import migrate_all
from ratchet_local.postgres import Postgres
from tests.support.databases import apart
from tests.support.messaging import async_dsn


def make_migrated(folder: Path) -> Path:
    """Fill the new data directory `folder` with migrated schemas, without keys; return it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Not by shutil: files keep their owner, which is not root's.
    subprocess.run(["cp", "-a", _template().postgres, DataDir(folder).postgres], check=True)
    return folder


@cache
def _template() -> DataDir:
    """Return a data directory whose PostgreSQL was migrated and stopped; it is deleted at the end of the process."""
    folder = Path(tempfile.mkdtemp(prefix="migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = DataDir(folder)
    postgres = Postgres(made.postgres, made.log("postgres"))
    postgres.start()
    try:
        apart(migrate_all(async_dsn(postgres.dsn())))
    finally:
        postgres.stop()
    return made
