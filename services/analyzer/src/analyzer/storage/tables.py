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

# `state` is JSON, not JSONB: it is read back exactly as it was written, and nothing in it is searched.
# `mirrored` is the state by the opposite direction; that of a direction which was never in force is null.
# `reference`: has values enough to be compared with. `last`: Unix time of the latest value.
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
    # Room for new row versions on the same page: the row is rewritten with every batch.
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

# A dimension's own past, by which a fall is explained.
courses = Table(
    "courses",
    metadata,
    Column("dimension_id", Uuid, primary_key=True),
    Column("project", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("generation", Integer, nullable=False, server_default=text("0")),
    Column("state", JSON),
    Column("mirrored", JSON),
    postgresql_with={"fillfactor": "50"},
)

# What was declared of metrics; the target "" stands for all. A row stays when its declaration is taken back, since its
# generation never counts down.
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

# Values that are not counted, by reason; `word` is a label's, `low` and `high` are the ends of what was out of range.
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

# Values by when their executions ran: whole windows of `seconds` that begin at the Unix time `start`.
# Sums in millionths, as in `streams`; squares have no bound that BIGINT could hold.
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
