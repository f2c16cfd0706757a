-- Standing authorisations that a person gave: one few-shot slot, so many uses, so many an hour, until then.

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
SELECT gatekeeper.freeze('gatekeeper.grants');

CREATE TABLE gatekeeper.grant_revocations (
    grant_id uuid PRIMARY KEY REFERENCES gatekeeper.grants,
    by       text NOT NULL,
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT gatekeeper.freeze('gatekeeper.grant_revocations');

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
SELECT gatekeeper.freeze('gatekeeper.grant_uses');

CREATE FUNCTION gatekeeper.canonical_grant(g gatekeeper.grants) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT gatekeeper.canonical(jsonb_build_object(
        'schema', 'ratchet.grant/1', 'id', g.id, 'project', g.project, 'environment', g.environment, 'name', g.name,
        'slot', g.slot, 'uses', g.uses, 'per_hour', g.per_hour, 'evaluation_floor', NULL, 'by', g.given_by,
        'given_at', gatekeeper.rfc3339(g.given_at), 'expires_at', gatekeeper.rfc3339(g.expires_at)))
$$;

CREATE FUNCTION gatekeeper.grant_is_a_persons() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.key_id = NEW.key_id AND NOT k.revoked
                   AND k.subject_kind = 'person' AND k.subject = NEW.given_by AND 'review' = ANY (k.scopes)
                   AND k.project = NEW.project AND k.environment = NEW.environment) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'only a person who may review here gives a grant');
    END IF;
    NEW.canonical := gatekeeper.canonical_grant(NEW);
    NEW.hash := gatekeeper.sha256_hex(NEW.canonical);
    RETURN NEW;
END $$;
CREATE TRIGGER grant_is_a_persons BEFORE INSERT ON gatekeeper.grants
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.grant_is_a_persons();

-- Why this grant does not cover replacing `base` by `version` now; null where it does.
CREATE FUNCTION gatekeeper.grant_gap(g gatekeeper.grants, base text, version text) RETURNS text
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

CREATE FUNCTION gatekeeper.grant_use_is_covered() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    g gatekeeper.grants;
    gap text;
BEGIN
    PERFORM gatekeeper.lock_project(NEW.project);
    SELECT * INTO g FROM gatekeeper.grants x WHERE x.id = NEW.grant_id;
    NEW.used_at := clock_timestamp();
    gap := gatekeeper.grant_gap(g, NEW.base_digest, NEW.digest);
    IF gap IS NOT NULL THEN
        PERFORM gatekeeper.refuse(gap, 'the grant does not cover this change');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER grant_use_is_covered BEFORE INSERT ON gatekeeper.grant_uses
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.grant_use_is_covered();

CREATE FUNCTION gatekeeper.give_grant(
    raw text, in_name text, in_slot text, in_uses integer, in_per_hour integer, in_expires timestamptz
) RETURNS SETOF gatekeeper.grants
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'review');
    g gatekeeper.grants;
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    INSERT INTO gatekeeper.grants (project, environment, name, slot, uses, per_hour, expires_at, given_by, key_id)
    VALUES (who.project, who.environment, in_name, in_slot, in_uses, in_per_hour, in_expires, who.subject, who.key_id)
    RETURNING * INTO g;
    PERFORM gatekeeper.append_audit(g.project, 'grant.given', g.given_by, jsonb_build_object(
        'grant_id', g.id, 'grant_hash', g.hash, 'environment', g.environment, 'name', g.name, 'key_id', g.key_id));
    RETURN NEXT g;
END $$;

-- Takes one example back, in all environments of the project.
CREATE FUNCTION gatekeeper.take_back(who gatekeeper.speaker, in_digest text, in_reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    INSERT INTO gatekeeper.example_revocations (project, digest, by, reason)
    VALUES (who.project, in_digest, who.subject, in_reason)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM gatekeeper.append_audit(who.project, 'example.revoked', who.subject,
            jsonb_build_object('example', in_digest, 'key_id', who.key_id));
    END IF;
END $$;

CREATE FUNCTION gatekeeper.revoke_example(raw text, in_digest text, in_reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'review');
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.examples e WHERE e.project = who.project AND e.digest = in_digest) THEN
        PERFORM gatekeeper.refuse('unknown-example', 'there is no such example in this project');
    END IF;
    PERFORM gatekeeper.take_back(who, in_digest, in_reason);
END $$;

-- Ends a grant and takes back every example that came in by it.
CREATE FUNCTION gatekeeper.revoke_grant(raw text, in_grant uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'review');
    g gatekeeper.grants;
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    SELECT * INTO g FROM gatekeeper.grants x
    WHERE x.id = in_grant AND x.project = who.project AND x.environment = who.environment;
    IF g.id IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-grant', 'there is no such grant in this project and environment');
    END IF;
    INSERT INTO gatekeeper.grant_revocations (grant_id, by) VALUES (g.id, who.subject) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM gatekeeper.append_audit(g.project, 'grant.revoked', who.subject,
            jsonb_build_object('grant_id', g.id, 'key_id', who.key_id));
    END IF;
    PERFORM gatekeeper.take_back(who, brought.digest, 'grant ' || g.id || ' revoked') FROM (
        SELECT DISTINCT e.digest
        FROM gatekeeper.grant_uses u, gatekeeper.slots_of(u.project, u.digest) s,
             gatekeeper.examples_of(u.project, s.set_digest) e
        WHERE u.grant_id = g.id AND s.slot = g.slot AND NOT EXISTS (
            SELECT FROM gatekeeper.slots_of(u.project, u.base_digest) b, gatekeeper.examples_of(u.project, b.set_digest) x
            WHERE b.slot = g.slot AND x.digest = e.digest)) brought;
END $$;
