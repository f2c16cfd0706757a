"""Database roles: one per service, which may use the tables of its schema and owns none of them."""

from sqlalchemy import Connection, text

INBOX_READERS = "ratchet_inbox_readers"
"""May read the inboxes and subscriptions of all services, so that `republish` finds the events that one lacks."""


def database_role(schema: str) -> str:
    """Return the name of a service's role."""
    return f"ratchet_{schema}"


def ensure_role(conn: Connection, schema: str) -> None:
    """Create the service's role unless it exists; roles belong to the whole server, not to one database."""
    _create_role(conn, f"{database_role(schema)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT")
    _create_role(conn, f"{INBOX_READERS} NOLOGIN")
    conn.execute(text(f"GRANT {INBOX_READERS} TO {database_role(schema)} WITH INHERIT TRUE, SET FALSE"))


def _create_role(conn: Connection, definition: str) -> None:
    conn.execute(
        text(
            f"""DO $$ BEGIN CREATE ROLE {definition};
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"""
        )
    )


def grant_service(conn: Connection, schema: str) -> None:
    """Grant the service's role reading and writing of all tables in its schema, and nothing else."""
    role = database_role(schema)
    for statement in (
        f"REVOKE ALL ON SCHEMA {schema} FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
        f"REVOKE INSERT, UPDATE, DELETE ON {schema}.alembic_version FROM {role}",
        f"GRANT USAGE ON SCHEMA {schema} TO {INBOX_READERS}",
        f"GRANT SELECT ON {schema}.inbox, {schema}.subscriptions TO {INBOX_READERS}",
    ):
        conn.execute(text(statement))
