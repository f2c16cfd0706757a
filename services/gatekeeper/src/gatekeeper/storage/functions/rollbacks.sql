-- Rollbacks, and removal of revoked examples from live versions.

CREATE OR REPLACE FUNCTION gatekeeper.canonical_rollback(r gatekeeper.rollbacks) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT gatekeeper.canonical(jsonb_build_object(
        'schema', 'ratchet.rollback/1', 'id', r.id, 'project', r.project, 'environment', r.environment,
        'name', r.name, 'kind', r.kind, 'from_digest', r.from_digest, 'to_digest', r.to_digest, 'digest', r.digest,
        'by', r.rolled_by, 'at', gatekeeper.rfc3339(r.at), 'uses', 1))
$$;

-- Going back leads to what ran here before, or to the same without examples that were taken back; nowhere else.
CREATE OR REPLACE FUNCTION gatekeeper.rollback_leads_back() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM gatekeeper.lock_project(NEW.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.key_id = NEW.key_id AND NOT k.revoked
                   AND k.subject_kind = 'person' AND k.subject = NEW.rolled_by AND 'review' = ANY (k.scopes)
                   AND k.project = NEW.project AND k.environment = NEW.environment) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'only a person who may review here goes back');
    END IF;
    IF NOT EXISTS (SELECT FROM gatekeeper.live l WHERE (l.project, l.environment, l.name, l.digest)
                   = (NEW.project, NEW.environment, NEW.name, NEW.from_digest)) THEN
        PERFORM gatekeeper.refuse('base-changed', 'something else is live by now');
    END IF;
    IF NOT EXISTS (SELECT FROM gatekeeper.live_history h
                   WHERE (h.project, h.environment, h.name) = (NEW.project, NEW.environment, NEW.name)
                   AND NEW.to_digest IN (h.digest, h.base_digest)) THEN
        PERFORM gatekeeper.refuse('never-live', 'this version never ran in this environment');
    END IF;
    IF NEW.digest <> NEW.to_digest
       AND NOT gatekeeper.is_cleansed(NEW.project, NEW.environment, NEW.to_digest, NEW.digest) THEN
        PERFORM gatekeeper.refuse('digest-mismatch', 'differs by more than the examples that were revoked');
    END IF;
    NEW.canonical := gatekeeper.canonical_rollback(NEW);
    NEW.hash := gatekeeper.sha256_hex(NEW.canonical);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.rollback_changes_something() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NEW.kind = 'rolled_back' AND gatekeeper.is_served(NEW.project, NEW.environment, NEW.name, NEW.digest) THEN
        PERFORM gatekeeper.refuse('no-change', 'this version is live already');
    END IF;
    RETURN NEW;
END $$;

-- Works while halted: going back is always allowed.
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

-- The record of going back, and going back.
CREATE OR REPLACE FUNCTION gatekeeper.go_back(
    who gatekeeper.speaker, in_environment text, in_name text, in_kind text, in_to text, in_digest text, in_reason text
) RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    present gatekeeper.live;
    r gatekeeper.rollbacks;
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    SELECT * INTO present FROM gatekeeper.live l
    WHERE (l.project, l.environment, l.name) = (who.project, in_environment, in_name);
    IF present.digest IS NULL THEN
        PERFORM gatekeeper.refuse('prompt-not-live', 'nothing is live under this name');
    END IF;
    INSERT INTO gatekeeper.rollbacks (project, environment, name, kind, from_digest, to_digest, digest, rolled_by, key_id,
                                      reason)
    VALUES (who.project, in_environment, in_name, in_kind, present.digest, in_to, in_digest, who.subject, who.key_id,
            in_reason) RETURNING * INTO r;
    RETURN QUERY SELECT * FROM gatekeeper.go_live(r.project, r.environment, r.name, present.target, r.digest, r.kind,
        NULL, NULL, r.id, r.rolled_by, jsonb_build_object('rollback_id', r.id, 'rollback_hash', r.hash,
        'base_digest', r.from_digest, 'to_digest', r.to_digest, 'key_id', r.key_id)
        || gatekeeper.keep_reason(r.project, r.reason));
END $$;

-- Back to `in_to`; `in_digest` is the same, or the same without examples that were taken back since.
CREATE OR REPLACE FUNCTION gatekeeper.roll_back(raw text, in_name text, in_to text, in_digest text, in_reason text)
RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'review');
BEGIN
    RETURN QUERY SELECT * FROM gatekeeper.go_back(who, who.environment, in_name, 'rolled_back', in_to, in_digest, in_reason);
END $$;

-- What is live goes on without the examples that were taken back.
CREATE OR REPLACE FUNCTION gatekeeper.cleanse(raw text, in_environment text, in_name text, in_digest text)
RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'review');
    now_live text := (SELECT l.digest FROM gatekeeper.live l
        WHERE (l.project, l.environment, l.name) = (who.project, who.environment, in_name));
BEGIN
    IF in_environment IS DISTINCT FROM who.environment THEN
        PERFORM gatekeeper.refuse('other-environment', 'the prompt belongs to another environment than the key');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.go_back(who, who.environment, in_name, 'example_revoked', now_live,
                                                  in_digest, '');
END $$;
