-- The audit chain and what it records of other services.

CREATE TABLE gatekeeper.audit (
    project  text NOT NULL REFERENCES gatekeeper.projects,
    seq      bigint NOT NULL CHECK (seq > 0),
    kind     text NOT NULL,
    entry    text NOT NULL,
    previous text NOT NULL,
    hash     text NOT NULL CONSTRAINT ck_audit_hash CHECK (hash = gatekeeper.sha256_hex(entry)),
    prior    bigint GENERATED ALWAYS AS (NULLIF(seq - 1, 0)) STORED,
    PRIMARY KEY (project, seq),
    UNIQUE (project, seq, hash),
    CONSTRAINT fk_audit_previous FOREIGN KEY (project, prior, previous)
        REFERENCES gatekeeper.audit (project, seq, hash),
    CONSTRAINT ck_audit_first CHECK (seq > 1 OR previous = repeat('0', 64)),
    CONSTRAINT ck_audit_entry CHECK (entry::jsonb ->> 'previous' = previous AND (entry::jsonb ->> 'seq')::bigint = seq)
);
SELECT gatekeeper.make_immutable('gatekeeper.audit');

-- The end of each chain, stored apart from it.
CREATE TABLE gatekeeper.audit_heads (
    project text PRIMARY KEY,
    seq     bigint NOT NULL,
    hash    text NOT NULL,
    FOREIGN KEY (project, seq, hash) REFERENCES gatekeeper.audit (project, seq, hash)
);

-- The service's Ed25519 signatures of ends of chains. They can't be forged with the database alone.
CREATE TABLE gatekeeper.audit_anchors (
    project   text NOT NULL,
    seq       bigint NOT NULL,
    hash      text NOT NULL,
    key_id    text NOT NULL REFERENCES gatekeeper.signing_keys,
    signature text NOT NULL,
    PRIMARY KEY (project, seq),
    FOREIGN KEY (project, seq, hash) REFERENCES gatekeeper.audit (project, seq, hash)
);
SELECT gatekeeper.make_immutable('gatekeeper.audit_anchors');

-- Events about dead letters that were recorded in the audit.
CREATE TABLE gatekeeper.letter_settlements (
    event_id  uuid PRIMARY KEY,
    project   text NOT NULL,
    audit_seq bigint NOT NULL,
    FOREIGN KEY (project, audit_seq) REFERENCES gatekeeper.audit (project, seq)
);
SELECT gatekeeper.make_immutable('gatekeeper.letter_settlements');

-- The audit is filtered by the part of the kind before its dot, and by subject (measured with 100,000 entries: 0.3 ms
-- instead of 40 and 440).
CREATE INDEX ix_audit_group ON gatekeeper.audit (project, split_part(kind, '.', 1), seq);
CREATE INDEX ix_audit_by ON gatekeeper.audit (project, (entry::jsonb ->> 'by'), seq);

CREATE TABLE gatekeeper.reasons (
    project text NOT NULL,
    digest  text NOT NULL CONSTRAINT ck_reasons_digest CHECK (digest = 'sha256:' || gatekeeper.sha256_hex(content)),
    content text NOT NULL CHECK (length(content) BETWEEN 1 AND 2000),
    PRIMARY KEY (project, digest)
);
SELECT gatekeeper.make_immutable('gatekeeper.reasons');

-- Events about operator actions that were recorded in the audit.
CREATE TABLE gatekeeper.reported_acts (
    event_id  uuid PRIMARY KEY,
    project   text NOT NULL,
    audit_seq bigint NOT NULL,
    FOREIGN KEY (project, audit_seq) REFERENCES gatekeeper.audit (project, seq)
);
SELECT gatekeeper.make_immutable('gatekeeper.reported_acts');
