-- Projects, people, and who speaks when a key is shown. `api_keys` itself came with the tables of delivery.

CREATE TABLE gatekeeper.projects (
    project  text PRIMARY KEY CHECK (project ~ '^[A-Za-z0-9._-]{1,64}$'),
    revision integer NOT NULL DEFAULT 0,
    halted   boolean NOT NULL DEFAULT false,
    added_at timestamptz NOT NULL DEFAULT now()
);

-- Whatever changes a project's state takes this lock first: one order for all, so nobody waits in a circle.
-- Returns whether the project is halted.
CREATE FUNCTION gatekeeper.lock_project(name text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    is_halted boolean;
BEGIN
    SELECT p.halted INTO is_halted FROM gatekeeper.projects p WHERE p.project = name FOR NO KEY UPDATE;
    IF is_halted IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-project', 'the project was never set up');
    END IF;
    RETURN is_halted;
END $$;

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
SELECT gatekeeper.freeze('gatekeeper.signing_keys');

-- A person's key belongs to somebody known; only such a key may review.
ALTER TABLE gatekeeper.api_keys
    ADD COLUMN person text GENERATED ALWAYS AS (CASE WHEN subject_kind = 'person' THEN subject END) STORED,
    ADD CONSTRAINT fk_api_keys_people FOREIGN KEY (project, person) REFERENCES gatekeeper.people,
    ADD CONSTRAINT ck_api_keys_kind CHECK (subject_kind IN ('person', 'service')),
    ADD CONSTRAINT ck_api_keys_review CHECK (subject_kind = 'person' OR NOT 'review' = ANY (scopes));

CREATE TYPE gatekeeper.speaker AS (
    key_id text, project text, environment text, subject text, subject_kind text, scopes text[]
);

-- Whose key this is: `rk_<key_id>_<secret>`. The secret has 256 random bits, so its SHA-256 tells nothing.
CREATE FUNCTION gatekeeper.speaker_of(raw text) RETURNS gatekeeper.speaker
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    part text[] := regexp_match(raw, '^rk_([^_]+)_(.+)$');
    found gatekeeper.speaker;
BEGIN
    SELECT k.key_id, k.project, k.environment, k.subject, k.subject_kind, k.scopes INTO found
    FROM gatekeeper.api_keys k
    WHERE k.key_id = part[1] AND NOT k.revoked AND k.secret_hash = gatekeeper.sha256_hex(part[2]);
    IF found.key_id IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-key', 'the key is unknown or revoked');
    END IF;
    RETURN found;
END $$;

-- The person that a key belongs to, if it has the scope.
CREATE FUNCTION gatekeeper.person_of(raw text, scope text) RETURNS gatekeeper.speaker
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    found gatekeeper.speaker := gatekeeper.speaker_of(raw);
BEGIN
    IF found.subject_kind <> 'person' OR NOT scope = ANY (found.scopes) THEN
        PERFORM gatekeeper.refuse('not-allowed', format('needs the key of a person with the scope %s', scope));
    END IF;
    RETURN found;
END $$;
