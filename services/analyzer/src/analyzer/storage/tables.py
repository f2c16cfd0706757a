"""The analyzer's tables."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

from shared.runtime.database import metadata_for

SCHEMA = "analyzer"
metadata = metadata_for(SCHEMA)

# `state` is JSON, not JSONB: it must be restored exactly and is never searched. `mirrored` is the state of the opposite
# direction; a direction that was never in force is null. `saved` is the mark of the attempt that wrote the row, see
# `state_cache`. `reference`: other versions may be compared with it. `last`: Unix time of the latest value.
streams = Table(
    "streams",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("line_id", Uuid, nullable=False),
    Column("project", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("generation", Integer, nullable=False, server_default=text("0")),
    Column("reference", Boolean, nullable=False),
    Column("last", Float(53), nullable=False),
    Column("state", JSON),
    Column("mirrored", JSON),
    Column("saved", Uuid),
    # Free space for new row versions on the same page, since every batch rewrites the row.
    postgresql_with={"fillfactor": "50"},
)
Index("ix_streams_target", streams.c.project, streams.c.environment, streams.c.target, streams.c.metric)
Index("ix_streams_reference", streams.c.line_id, postgresql_where=text("reference"))

regressions = Table(
    "regressions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("position", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("dimension_id", Uuid, nullable=False),
    Column("project", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("resolved_at", DateTime(timezone=True)),
    Column("detected", JSON, nullable=False),
    Column("resolved", JSON),
    Column("good", ARRAY(Text), nullable=False),
    Column("terms", JSON, nullable=False),
    Column("memory", JSON, nullable=False),
    CheckConstraint("state IN ('open', 'resolved')", name="state_known"),
    CheckConstraint("(state = 'resolved') = (resolved IS NOT NULL)", name="resolved_told"),
)
Index(
    "uq_regressions_one_open",
    regressions.c.dimension_id,
    unique=True,
    postgresql_where=text("state = 'open'"),
)
Index("ix_regressions_dimension", regressions.c.dimension_id, regressions.c.position)
Index("ix_regressions_listed", regressions.c.project, regressions.c.environment, regressions.c.position)

# History of a dimension, to explain regressions.
histories = Table(
    "dimension_histories",
    metadata,
    Column("dimension_id", Uuid, primary_key=True),
    Column("project", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("generation", Integer, nullable=False, server_default=text("0")),
    Column("state", JSON),
    Column("mirrored", JSON),
    Column("saved", Uuid),
    postgresql_with={"fillfactor": "50"},
)

# Declarations of metrics; the target "" means all. A row is kept when its declaration is removed, since its generation
# must never decrease.
metric_definitions = Table(
    "metric_definitions",
    metadata,
    Column("project", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("declaration", JSONB, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("declared_by", Text, nullable=False),
    Column("declared_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
)

# Uncounted values by reason; `word` is a label, `low` and `high` bound the values that were out of range.
uncounted = Table(
    "uncounted",
    metadata,
    Column("project", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("word", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("low", Float(53)),
    Column("high", Float(53)),
    Column("latest", DateTime(timezone=True), nullable=False, server_default=text("now()")),
)

# Values by time of execution, in windows of `seconds` that start at the Unix time `start`. Sums in millionths, as in
# `streams`; sums of squares may exceed BIGINT.
measured = Table(
    "measured",
    metadata,
    Column("dimension_id", Uuid, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("seconds", SmallInteger, primary_key=True),
    Column("stream_id", Uuid, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("squares", Numeric, nullable=False),
    postgresql_with={"fillfactor": "80"},
)
Index("ix_measured_start", measured.c.start, postgresql_using="brin")
