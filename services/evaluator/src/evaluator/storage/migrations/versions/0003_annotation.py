"""Annotation queues: tasks, the annotations of people, and what they agree on."""

from alembic import op

revision = "0003"
down_revision = "0002"

_TABLES = ("annotation_outcomes", "annotation_progress", "annotations", "annotation_tasks", "annotation_queues")
_STATEMENTS = (
    """CREATE TABLE evaluator.annotation_queues (
       id UUID NOT NULL,
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       name TEXT NOT NULL,
       target TEXT NOT NULL,
       instructions TEXT NOT NULL,
       rubric JSONB NOT NULL,
       annotators SMALLINT NOT NULL,
       reservation_minutes SMALLINT NOT NULL,
       last_position BIGINT DEFAULT '0' NOT NULL,
       created_at TIMESTAMP WITH TIME ZONE NOT NULL,
       created_by TEXT NOT NULL,
       CONSTRAINT pk_annotation_queues PRIMARY KEY (id),
       CONSTRAINT uq_annotation_queues_name UNIQUE (project, environment, name)
       )""",
    """CREATE TABLE evaluator.annotation_tasks (
       id UUID NOT NULL,
       queue_id UUID NOT NULL,
       position BIGINT NOT NULL,
       digest TEXT NOT NULL,
       execution_id TEXT,
       content JSONB NOT NULL,
       needed SMALLINT NOT NULL,
       taken SMALLINT DEFAULT '0' NOT NULL,
       returned BOOLEAN DEFAULT 'false' NOT NULL,
       state TEXT DEFAULT 'open' NOT NULL,
       outcome JSONB DEFAULT '{}' NOT NULL,
       disputed TEXT[] DEFAULT '{}' NOT NULL,
       decided_at TIMESTAMP WITH TIME ZONE,
       decided_by TEXT,
       added_at TIMESTAMP WITH TIME ZONE NOT NULL,
       added_by TEXT NOT NULL,
       CONSTRAINT pk_annotation_tasks PRIMARY KEY (id),
       CONSTRAINT fk_annotation_tasks_queue_id
         FOREIGN KEY (queue_id) REFERENCES evaluator.annotation_queues (id),
       CONSTRAINT uq_annotation_tasks_position UNIQUE (queue_id, position),
       CONSTRAINT uq_annotation_tasks_digest UNIQUE (queue_id, digest),
       CONSTRAINT ck_annotation_tasks_state CHECK (state IN ('open', 'agreed', 'disagreement', 'adjudicated')),
       CONSTRAINT ck_annotation_tasks_taken CHECK (taken BETWEEN 0 AND needed),
       CONSTRAINT ck_annotation_tasks_decided_by CHECK ((state = 'adjudicated') = (decided_by IS NOT NULL))
       )""",
    """CREATE INDEX ix_annotation_tasks_free ON evaluator.annotation_tasks (queue_id, position)
       WHERE state = 'open' AND taken < needed""",
    """CREATE INDEX ix_annotation_tasks_returned ON evaluator.annotation_tasks (queue_id, position)
       WHERE state = 'open' AND taken < needed AND returned""",
    "CREATE INDEX ix_annotation_tasks_state ON evaluator.annotation_tasks (queue_id, state, position)",
    """CREATE TABLE evaluator.annotations (
       task_id UUID NOT NULL,
       annotator TEXT NOT NULL,
       queue_id UUID NOT NULL,
       state TEXT NOT NULL,
       token UUID NOT NULL,
       reserved_at TIMESTAMP WITH TIME ZONE NOT NULL,
       expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
       ended_at TIMESTAMP WITH TIME ZONE,
       answers JSONB,
       CONSTRAINT pk_annotations PRIMARY KEY (task_id, annotator),
       CONSTRAINT fk_annotations_task_id
         FOREIGN KEY (task_id) REFERENCES evaluator.annotation_tasks (id) ON DELETE CASCADE,
       CONSTRAINT ck_annotations_state CHECK (state IN ('reserved', 'submitted', 'skipped')),
       CONSTRAINT ck_annotations_answers CHECK ((state = 'submitted') = (answers IS NOT NULL)),
       CONSTRAINT ck_annotations_ended CHECK ((state = 'reserved') = (ended_at IS NULL))
       )""",
    """CREATE UNIQUE INDEX uq_annotations_reserved ON evaluator.annotations (queue_id, annotator)
       WHERE state = 'reserved'""",
    """CREATE INDEX ix_annotations_expires_at ON evaluator.annotations (queue_id, expires_at)
       WHERE state = 'reserved'""",
    """CREATE TABLE evaluator.annotation_progress (
       queue_id UUID NOT NULL,
       annotator TEXT NOT NULL,
       position BIGINT DEFAULT '0' NOT NULL,
       CONSTRAINT pk_annotation_progress PRIMARY KEY (queue_id, annotator),
       CONSTRAINT fk_annotation_progress_queue_id
         FOREIGN KEY (queue_id) REFERENCES evaluator.annotation_queues (id)
       )""",
    """CREATE TABLE evaluator.annotation_outcomes (
       project TEXT NOT NULL,
       environment TEXT NOT NULL,
       metric TEXT NOT NULL,
       task_id UUID NOT NULL,
       execution_id TEXT NOT NULL,
       value FLOAT NOT NULL,
       annotators SMALLINT NOT NULL,
       CONSTRAINT pk_annotation_outcomes PRIMARY KEY (project, environment, metric, task_id),
       CONSTRAINT fk_annotation_outcomes_task_id
         FOREIGN KEY (task_id) REFERENCES evaluator.annotation_tasks (id) ON DELETE CASCADE,
       CONSTRAINT ck_annotation_outcomes_value CHECK (value BETWEEN 0 AND 1)
       )""",
    """CREATE INDEX ix_annotation_outcomes_execution
       ON evaluator.annotation_outcomes (project, environment, metric, execution_id)""",
    f"""GRANT SELECT, INSERT, UPDATE, DELETE ON {", ".join(f"evaluator.{table}" for table in _TABLES)}
       TO ratchet_evaluator""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in _TABLES:
        op.execute(f"DROP TABLE evaluator.{table}")
