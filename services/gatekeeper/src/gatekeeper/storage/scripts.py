"""Runs the schema's SQL files."""

from importlib.resources import files
from typing import Any

from alembic import op


def run_script(name: str) -> None:
    """Runs `sql/<name>.sql` in the migration's transaction."""
    script = (files("gatekeeper") / "storage" / "migrations" / "sql" / f"{name}.sql").read_text()
    # A script holds many statements, and bodies of functions: the driver takes it whole.
    connection: Any = op.get_bind().connection.dbapi_connection
    connection.run_async(lambda driver: driver.execute(script))
