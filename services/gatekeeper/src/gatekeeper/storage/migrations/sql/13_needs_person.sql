-- What no grant covers: new examples that are corrections, or that anybody could have sent.

-- Whether a proposal brings an example that the version which it replaces does not have, and that is not marked as
-- eligible. What is not marked at all came from a proposer that knew no marks, and needs a person too.
CREATE FUNCTION gatekeeper.needs_person(p gatekeeper.proposals) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM gatekeeper.slots_of(p.project, p.digest) s, gatekeeper.examples_of(p.project, s.set_digest) e
        WHERE NOT EXISTS (
            SELECT FROM gatekeeper.slots_of(p.project, p.base_digest) b,
                        gatekeeper.examples_of(p.project, b.set_digest) x
            WHERE b.slot = s.slot AND x.digest = e.digest)
        AND NOT EXISTS (
            SELECT FROM jsonb_path_query(p.content, 'lax $.example_sets[*].examples[*]') x
            WHERE x ->> 'digest' = e.digest AND x -> 'grant_eligible' = 'true'))
$$;

CREATE OR REPLACE FUNCTION gatekeeper.grant_use_is_covered() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    g gatekeeper.grants;
    gap text;
BEGIN
    PERFORM gatekeeper.lock_project(NEW.project);
    SELECT * INTO g FROM gatekeeper.grants x WHERE x.id = NEW.grant_id;
    NEW.used_at := clock_timestamp();
    gap := gatekeeper.grant_gap(g, NEW.base_digest, NEW.digest);
    IF gap IS NULL AND (SELECT gatekeeper.needs_person(p) FROM gatekeeper.proposals p WHERE p.id = NEW.proposal_id) THEN
        gap := 'needs-person';
    END IF;
    IF gap IS NOT NULL THEN
        PERFORM gatekeeper.refuse(gap, 'the grant does not cover this change');
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.use_grant(in_proposal uuid)
RETURNS TABLE (grant_id uuid, given_by text, revision integer, sequence bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    p gatekeeper.proposals;
    g gatekeeper.grants;
    u gatekeeper.grant_uses;
    is_halted boolean;
    number_now integer;
    went bigint;
BEGIN
    SELECT * INTO p FROM gatekeeper.proposals x WHERE x.id = in_proposal;
    IF p.id IS NULL THEN
        RETURN;
    END IF;
    is_halted := gatekeeper.lock_project(p.project);
    SELECT * INTO p FROM gatekeeper.proposals x WHERE x.id = in_proposal;
    IF is_halted OR gatekeeper.serving_gap(p.project, p.digest) IS NOT NULL OR gatekeeper.needs_person(p)
       OR p.state <> 'open' OR p.kind <> 'few_shot' OR p.author_kind <> 'service' OR p.base_digest IS DISTINCT
        FROM (SELECT l.digest FROM gatekeeper.live l
              WHERE (l.project, l.environment, l.name) = (p.project, p.environment, p.name)) THEN
        RETURN;
    END IF;
    SELECT * INTO g FROM gatekeeper.grants x
    WHERE (x.project, x.environment, x.name) = (p.project, p.environment, p.name)
      AND gatekeeper.grant_gap(x, p.base_digest, p.digest) IS NULL
    ORDER BY x.expires_at, x.id LIMIT 1;
    IF g.id IS NULL THEN
        RETURN;
    END IF;
    SELECT 1 + count(*) INTO number_now FROM gatekeeper.grant_uses x WHERE x.grant_id = g.id;
    INSERT INTO gatekeeper.grant_uses (grant_id, number, project, environment, name, proposal_id, base_digest, digest)
    VALUES (g.id, number_now, p.project, p.environment, p.name, p.id, p.base_digest, p.digest) RETURNING * INTO u;
    UPDATE gatekeeper.proposals x SET state = 'approved', revision = p.revision + 1 WHERE x.id = p.id;
    SELECT l.sequence INTO went FROM gatekeeper.go_live(p.project, p.environment, p.name, p.target, p.digest,
        'promoted', NULL, u.id, NULL, g.given_by, jsonb_build_object('grant_id', g.id, 'grant_use_id', u.id,
        'use', number_now, 'proposal_id', p.id, 'base_digest', p.base_digest)) l;
    RETURN QUERY SELECT g.id, g.given_by, p.revision + 1, went;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA gatekeeper FROM PUBLIC;
