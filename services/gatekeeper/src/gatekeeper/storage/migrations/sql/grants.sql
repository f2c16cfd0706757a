-- Grants and their uses.

CREATE TABLE gatekeeper.grants (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project     text NOT NULL,
    environment text NOT NULL,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    slot        text NOT NULL CHECK (length(slot) BETWEEN 1 AND 200),
    uses        integer NOT NULL CHECK (uses BETWEEN 1 AND 10000),
    per_hour    integer NOT NULL CHECK (per_hour BETWEEN 1 AND 10000),
    given_by    text NOT NULL,
    key_id      text NOT NULL REFERENCES gatekeeper.api_keys,
    given_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL,
    canonical   text NOT NULL,
    hash        text NOT NULL CHECK (hash = gatekeeper.sha256_hex(canonical)),
    CHECK (expires_at > given_at AND expires_at <= given_at + interval '366 days'),
    FOREIGN KEY (project, given_by) REFERENCES gatekeeper.people,
    UNIQUE (id, project, environment, name)
);
SELECT gatekeeper.make_immutable('gatekeeper.grants');

CREATE TABLE gatekeeper.grant_revocations (
    grant_id uuid PRIMARY KEY REFERENCES gatekeeper.grants,
    by       text NOT NULL,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason   text NOT NULL DEFAULT '' CHECK (length(reason) <= 2000)
);
SELECT gatekeeper.make_immutable('gatekeeper.grant_revocations');

CREATE TABLE gatekeeper.grant_uses (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    grant_id    uuid NOT NULL,
    number      integer NOT NULL CHECK (number > 0),
    project     text NOT NULL,
    environment text NOT NULL,
    name        text NOT NULL,
    proposal_id uuid NOT NULL UNIQUE,
    base_digest text NOT NULL,
    digest      text NOT NULL,
    used_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (grant_id, number),
    UNIQUE (id, project, environment, name, digest),
    FOREIGN KEY (grant_id, project, environment, name) REFERENCES gatekeeper.grants (id, project, environment, name),
    FOREIGN KEY (proposal_id, project, environment, name, digest)
        REFERENCES gatekeeper.proposals (id, project, environment, name, digest)
);
SELECT gatekeeper.make_immutable('gatekeeper.grant_uses');
