-- Grants and their uses.

CREATE OR REPLACE FUNCTION gatekeeper.canonical_grant(g gatekeeper.grants) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT gatekeeper.canonical(jsonb_build_object(
        'schema', 'ratchet.grant/1', 'id', g.id, 'project', g.project, 'environment', g.environment, 'name', g.name,
        'slot', g.slot, 'uses', g.uses, 'per_hour', g.per_hour, 'evaluation_floor', NULL, 'by', g.given_by,
        'given_at', gatekeeper.rfc3339(g.given_at), 'expires_at', gatekeeper.rfc3339(g.expires_at)))
$$;

CREATE OR REPLACE FUNCTION gatekeeper.check_grant_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.key_id = NEW.key_id AND NOT k.revoked
                   AND k.subject_kind = 'person' AND k.subject = NEW.given_by AND 'review' = ANY (k.scopes)
                   AND k.project = NEW.project AND k.environment = NEW.environment) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'needs a person with the scope review in this environment');
    END IF;
    NEW.canonical := gatekeeper.canonical_grant(NEW);
    NEW.hash := gatekeeper.sha256_hex(NEW.canonical);
    RETURN NEW;
END $$;

-- Return why the grant does not cover replacing `base` by `version` now; null if it does.
CREATE OR REPLACE FUNCTION gatekeeper.grant_refusal(g gatekeeper.grants, base text, version text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    before text; after text;
BEGIN
    SELECT canonical INTO before FROM gatekeeper.prompt_versions v WHERE v.project = g.project AND v.digest = base;
    SELECT canonical INTO after FROM gatekeeper.prompt_versions v WHERE v.project = g.project AND v.digest = version;
    RETURN CASE
        WHEN g.hash <> gatekeeper.sha256_hex(gatekeeper.canonical_grant(g)) THEN 'altered'
        WHEN EXISTS (SELECT FROM gatekeeper.grant_revocations r WHERE r.grant_id = g.id) THEN 'grant-revoked'
        WHEN moment >= g.expires_at THEN 'expired'
        WHEN (SELECT count(*) FROM gatekeeper.grant_uses u WHERE u.grant_id = g.id) >= g.uses THEN 'grant-used-up'
        WHEN (SELECT count(*) FROM gatekeeper.grant_uses u
              WHERE u.grant_id = g.id AND u.used_at > moment - interval '1 hour') >= g.per_hour THEN 'grant-rate'
        WHEN NOT coalesce(gatekeeper.only_slot_differs(before, after, g.slot), false) THEN 'outside-slot'
    END;
END $$;

-- Return whether a proposal adds an example that is not marked as eligible for grants. Such examples need a decision.
CREATE OR REPLACE FUNCTION gatekeeper.needs_person(p gatekeeper.proposals) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM gatekeeper.version_slots(p.project, p.digest) s, gatekeeper.set_examples(p.project, s.set_digest) e
        WHERE NOT EXISTS (
            SELECT FROM gatekeeper.version_slots(p.project, p.base_digest) b,
                        gatekeeper.set_examples(p.project, b.set_digest) x
            WHERE b.slot = s.slot AND x.digest = e.digest)
        AND NOT EXISTS (
            SELECT FROM jsonb_path_query(p.content, 'lax $.example_sets[*].examples[*]') x
            WHERE x ->> 'digest' = e.digest AND x -> 'grant_eligible' = 'true'))
$$;

CREATE OR REPLACE FUNCTION gatekeeper.check_grant_use_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    g gatekeeper.grants;
    gap text;
