-- The kill switch. See docs/decisions/0010.

CREATE TABLE gatekeeper.loop_changes (
    project  text NOT NULL,
    revision integer NOT NULL CHECK (revision > 0),
    halted   boolean NOT NULL,
    by       text NOT NULL,
    key_id   text NOT NULL,
    reason   text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    environment text NOT NULL,
    PRIMARY KEY (project, revision)
);
SELECT gatekeeper.freeze('gatekeeper.loop_changes');
CREATE INDEX ix_loop_changes_latest ON gatekeeper.loop_changes (project, environment, revision DESC);

CREATE TABLE gatekeeper.loop_gates (
    project  text PRIMARY KEY,
    revision integer NOT NULL DEFAULT 0
);

-- The present state of each switch that was ever changed.
CREATE VIEW gatekeeper.loops AS
    SELECT DISTINCT ON (project, environment) *
    FROM gatekeeper.loop_changes
    ORDER BY project, environment, revision DESC;

-- Which entry of the audit tells of a change. It is written later than the change, which waits for no chain.
CREATE TABLE gatekeeper.loop_audits (
    project   text NOT NULL,
    revision  integer NOT NULL,
    audit_seq bigint NOT NULL,
    PRIMARY KEY (project, revision),
    FOREIGN KEY (project, revision) REFERENCES gatekeeper.loop_changes,
    FOREIGN KEY (project, audit_seq) REFERENCES gatekeeper.audit (project, seq)
);
SELECT gatekeeper.freeze('gatekeeper.loop_audits');

-- Changes that no entry tells of yet. Revisions go up in the order of commits, so they are the last ones.
CREATE VIEW gatekeeper.unaudited_loops AS
    SELECT c.* FROM gatekeeper.loop_changes c
    WHERE c.revision > coalesce((SELECT max(a.revision) FROM gatekeeper.loop_audits a WHERE a.project = c.project), 0);

-- A key for all environments changes the kill switch and reads; nothing of any environment is decided by it.
ALTER TABLE gatekeeper.api_keys ADD CONSTRAINT ck_api_keys_all_environments
    CHECK (environment <> '*' OR scopes <@ ARRAY['read', 'operate', 'review']);
