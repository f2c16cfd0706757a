"""Run the SQL files of the schema in migrations."""

from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from alembic import op

_STORAGE = files("gatekeeper") / "storage"


def run_sql(name: str) -> None:
    """Run `migrations/sql/<name>.sql` in the migration's transaction."""
    _run((_STORAGE / "migrations" / "sql" / f"{name}.sql").read_text())


def create_functions(names: Iterable[str]) -> None:
    """Create or replace the functions in `functions/<name>.sql`.

    Bodies are not checked, so they may use tables and functions that are created later.
    """
    for name in names:
        script = (_STORAGE / "functions" / f"{name}.sql").read_text()
        _run(f"SET LOCAL check_function_bodies = off;\n{script}")


def apply_functions(names: Iterable[str]) -> None:
    """Call `create_functions`, and set the rights on all functions.

    A migration that changes a function edits its file and calls this. One that changes parameters drops the old
    function first.
    """
    create_functions((*names, "rights"))


def _run(script: str) -> None:
    # A script has several statements and function bodies, so the driver gets it unparsed.
    connection: Any = op.get_bind().connection.dbapi_connection
    connection.run_async(lambda driver: driver.execute(script))
