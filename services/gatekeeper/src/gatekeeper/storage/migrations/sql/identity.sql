-- Projects, people, keys and sessions. `api_keys` itself is one of the tables of delivery.

CREATE TABLE gatekeeper.projects (
    project  text PRIMARY KEY CHECK (project ~ '^[A-Za-z0-9._-]{1,64}$'),
    added_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE gatekeeper.people (
    project  text NOT NULL REFERENCES gatekeeper.projects,
    subject  text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project, subject)
);

CREATE TABLE gatekeeper.signing_keys (
    key_id     text PRIMARY KEY,
    public_key text NOT NULL UNIQUE,
    added_at   timestamptz NOT NULL DEFAULT now()
);
SELECT gatekeeper.make_immutable('gatekeeper.signing_keys');

-- A person's key belongs to a row of `people`; only such a key can have the scope review.
ALTER TABLE gatekeeper.api_keys
    ADD COLUMN person text GENERATED ALWAYS AS (CASE WHEN subject_kind = 'person' THEN subject END) STORED,
    ADD CONSTRAINT fk_api_keys_people FOREIGN KEY (project, person) REFERENCES gatekeeper.people,
    ADD CONSTRAINT ck_api_keys_kind CHECK (subject_kind IN ('person', 'service')),
    ADD CONSTRAINT ck_api_keys_review CHECK (subject_kind = 'person' OR NOT 'review' = ANY (scopes));

CREATE TYPE gatekeeper.principal AS (
    key_id text, project text, environment text, subject text, subject_kind text, scopes text[]
);

ALTER TABLE gatekeeper.api_keys ADD COLUMN IF NOT EXISTS expires_at timestamptz;

ALTER TABLE gatekeeper.api_keys
    ADD CONSTRAINT ck_api_keys_admin CHECK (subject_kind = 'person' OR NOT 'admin' = ANY (scopes));

-- A link signs one person in, once. The token has 256 random bits, so SHA-256 is enough. `made_with` is the key
-- that created it; null for the owner of the database.
CREATE TABLE gatekeeper.sign_in_links (
    token_hash  text PRIMARY KEY,
    project     text NOT NULL,
    environment text NOT NULL,
    subject     text NOT NULL,
    scopes      text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'tune', 'review', 'operate', 'admin']),
    made_by     text NOT NULL,
    made_with   text REFERENCES gatekeeper.api_keys,
    made_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL CHECK (expires_at <= made_at + interval '1 day'),
    FOREIGN KEY (project, subject) REFERENCES gatekeeper.people
);
SELECT gatekeeper.make_immutable('gatekeeper.sign_in_links');

-- The key `acting` has the scopes of the link; `reading`, the console's, only those that change no prompt.
CREATE TABLE gatekeeper.sessions (
    acting     text PRIMARY KEY REFERENCES gatekeeper.api_keys,
    reading    text NOT NULL UNIQUE REFERENCES gatekeeper.api_keys,
    token_hash text NOT NULL UNIQUE REFERENCES gatekeeper.sign_in_links,
    opened_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT gatekeeper.make_immutable('gatekeeper.sessions');
