-- Contents by digest, and what was observed.

CREATE TABLE gatekeeper.prompt_versions (
    project   text NOT NULL REFERENCES gatekeeper.projects,
    digest    text NOT NULL,
    canonical text NOT NULL CHECK (octet_length(canonical) <= 262144),
    added_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project, digest),
    CONSTRAINT ck_prompt_versions_digest CHECK (digest = 'sha256:' || gatekeeper.sha256_hex(canonical)),
    CONSTRAINT ck_prompt_versions_json CHECK (canonical IS JSON OBJECT WITH UNIQUE KEYS)
);
SELECT gatekeeper.make_immutable('gatekeeper.prompt_versions');

CREATE TABLE gatekeeper.examples (
    project   text NOT NULL REFERENCES gatekeeper.projects,
    digest    text NOT NULL,
    canonical text NOT NULL CHECK (octet_length(canonical) <= 262144),
    added_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project, digest),
    CONSTRAINT ck_examples_digest CHECK (digest = 'sha256:' || gatekeeper.sha256_hex(canonical)),
    CONSTRAINT ck_examples_form CHECK (canonical = gatekeeper.canonical(jsonb_build_object(
        'schema', 'ratchet.example/1', 'input', canonical::jsonb ->> 'input', 'output', canonical::jsonb ->> 'output')))
);
SELECT gatekeeper.make_immutable('gatekeeper.examples');

-- A set has the digests of its examples, so it can be verified after an example's text was erased.
CREATE TABLE gatekeeper.example_sets (
    project   text NOT NULL REFERENCES gatekeeper.projects,
    digest    text NOT NULL,
    canonical text NOT NULL CHECK (octet_length(canonical) <= 4096),
    added_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project, digest),
    CONSTRAINT ck_example_sets_digest CHECK (digest = 'sha256:' || gatekeeper.sha256_hex(canonical)),
    CONSTRAINT ck_example_sets_form
        CHECK (canonical ~ '^{"examples":\[("sha256:[0-9a-f]{64}"(,"sha256:[0-9a-f]{64}")*)?\],"schema":"ratchet.examples/1"}$')
);
SELECT gatekeeper.make_immutable('gatekeeper.example_sets');

-- Revoked examples: no version with one goes live again in the environment ('*': in any).
CREATE TABLE gatekeeper.example_revocations (
    project text NOT NULL REFERENCES gatekeeper.projects,
    digest  text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
    by      text NOT NULL,
    reason  text NOT NULL CHECK (length(reason) <= 2000),
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    environment text NOT NULL,
    PRIMARY KEY (project, digest, environment)
);
SELECT gatekeeper.make_immutable('gatekeeper.example_revocations');

-- Digests that apps used and Ratchet did not serve.
CREATE TABLE gatekeeper.observed (
    project     text NOT NULL REFERENCES gatekeeper.projects,
    environment text NOT NULL,
    name        text NOT NULL,
    digest      text NOT NULL,
    target      text NOT NULL,
    first_seen  timestamptz NOT NULL,
    PRIMARY KEY (project, environment, name, digest)
);
SELECT gatekeeper.make_immutable('gatekeeper.observed');

-- Archived prompts are left out of lists; apps are served as before. A row counts until another sequence is live.
CREATE TABLE gatekeeper.archived (
    project     text NOT NULL REFERENCES gatekeeper.projects,
    environment text NOT NULL,
    name        text NOT NULL,
    sequence    bigint NOT NULL,  -- of the live version at that time; 0 if there was none
    by          text NOT NULL,
    key_id      text NOT NULL,
    reason      text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    audit_seq   bigint NOT NULL,
    PRIMARY KEY (project, environment, name, sequence),
    FOREIGN KEY (project, audit_seq) REFERENCES gatekeeper.audit (project, seq)
);
SELECT gatekeeper.make_immutable('gatekeeper.archived');

-- Observed digests that a person has reviewed. Nothing goes live by this.
CREATE TABLE gatekeeper.reviews (
    project     text NOT NULL,
    environment text NOT NULL,
    name        text NOT NULL,
    digest      text NOT NULL,
    by          text NOT NULL,
    key_id      text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    audit_seq   bigint NOT NULL,
    PRIMARY KEY (project, environment, name, digest),
    FOREIGN KEY (project, environment, name, digest) REFERENCES gatekeeper.observed,
    FOREIGN KEY (project, audit_seq) REFERENCES gatekeeper.audit (project, seq)
);
SELECT gatekeeper.make_immutable('gatekeeper.reviews');