BEGIN
    PERFORM gatekeeper.lock_project(NEW.project);
    SELECT * INTO g FROM gatekeeper.grants x WHERE x.id = NEW.grant_id;
    NEW.used_at := clock_timestamp();
    gap := gatekeeper.grant_refusal(g, NEW.base_digest, NEW.digest);
    IF gap IS NULL AND (SELECT gatekeeper.needs_person(p) FROM gatekeeper.proposals p WHERE p.id = NEW.proposal_id) THEN
        gap := 'needs-person';
    END IF;
    IF gap IS NULL AND (SELECT gatekeeper.awaits_evaluation(p) FROM gatekeeper.proposals p WHERE p.id = NEW.proposal_id) THEN
        gap := 'evaluation-missing';
    END IF;
    IF gap IS NOT NULL THEN
        PERFORM gatekeeper.refuse(gap, 'the grant does not cover this change');
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.check_grant_use(wanted gatekeeper.live_history, present gatekeeper.live, halted boolean)
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    u gatekeeper.grant_uses;
BEGIN
    SELECT * INTO u FROM gatekeeper.grant_uses x WHERE x.id = wanted.grant_use_id;
    PERFORM gatekeeper.refuse(code, 'the grant does not cover this promotion') FROM (SELECT CASE
        WHEN u.id IS NULL THEN 'unknown-grant'
        WHEN u.digest <> wanted.digest THEN 'digest-mismatch'
        WHEN EXISTS (SELECT FROM gatekeeper.live_history h WHERE h.grant_use_id = u.id) THEN 'already-used'
        WHEN clock_timestamp() >= u.used_at + interval '1 minute' THEN 'expired'
        WHEN halted THEN 'halted'
        WHEN u.base_digest IS DISTINCT FROM present.digest THEN 'base-changed'
        END AS code) verdict WHERE code IS NOT NULL;
    RETURN u.base_digest;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.give_grant(
    api_key text, in_name text, in_slot text, in_uses integer, in_per_hour integer, in_expires timestamptz
) RETURNS SETOF gatekeeper.grants
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'review');
    g gatekeeper.grants;
BEGIN
    PERFORM gatekeeper.lock_project(principal.project);
    INSERT INTO gatekeeper.grants (project, environment, name, slot, uses, per_hour, expires_at, given_by, key_id)
    VALUES (principal.project, principal.environment, in_name, in_slot, in_uses, in_per_hour, in_expires,
            principal.subject, principal.key_id)
    RETURNING * INTO g;
    PERFORM gatekeeper.append_audit(g.project, 'grant.given', g.given_by, jsonb_build_object(
        'grant_id', g.id, 'grant_hash', g.hash, 'environment', g.environment, 'name', g.name, 'key_id', g.key_id));
    RETURN NEXT g;
END $$;

-- Revoke a grant and every example that it let in.
CREATE OR REPLACE FUNCTION gatekeeper.revoke_grant(api_key text, in_grant uuid, in_reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'review');
    g gatekeeper.grants;
BEGIN
    PERFORM gatekeeper.lock_project(principal.project);
    SELECT * INTO g FROM gatekeeper.grants x
    WHERE x.id = in_grant AND x.project = principal.project AND x.environment = principal.environment;
    IF g.id IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-grant', 'there is no such grant in this project and environment');
    END IF;
    INSERT INTO gatekeeper.grant_revocations (grant_id, by, reason) VALUES (g.id, principal.subject, in_reason)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM gatekeeper.append_audit(g.project, 'grant.revoked', principal.subject, jsonb_build_object(
            'grant_id', g.id, 'environment', g.environment, 'key_id', principal.key_id)
            || gatekeeper.save_reason(g.project, in_reason));
    END IF;
    PERFORM gatekeeper.save_example_revocation(principal, brought.digest,
                                               coalesce(nullif(in_reason, ''), 'grant ' || g.id || ' revoked'))
    FROM (
        SELECT DISTINCT e.digest
        FROM gatekeeper.grant_uses u, gatekeeper.version_slots(u.project, u.digest) s,
             gatekeeper.set_examples(u.project, s.set_digest) e
        WHERE u.grant_id = g.id AND s.slot = g.slot AND NOT EXISTS (
            SELECT FROM gatekeeper.version_slots(u.project, u.base_digest) b, gatekeeper.set_examples(u.project, b.set_digest) x
            WHERE b.slot = g.slot AND x.digest = e.digest)) brought;
END $$;
