-- The only ways to a new live version. Each writes its audit entry and its row of history, or nothing.

CREATE FUNCTION gatekeeper.go_live(
    in_project text, in_environment text, in_name text, in_target text, in_digest text, in_reason text,
    in_decision uuid, in_use uuid, in_rollback uuid, in_by text, facts jsonb
) RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    next_sequence bigint := 1 + coalesce((SELECT l.sequence FROM gatekeeper.live l
        WHERE (l.project, l.environment, l.name) = (in_project, in_environment, in_name)), 0);
    entry bigint;
BEGIN
    entry := gatekeeper.append_audit(in_project, 'prompt.' || in_reason, in_by, facts || jsonb_build_object(
        'environment', in_environment, 'name', in_name, 'digest', in_digest, 'sequence', next_sequence));
    RETURN QUERY INSERT INTO gatekeeper.live_history (project, environment, name, sequence, target, digest, reason,
                                                      decision_id, grant_use_id, rollback_id, by, audit_seq)
    VALUES (in_project, in_environment, in_name, next_sequence, in_target, in_digest, in_reason,
            in_decision, in_use, in_rollback, in_by, entry)
    RETURNING *;
END $$;

-- Makes live what a decision approved.
CREATE FUNCTION gatekeeper.promote(in_decision uuid) RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    d gatekeeper.decisions;
    p gatekeeper.proposals;
BEGIN
    SELECT * INTO d FROM gatekeeper.decisions x WHERE x.id = in_decision;
    SELECT * INTO p FROM gatekeeper.proposals x WHERE x.id = d.proposal_id;
    IF p.id IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-decision', 'there is no such decision');
    END IF;
    PERFORM gatekeeper.lock_project(d.project);
    RETURN QUERY SELECT * FROM gatekeeper.go_live(d.project, d.environment, d.name, p.target, d.digest, 'promoted',
        d.id, NULL, NULL, d.decided_by, jsonb_build_object('decision_id', d.id, 'base_digest', d.base_digest));
END $$;

-- Makes a proposal live under the first grant that covers it. No row where none does: then a person decides.
CREATE FUNCTION gatekeeper.use_grant(in_proposal uuid)
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
    IF is_halted OR gatekeeper.serving_gap(p.project, p.digest) IS NOT NULL
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

-- The record of going back, and going back.
CREATE FUNCTION gatekeeper.go_back(
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
        'base_digest', r.from_digest, 'to_digest', r.to_digest, 'key_id', r.key_id));
END $$;

-- Back to `in_to`; `in_digest` is the same, or the same without examples that were taken back since.
CREATE FUNCTION gatekeeper.roll_back(raw text, in_name text, in_to text, in_digest text, in_reason text)
RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'review');
BEGIN
    RETURN QUERY SELECT * FROM gatekeeper.go_back(who, who.environment, in_name, 'rolled_back', in_to, in_digest, in_reason);
END $$;

-- What is live goes on without the examples that were taken back.
CREATE FUNCTION gatekeeper.cleanse(raw text, in_environment text, in_name text, in_digest text)
RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'review');
    now_live text := (SELECT l.digest FROM gatekeeper.live l
        WHERE (l.project, l.environment, l.name) = (who.project, in_environment, in_name));
BEGIN
    RETURN QUERY SELECT * FROM gatekeeper.go_back(who, in_environment, in_name, 'example_revoked', now_live, in_digest, '');
END $$;

-- The prompts that serve an example which was taken back.
CREATE VIEW gatekeeper.tainted AS
    SELECT l.project, l.environment, l.name, l.target, l.digest
    FROM gatekeeper.live l
    WHERE EXISTS (SELECT FROM gatekeeper.slots_of(l.project, l.digest) s,
                              gatekeeper.examples_of(l.project, s.set_digest) e
                  JOIN gatekeeper.example_revocations r ON r.project = l.project AND r.digest = e.digest);
