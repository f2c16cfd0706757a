"""Each service's copy of the API keys."""

from sqlalchemy import ARRAY, Boolean, Column, DateTime, Integer, MetaData, Table, Text, func


def key_table(metadata: MetaData) -> Table:
    """Return the table `api_keys`, written only from verified `key.changed` events (gatekeeper: by its functions).

    `expires_at` is null for a key that lasts until it is revoked. `origins` are those whose pages may use the key.
    """
    return Table(
        "api_keys",
        metadata,
        Column("key_id", Text, primary_key=True),
        Column("revision", Integer, nullable=False),
        Column("secret_hash", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("subject_kind", Text, nullable=False),
        Column("project", Text, nullable=False),
        Column("environment", Text, nullable=False),
        Column("scopes", ARRAY(Text), nullable=False),
        Column("revoked", Boolean, nullable=False),
        Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("expires_at", DateTime(timezone=True)),
        Column("origins", ARRAY(Text), nullable=False, server_default="{}"),
    )
