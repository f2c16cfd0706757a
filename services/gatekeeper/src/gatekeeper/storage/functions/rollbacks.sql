-- Rollbacks, and removal of revoked examples from live versions.

CREATE OR REPLACE FUNCTION gatekeeper.canonical_rollback(r gatekeeper.rollbacks) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT gatekeeper.canonical(jsonb_build_object(
        'schema', 'ratchet.rollback/1', 'id', r.id, 'project', r.project, 'environment', r.environment,
        'name', r.name, 'kind', r.kind, 'from_digest', r.from_digest, 'to_digest', r.to_digest, 'digest', r.digest,
        'by', r.rolled_by, 'at', gatekeeper.rfc3339(r.at), 'uses', 1))
$$;

-- Trigger: a rollback leads to a version that was live here, or to that version without revoked examples.
CREATE OR REPLACE FUNCTION gatekeeper.check_rollback_target() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM gatekeeper.lock_project(NEW.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.key_id = NEW.key_id AND NOT k.revoked
                   AND k.subject_kind = 'person' AND k.subject = NEW.rolled_by AND 'review' = ANY (k.scopes)
                   AND k.project = NEW.project AND k.environment = NEW.environment)
       AND NOT (NEW.kind = 'example_revoked' AND NEW.to_digest = NEW.from_digest AND EXISTS (
                SELECT FROM gatekeeper.erasures e
                WHERE (e.project, e.requested_by, e.key_id) = (NEW.project, NEW.rolled_by, NEW.key_id))) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'needs a person with the scope review in this environment');
    END IF;
    IF NOT EXISTS (SELECT FROM gatekeeper.live l WHERE (l.project, l.environment, l.name, l.digest)
                   = (NEW.project, NEW.environment, NEW.name, NEW.from_digest)) THEN
        PERFORM gatekeeper.refuse('base-changed', 'another version is live now');
    END IF;
    IF NOT EXISTS (SELECT FROM gatekeeper.live_history h
                   WHERE (h.project, h.environment, h.name) = (NEW.project, NEW.environment, NEW.name)
                   AND NEW.to_digest IN (h.digest, h.base_digest)) THEN
        PERFORM gatekeeper.refuse('never-live', 'this version was never live in this environment');
    END IF;
    IF NEW.digest <> NEW.to_digest
       AND NOT gatekeeper.is_without_revoked(NEW.project, NEW.environment, NEW.to_digest, NEW.digest) THEN
        PERFORM gatekeeper.refuse('digest-mismatch', 'the version differs by more than revoked examples');
    END IF;
    NEW.canonical := gatekeeper.canonical_rollback(NEW);
    NEW.hash := gatekeeper.sha256_hex(NEW.canonical);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.check_rollback_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NEW.kind = 'rolled_back' AND gatekeeper.is_served(NEW.project, NEW.environment, NEW.name, NEW.digest) THEN
        PERFORM gatekeeper.refuse('no-change', 'this version is already live');
    END IF;
    RETURN NEW;
END $$;

-- Refuse a rollback record that does not cover replacing `present` by `wanted`. Rollback works while halted.
CREATE OR REPLACE FUNCTION gatekeeper.check_rollback(wanted gatekeeper.live_history, present gatekeeper.live) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    r gatekeeper.rollbacks;
BEGIN
    SELECT * INTO r FROM gatekeeper.rollbacks x WHERE x.id = wanted.rollback_id;
    PERFORM gatekeeper.refuse(code, 'the rollback record does not cover this') FROM (SELECT CASE
        WHEN r.id IS NULL THEN 'unknown-rollback'
        WHEN r.hash <> gatekeeper.sha256_hex(gatekeeper.canonical_rollback(r)) THEN 'altered'
        WHEN r.digest <> wanted.digest OR r.kind <> wanted.reason THEN 'digest-mismatch'
        WHEN EXISTS (SELECT FROM gatekeeper.live_history h WHERE h.rollback_id = r.id) THEN 'already-used'
        WHEN clock_timestamp() >= r.at + interval '1 minute' THEN 'expired'
        WHEN r.from_digest IS DISTINCT FROM present.digest THEN 'base-changed'
        END AS code) verdict WHERE code IS NOT NULL;
    RETURN r.from_digest;
END $$;

-- Insert a rollback record and its row of history.
CREATE OR REPLACE FUNCTION gatekeeper.save_rollback(
    principal gatekeeper.principal, in_environment text, in_name text, in_kind text, in_to text, in_digest text, in_reason text
) RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    present gatekeeper.live;
    r gatekeeper.rollbacks;
BEGIN
    PERFORM gatekeeper.lock_project(principal.project);
    SELECT * INTO present FROM gatekeeper.live l
    WHERE (l.project, l.environment, l.name) = (principal.project, in_environment, in_name);
    IF present.digest IS NULL THEN
        PERFORM gatekeeper.refuse('prompt-not-live', 'nothing is live under this name');
    END IF;
    INSERT INTO gatekeeper.rollbacks (project, environment, name, kind, from_digest, to_digest, digest, rolled_by, key_id,
                                      reason)
    VALUES (principal.project, in_environment, in_name, in_kind, present.digest, in_to, in_digest, principal.subject, principal.key_id,
            in_reason) RETURNING * INTO r;
    RETURN QUERY SELECT * FROM gatekeeper.go_live(r.project, r.environment, r.name, present.target, r.digest, r.kind,
        NULL, NULL, r.id, r.rolled_by, jsonb_build_object('rollback_id', r.id, 'rollback_hash', r.hash,
        'base_digest', r.from_digest, 'to_digest', r.to_digest, 'key_id', r.key_id)
        || gatekeeper.save_reason(r.project, r.reason));
END $$;

-- Roll back to `in_to`. `in_digest` is the same version, or that version without revoked examples.
CREATE OR REPLACE FUNCTION gatekeeper.roll_back(api_key text, in_name text, in_to text, in_digest text, in_reason text)
RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'review');
BEGIN
    RETURN QUERY SELECT * FROM gatekeeper.save_rollback(principal, principal.environment, in_name, 'rolled_back', in_to, in_digest, in_reason);
END $$;

-- Replace a live version by the same version without revoked examples.
CREATE OR REPLACE FUNCTION gatekeeper.remove_revoked(api_key text, in_environment text, in_name text, in_digest text)
RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'review');
    now_live text := (SELECT l.digest FROM gatekeeper.live l
        WHERE (l.project, l.environment, l.name) = (principal.project, principal.environment, in_name));
BEGIN
    IF in_environment IS DISTINCT FROM principal.environment THEN
        PERFORM gatekeeper.refuse('other-environment', 'the prompt belongs to another environment than the key');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.save_rollback(principal, principal.environment, in_name, 'example_revoked', now_live,
                                                  in_digest, '');
END $$;
