-- Live versions: the functions that insert them, and the checks of every insert.

-- Return whether this digest is live under the name.
CREATE OR REPLACE FUNCTION gatekeeper.is_served(in_project text, in_environment text, in_name text, in_digest text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT EXISTS (SELECT FROM gatekeeper.live l WHERE (l.project, l.environment, l.name, l.digest)
                   = (in_project, in_environment, in_name, in_digest))
$$;

-- Trigger: the boundary itself. It checks every INSERT, by any caller and any function.
CREATE OR REPLACE FUNCTION gatekeeper.live_is_authorised() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    halted boolean;
    present gatekeeper.live;
BEGIN
    PERFORM gatekeeper.lock_project(NEW.project);
    halted := gatekeeper.is_halted(NEW.project, NEW.environment);
    SELECT * INTO present FROM gatekeeper.live l
    WHERE (l.project, l.environment, l.name) = (NEW.project, NEW.environment, NEW.name);
    IF NEW.sequence <> coalesce(present.sequence, 0) + 1 THEN
        PERFORM gatekeeper.refuse('sequence', 'the sequence must be one more than the last');
    END IF;
    IF NEW.rollback_id IS NULL AND NEW.rollout_change_id IS NULL
       AND gatekeeper.open_rollout(NEW.project, NEW.environment, NEW.name) IS NOT NULL THEN
        PERFORM gatekeeper.refuse('rollout-open', 'a rollout of this prompt has not ended');
    END IF;
    PERFORM gatekeeper.refuse(gap, 'this version can''t be served')
    FROM gatekeeper.serving_refusal(NEW.project, NEW.environment, NEW.digest) gap WHERE gap IS NOT NULL;
    NEW.base_digest := CASE
        WHEN NEW.decision_id IS NOT NULL THEN gatekeeper.check_decision(NEW, present, halted)
        WHEN NEW.grant_use_id IS NOT NULL THEN gatekeeper.check_grant_use(NEW, present, halted)
        WHEN NEW.rollout_change_id IS NOT NULL THEN gatekeeper.check_rollout_change(NEW, present, halted)
        ELSE gatekeeper.check_rollback(NEW, present) END;
    RETURN NEW;
END $$;

-- Return whether the arms in a `prompt.live` are those of a row of history; none if all get its document.
CREATE OR REPLACE FUNCTION gatekeeper.has_arms_of(arms jsonb, change uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT CASE WHEN c.weight BETWEEN 1 AND 9999 THEN
        (arms ->> 'rollout_id', arms ->> 'digest', (arms ->> 'weight')::integer, arms ->> 'salt', arms ->> 'plan_digest')
        = (r.id::text, r.candidate_digest, c.weight, r.salt, r.plan_digest) AND v.canonical::jsonb = arms -> 'document'
        ELSE coalesce(arms, 'null') = 'null' END
    FROM (SELECT change) given
    LEFT JOIN gatekeeper.rollout_changes c ON c.id = given.change
    LEFT JOIN gatekeeper.rollouts r ON r.id = c.rollout_id
    LEFT JOIN gatekeeper.prompt_versions v ON (v.project, v.digest) = (r.project, r.candidate_digest)
$$;

-- Trigger: the outbox accepts no `prompt.live` that `live_history` does not contain, in whatever row of it.
CREATE OR REPLACE FUNCTION gatekeeper.check_prompt_live_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    message record;
    live jsonb;
BEGIN
    FOR message IN SELECT m.payload FROM gatekeeper.unpack_messages(NEW.event_ids, NEW.messages) m LOOP
        live := convert_from(message.payload, 'UTF8')::jsonb;
        IF NOT EXISTS (SELECT FROM gatekeeper.live_history h JOIN gatekeeper.prompt_versions v USING (project, digest)
                       WHERE (h.project, h.environment, h.name, h.sequence, h.digest) = (live ->> 'project',
                           live ->> 'environment', live ->> 'name', (live ->> 'sequence')::bigint, live ->> 'digest')
                       AND v.canonical::jsonb = live -> 'document'
                       AND gatekeeper.has_arms_of(live -> 'rollout', h.rollout_change_id)) THEN
            PERFORM gatekeeper.refuse('not-live', 'prompt.live must match a row of live_history');
        END IF;
    END LOOP;
    RETURN NEW;
END $$;

-- Insert a row of history and its audit entry.
CREATE OR REPLACE FUNCTION gatekeeper.go_live(
    in_project text, in_environment text, in_name text, in_target text, in_digest text, in_reason text,
    in_decision uuid, in_use uuid, in_rollback uuid, in_by text, facts jsonb, in_change uuid DEFAULT NULL
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
                                                      decision_id, grant_use_id, rollback_id, rollout_change_id, by,
                                                      audit_seq)
    VALUES (in_project, in_environment, in_name, next_sequence, in_target, in_digest, in_reason,
            in_decision, in_use, in_rollback, in_change, in_by, entry)
    RETURNING *;
END $$;

-- Make the version of an approval live.
CREATE OR REPLACE FUNCTION gatekeeper.promote(in_decision uuid) RETURNS SETOF gatekeeper.live_history
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

-- Make a proposal live under the first grant that covers it. Return no row if none does: it needs a decision.
CREATE OR REPLACE FUNCTION gatekeeper.use_grant(in_proposal uuid)
RETURNS TABLE (grant_id uuid, given_by text, revision integer, sequence bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    p gatekeeper.proposals;
    g gatekeeper.grants;
    u gatekeeper.grant_uses;
    number_now integer;
    new_sequence bigint;
BEGIN
    SELECT * INTO p FROM gatekeeper.proposals x WHERE x.id = in_proposal;
    IF p.id IS NULL THEN
        RETURN;
    END IF;
    PERFORM gatekeeper.lock_project(p.project);
    SELECT * INTO p FROM gatekeeper.proposals x WHERE x.id = in_proposal;
    IF gatekeeper.is_halted(p.project, p.environment)
       OR gatekeeper.open_rollout(p.project, p.environment, p.name) IS NOT NULL
       OR gatekeeper.serving_refusal(p.project, p.environment, p.digest) IS NOT NULL OR gatekeeper.needs_person(p)
       OR gatekeeper.awaits_evaluation(p)
       OR p.state <> 'open' OR p.kind <> 'few_shot' OR p.author_kind <> 'service' OR p.base_digest IS DISTINCT
        FROM (SELECT l.digest FROM gatekeeper.live l
              WHERE (l.project, l.environment, l.name) = (p.project, p.environment, p.name)) THEN
        RETURN;
    END IF;
    SELECT * INTO g FROM gatekeeper.grants x
    WHERE (x.project, x.environment, x.name) = (p.project, p.environment, p.name)
      AND gatekeeper.grant_refusal(x, p.base_digest, p.digest) IS NULL
    ORDER BY x.expires_at, x.id LIMIT 1;
    IF g.id IS NULL THEN
        RETURN;
    END IF;
    SELECT 1 + count(*) INTO number_now FROM gatekeeper.grant_uses x WHERE x.grant_id = g.id;
    INSERT INTO gatekeeper.grant_uses (grant_id, number, project, environment, name, proposal_id, base_digest, digest)
    VALUES (g.id, number_now, p.project, p.environment, p.name, p.id, p.base_digest, p.digest) RETURNING * INTO u;
    UPDATE gatekeeper.proposals x SET state = 'approved', revision = p.revision + 1 WHERE x.id = p.id;
    SELECT l.sequence INTO new_sequence FROM gatekeeper.go_live(p.project, p.environment, p.name, p.target, p.digest,
        'promoted', NULL, u.id, NULL, g.given_by, jsonb_build_object('grant_id', g.id, 'grant_use_id', u.id,
        'use', number_now, 'proposal_id', p.id, 'base_digest', p.base_digest)) l;
    RETURN QUERY SELECT g.id, g.given_by, p.revision + 1, new_sequence;
END $$;
