-- The kill switch. See docs/decisions/0010.

CREATE TABLE gatekeeper.kill_switch_changes (
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
SELECT gatekeeper.make_immutable('gatekeeper.kill_switch_changes');
CREATE INDEX ix_kill_switch_changes_latest ON gatekeeper.kill_switch_changes (project, environment, revision DESC);

CREATE TABLE gatekeeper.kill_switch_locks (
    project  text PRIMARY KEY,
    revision integer NOT NULL DEFAULT 0
);

-- The current state of each switch that was ever changed.
CREATE VIEW gatekeeper.kill_switches AS
    SELECT DISTINCT ON (project, environment) *
    FROM gatekeeper.kill_switch_changes
    ORDER BY project, environment, revision DESC;

-- The audit entry of a change. It is appended after the change, which does not wait for the chain.
CREATE TABLE gatekeeper.kill_switch_audits (
    project   text NOT NULL,
    revision  integer NOT NULL,
    audit_seq bigint NOT NULL,
    PRIMARY KEY (project, revision),
    FOREIGN KEY (project, revision) REFERENCES gatekeeper.kill_switch_changes,
    FOREIGN KEY (project, audit_seq) REFERENCES gatekeeper.audit (project, seq)
);
SELECT gatekeeper.make_immutable('gatekeeper.kill_switch_audits');

-- Changes without an audit entry. Revisions rise in the order of commits, so these are the last ones.
CREATE VIEW gatekeeper.unaudited_kill_switch_changes AS
    SELECT c.* FROM gatekeeper.kill_switch_changes c
    WHERE c.revision > coalesce((SELECT max(a.revision) FROM gatekeeper.kill_switch_audits a WHERE a.project = c.project), 0);

-- A key for all environments can change the kill switch and read, and nothing else.
ALTER TABLE gatekeeper.api_keys ADD CONSTRAINT ck_api_keys_all_environments
    CHECK (environment <> '*' OR scopes <@ ARRAY['read', 'operate', 'review']);
