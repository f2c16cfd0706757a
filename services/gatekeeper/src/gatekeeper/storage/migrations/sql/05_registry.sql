-- What prompts say, by content. A version's name is the digest of its text, so it can't change.

CREATE TABLE gatekeeper.prompt_versions (
    project   text NOT NULL REFERENCES gatekeeper.projects,
    digest    text NOT NULL,
    canonical text NOT NULL CHECK (octet_length(canonical) <= 262144),
    added_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project, digest),
    CONSTRAINT ck_prompt_versions_digest CHECK (digest = 'sha256:' || gatekeeper.sha256_hex(canonical)),
    CONSTRAINT ck_prompt_versions_json CHECK (canonical IS JSON OBJECT WITH UNIQUE KEYS)
);
SELECT gatekeeper.freeze('gatekeeper.prompt_versions');

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
SELECT gatekeeper.freeze('gatekeeper.examples');

-- A set names its examples by their digests: it stays checkable when an example's text is erased one day.
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
SELECT gatekeeper.freeze('gatekeeper.example_sets');

-- Examples that a person took back: no version that holds one goes live again.
CREATE TABLE gatekeeper.example_revocations (
    project text NOT NULL REFERENCES gatekeeper.projects,
    digest  text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
    by      text NOT NULL,
    reason  text NOT NULL CHECK (length(reason) <= 2000),
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project, digest)
);
SELECT gatekeeper.freeze('gatekeeper.example_revocations');

-- Digests seen in use that Ratchet did not serve: unreviewed.
CREATE TABLE gatekeeper.observed (
    project     text NOT NULL REFERENCES gatekeeper.projects,
    environment text NOT NULL,
    name        text NOT NULL,
    digest      text NOT NULL,
    target      text NOT NULL,
    first_seen  timestamptz NOT NULL,
    PRIMARY KEY (project, environment, name, digest)
);
SELECT gatekeeper.freeze('gatekeeper.observed');

-- The slots of a version: name → digest of the example set in it, or null.
CREATE FUNCTION gatekeeper.slots_of(in_project text, version text)
RETURNS TABLE (slot text, set_digest text)
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT s.key, s.value ->> 'set'
    FROM gatekeeper.prompt_versions v, jsonb_each(coalesce(v.canonical::jsonb -> 'slots', '{}')) s
    WHERE v.project = in_project AND v.digest = version
$$;

-- The examples of a set, in order, each by the digest of its content.
CREATE FUNCTION gatekeeper.examples_of(in_project text, set_digest text)
RETURNS TABLE (place bigint, digest text)
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT e.place, e.digest
    FROM gatekeeper.example_sets s,
         jsonb_array_elements_text(s.canonical::jsonb -> 'examples') WITH ORDINALITY e (digest, place)
    WHERE s.project = in_project AND s.digest = set_digest
$$;

-- Whether `after` is `before` byte for byte, but for the digest of the example set in this one slot.
CREATE FUNCTION gatekeeper.only_slot_differs(before text, after text, slot text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    place text[] := ARRAY['slots', slot, 'set'];
    -- In JSON text an unescaped quote can't stand inside a string, so this token is always a member.
    old_token text := '"set":' || coalesce(before::jsonb #> place, '""')::text;
    new_token text := '"set":' || coalesce(after::jsonb #> place, '""')::text;
    part text[] := string_to_array(before, old_token);
BEGIN
    IF before::jsonb #> place IS NULL OR (before::jsonb #- place) <> (after::jsonb #- place) THEN
        RETURN false;
    END IF;
    FOR i IN 1 .. cardinality(part) - 1 LOOP
        IF array_to_string(part[1:i], old_token) || new_token || array_to_string(part[i + 1:], old_token) = after THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;

-- What of a slot's set is left when revoked examples are gone.
CREATE FUNCTION gatekeeper.kept_examples(in_project text, set_digest text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT coalesce(array_agg(e.digest ORDER BY e.place), '{}')
    FROM gatekeeper.examples_of(in_project, set_digest) e
    WHERE NOT EXISTS (SELECT FROM gatekeeper.example_revocations r
                      WHERE r.project = in_project AND r.digest = e.digest)
$$;

-- Whether `after` is `before` without its revoked examples and otherwise the same.
CREATE FUNCTION gatekeeper.is_cleansed(in_project text, before text, after text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    old_doc jsonb; new_doc jsonb; s record;
BEGIN
    SELECT canonical::jsonb INTO old_doc FROM gatekeeper.prompt_versions WHERE project = in_project AND digest = before;
    SELECT canonical::jsonb INTO new_doc FROM gatekeeper.prompt_versions WHERE project = in_project AND digest = after;
    IF old_doc IS NULL OR new_doc IS NULL THEN
        RETURN false;
    END IF;
    FOR s IN SELECT o.slot, o.set_digest AS old_set, n.set_digest AS new_set
             FROM gatekeeper.slots_of(in_project, before) o
             LEFT JOIN gatekeeper.slots_of(in_project, after) n USING (slot) LOOP
        IF gatekeeper.kept_examples(in_project, s.old_set)
           <> ARRAY(SELECT digest FROM gatekeeper.examples_of(in_project, s.new_set) ORDER BY place) THEN
            RETURN false;
        END IF;
        old_doc := old_doc #- ARRAY['slots', s.slot, 'set'];
        new_doc := new_doc #- ARRAY['slots', s.slot, 'set'];
    END LOOP;
    RETURN old_doc = new_doc;
END $$;

-- Why a version can't be served; null where it can. Unknown, with unknown examples, or with one that was taken back.
CREATE FUNCTION gatekeeper.serving_gap(in_project text, version text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT CASE
        WHEN NOT EXISTS (SELECT FROM gatekeeper.prompt_versions v WHERE v.project = in_project AND v.digest = version)
            THEN 'unknown-version'
        WHEN EXISTS (SELECT FROM gatekeeper.slots_of(in_project, version) s
                     LEFT JOIN gatekeeper.example_sets e ON e.project = in_project AND e.digest = s.set_digest
                     WHERE s.set_digest IS NOT NULL AND e.digest IS NULL)
          OR EXISTS (SELECT FROM gatekeeper.slots_of(in_project, version) s,
                                 gatekeeper.examples_of(in_project, s.set_digest) m
                     LEFT JOIN gatekeeper.examples e ON e.project = in_project AND e.digest = m.digest
                     WHERE e.digest IS NULL) THEN 'unknown-examples'
        WHEN EXISTS (SELECT FROM gatekeeper.slots_of(in_project, version) s,
                                 gatekeeper.examples_of(in_project, s.set_digest) m
                     JOIN gatekeeper.example_revocations r ON r.project = in_project AND r.digest = m.digest)
            THEN 'example-revoked'
        END
$$;
