-- What is or was live.

CREATE TABLE gatekeeper.rollbacks (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project     text NOT NULL,
    environment text NOT NULL,
    name        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('rolled_back', 'example_revoked')),
    from_digest text NOT NULL,
    to_digest   text NOT NULL,
    digest      text NOT NULL,
    rolled_by   text NOT NULL,
    key_id      text NOT NULL REFERENCES gatekeeper.api_keys,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason      text NOT NULL CHECK (length(reason) <= 2000),
    canonical   text NOT NULL,
    hash        text NOT NULL CHECK (hash = gatekeeper.sha256_hex(canonical)),
    FOREIGN KEY (project, rolled_by) REFERENCES gatekeeper.people,
    UNIQUE (id, project, environment, name, digest, kind)
);
SELECT gatekeeper.make_immutable('gatekeeper.rollbacks');

CREATE TABLE gatekeeper.live_history (
    project      text NOT NULL,
    environment  text NOT NULL,
    name         text NOT NULL,
    sequence     bigint NOT NULL CHECK (sequence > 0),
    target       text NOT NULL,
    digest       text NOT NULL,
    base_digest  text,
    reason       text NOT NULL CHECK (reason IN ('promoted', 'rolled_back', 'example_revoked')),
    decision_id  uuid UNIQUE,
    grant_use_id uuid UNIQUE,
    rollback_id  uuid UNIQUE,
    by           text NOT NULL,
    audit_seq    bigint NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- For the foreign key: a decision must be an approval.
    verdict      text GENERATED ALWAYS AS (CASE WHEN decision_id IS NOT NULL THEN 'approved' END) STORED,
    PRIMARY KEY (project, environment, name, sequence),
    UNIQUE (project, environment, name, sequence, digest),
    CONSTRAINT ck_live_history_one_authorisation CHECK (num_nonnulls(decision_id, grant_use_id, rollback_id) = 1),
    CONSTRAINT ck_live_history_reason CHECK ((rollback_id IS NULL) = (reason = 'promoted')),
    CONSTRAINT fk_live_history_version FOREIGN KEY (project, digest) REFERENCES gatekeeper.prompt_versions,
    CONSTRAINT fk_live_history_audit FOREIGN KEY (project, audit_seq) REFERENCES gatekeeper.audit,
    CONSTRAINT fk_live_history_decision FOREIGN KEY (decision_id, project, environment, name, digest, verdict)
        REFERENCES gatekeeper.decisions (id, project, environment, name, digest, verdict),
    CONSTRAINT fk_live_history_grant_use FOREIGN KEY (grant_use_id, project, environment, name, digest)
        REFERENCES gatekeeper.grant_uses (id, project, environment, name, digest),
    CONSTRAINT fk_live_history_rollback FOREIGN KEY (rollback_id, project, environment, name, digest, reason)
        REFERENCES gatekeeper.rollbacks (id, project, environment, name, digest, kind)
);
CREATE INDEX ix_live_history_at ON gatekeeper.live_history (at);
SELECT gatekeeper.make_immutable('gatekeeper.live_history');

-- A view, so that it can't differ from the history.
CREATE VIEW gatekeeper.live AS
    SELECT DISTINCT ON (project, environment, name) *
    FROM gatekeeper.live_history
    ORDER BY project, environment, name, sequence DESC;

-- The signature that clients verify; inserted by the service in the transaction of the promotion.
CREATE TABLE gatekeeper.live_signatures (
    project     text NOT NULL,
    environment text NOT NULL,
    name        text NOT NULL,
    sequence    bigint NOT NULL,
    key_id      text NOT NULL REFERENCES gatekeeper.signing_keys,
    signature   text NOT NULL,
    PRIMARY KEY (project, environment, name, sequence),
    FOREIGN KEY (project, environment, name, sequence) REFERENCES gatekeeper.live_history
);
SELECT gatekeeper.make_immutable('gatekeeper.live_signatures');
