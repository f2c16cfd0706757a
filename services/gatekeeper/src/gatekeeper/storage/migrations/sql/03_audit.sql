-- The audit chain: each row's hash covers its entry, and the entry holds the former row's hash.

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
SELECT gatekeeper.freeze('gatekeeper.audit');

-- Where each chain ends, kept apart from it.
CREATE TABLE gatekeeper.audit_heads (
    project text PRIMARY KEY,
    seq     bigint NOT NULL,
    hash    text NOT NULL,
    FOREIGN KEY (project, seq, hash) REFERENCES gatekeeper.audit (project, seq, hash)
);

-- The service's Ed25519 signature of each head it left behind: who has only the database can't make one.
CREATE TABLE gatekeeper.audit_anchors (
    project   text NOT NULL,
    seq       bigint NOT NULL,
    hash      text NOT NULL,
    key_id    text NOT NULL REFERENCES gatekeeper.signing_keys,
    signature text NOT NULL,
    PRIMARY KEY (project, seq),
    FOREIGN KEY (project, seq, hash) REFERENCES gatekeeper.audit (project, seq, hash)
);
SELECT gatekeeper.freeze('gatekeeper.audit_anchors');

-- Appends one entry. `facts` is flat and holds ids, digests and numbers: never what a user wrote.
CREATE FUNCTION gatekeeper.append_audit(in_project text, kind text, by text, facts jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    head gatekeeper.audit_heads;
    next_seq bigint;
    content text;
BEGIN
    PERFORM gatekeeper.lock_project(in_project);
    SELECT * INTO head FROM gatekeeper.audit_heads h WHERE h.project = in_project;
    next_seq := coalesce(head.seq, 0) + 1;
    content := gatekeeper.canonical(facts || jsonb_build_object(
        'schema', 'ratchet.audit/1', 'project', in_project, 'seq', next_seq, 'kind', kind, 'by', by,
        'at', gatekeeper.rfc3339(clock_timestamp()), 'previous', coalesce(head.hash, repeat('0', 64))));
    INSERT INTO gatekeeper.audit (project, seq, kind, entry, previous, hash)
    VALUES (in_project, next_seq, kind, content, coalesce(head.hash, repeat('0', 64)), gatekeeper.sha256_hex(content));
    INSERT INTO gatekeeper.audit_heads (project, seq, hash)
    VALUES (in_project, next_seq, gatekeeper.sha256_hex(content))
    ON CONFLICT (project) DO UPDATE SET seq = excluded.seq, hash = excluded.hash;
    RETURN next_seq;
END $$;
