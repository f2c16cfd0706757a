-- Gradual rollouts: start under an approved plan, change step by step, go back at any time.

-- Insert a change with its audit entry, whose numbers are in `verdict`.
CREATE OR REPLACE FUNCTION gatekeeper.add_rollout_change(
    in_rollout uuid, in_kind text, in_step integer, in_weight integer, in_by text, in_key text, in_reason text,
    in_message text, in_verdict jsonb
) RETURNS gatekeeper.rollout_changes
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    r gatekeeper.rollouts;
    next_revision integer := 1 + coalesce((SELECT max(c.revision) FROM gatekeeper.rollout_changes c
                                           WHERE c.rollout_id = in_rollout), 0);
    made gatekeeper.rollout_changes;
BEGIN
    SELECT * INTO r FROM gatekeeper.rollouts x WHERE x.id = in_rollout;
    INSERT INTO gatekeeper.rollout_changes (rollout_id, revision, project, environment, name, kind, step, weight, by, key_id,
                                            reason, message, verdict, audit_seq)
    VALUES (r.id, next_revision, r.project, r.environment, r.name, in_kind, in_step, in_weight, in_by, in_key, in_reason,
            in_message, in_verdict, gatekeeper.append_audit(r.project, 'rollout.' || in_kind, in_by, jsonb_build_object(
                'rollout_id', r.id, 'revision', next_revision, 'environment', r.environment, 'name', r.name,
                'decision_id', r.decision_id, 'plan_digest', r.plan_digest, 'base_digest', r.base_digest,
                'candidate_digest', r.candidate_digest, 'step', in_step, 'weight', in_weight, 'key_id', in_key,
                'cause', in_reason, 'verdict_digest', 'sha256:' || gatekeeper.sha256_hex(in_verdict::text))))
    RETURNING * INTO made;
    RETURN made;
END $$;

-- Insert a change and, if the arms change, the live version with the new arms. Return that version.
CREATE OR REPLACE FUNCTION gatekeeper.change_rollout_of(
    in_rollout uuid, in_kind text, in_by text, in_key text, in_reason text, in_message text, in_verdict jsonb
) RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    s gatekeeper.rollout_states;
    r gatekeeper.rollouts;
    c gatekeeper.rollout_changes;
    next_step integer;
BEGIN
    SELECT * INTO r FROM gatekeeper.rollouts x WHERE x.id = in_rollout;
    SELECT * INTO s FROM gatekeeper.rollout_states x WHERE x.id = in_rollout;
    next_step := coalesce(s.step, -1) + CASE WHEN in_kind IN ('started', 'advanced', 'completed') THEN 1 ELSE 0 END;
    c := gatekeeper.add_rollout_change(in_rollout, in_kind, next_step, CASE
        WHEN in_kind IN ('started', 'advanced', 'completed') THEN gatekeeper.planned_weight(r.project, r.plan_digest, next_step)
        WHEN in_kind IN ('paused', 'resumed') THEN s.weight ELSE 0 END, in_by, in_key, in_reason, in_message, in_verdict);
    IF in_kind IN ('started', 'advanced', 'completed', 'rolled_back') THEN
        RETURN QUERY SELECT * FROM gatekeeper.go_live(r.project, r.environment, r.name, r.target,
            CASE WHEN in_kind = 'completed' THEN r.candidate_digest ELSE r.base_digest END,
            CASE WHEN in_kind = 'rolled_back' THEN 'rolled_back' ELSE 'promoted' END, NULL, NULL, NULL, in_by,
            jsonb_build_object('rollout_id', r.id, 'revision', c.revision, 'decision_id', r.decision_id,
                               'candidate_digest', r.candidate_digest, 'weight', c.weight), c.id);
    END IF;
END $$;

-- Start the rollout of an approval under its plan.
CREATE OR REPLACE FUNCTION gatekeeper.start_rollout(in_decision uuid) RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    d gatekeeper.decisions;
    made uuid;
BEGIN
    SELECT * INTO d FROM gatekeeper.decisions x WHERE x.id = in_decision;
    IF d.id IS NULL OR d.rollout_plan IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-decision', 'there is no such decision with a rollout plan');
    END IF;
    PERFORM gatekeeper.lock_project(d.project);
    INSERT INTO gatekeeper.rollouts (decision_id, proposal_id, project, environment, name, target, base_digest,
                                     candidate_digest, plan_digest, salt)
    SELECT d.id, d.proposal_id, d.project, d.environment, d.name, p.target, d.base_digest, d.digest, d.rollout_plan,
           replace(gen_random_uuid()::text, '-', '')
    FROM gatekeeper.proposals p WHERE p.id = d.proposal_id
    RETURNING id INTO made;
    RETURN QUERY SELECT * FROM gatekeeper.change_rollout_of(made, 'started', d.decided_by, NULL, 'approved',
                                                            'started by the approval', '{}');
END $$;

-- Change a rollout by the gatekeeper itself: the plan says when. `in_revision` is the one that was assessed.
CREATE OR REPLACE FUNCTION gatekeeper.change_rollout(
    in_rollout uuid, in_revision integer, in_kind text, in_reason text, in_message text, in_verdict jsonb
) RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    s gatekeeper.rollout_states;
BEGIN
    SELECT * INTO s FROM gatekeeper.rollout_states x WHERE x.id = in_rollout;
    IF s.id IS NULL OR in_kind NOT IN ('advanced', 'completed', 'paused', 'rolled_back') THEN
        PERFORM gatekeeper.refuse('unknown-rollout', 'there is no such rollout, or it can''t be changed like this');
    END IF;
    PERFORM gatekeeper.lock_project(s.project);
    SELECT * INTO s FROM gatekeeper.rollout_states x WHERE x.id = in_rollout;
    IF s.revision <> in_revision THEN
        PERFORM gatekeeper.refuse('rollout-changed', 'the rollout was changed meanwhile');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.change_rollout_of(in_rollout, in_kind, 'gatekeeper', NULL, in_reason, in_message,
                                                            in_verdict);
END $$;

-- Change a rollout by a reviewer: advance, complete, pause, resume, or roll back. `in_revision` null: whatever it is now.
CREATE OR REPLACE FUNCTION gatekeeper.steer_rollout(
    api_key text, in_rollout uuid, in_revision integer, in_kind text, in_reason text, in_verdict jsonb
) RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'review');
    s gatekeeper.rollout_states;
BEGIN
    PERFORM gatekeeper.lock_project(principal.project);
    SELECT * INTO s FROM gatekeeper.rollout_states x WHERE (x.id, x.project, x.environment)
        = (in_rollout, principal.project, principal.environment);
    IF s.id IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-rollout', 'there is no such rollout in this environment');
    ELSIF in_kind NOT IN ('advanced', 'completed', 'paused', 'resumed', 'rolled_back') THEN
        PERFORM gatekeeper.refuse('rollout-state', 'a reviewer can''t change a rollout like this');
    ELSIF s.revision <> coalesce(in_revision, s.revision) THEN
        PERFORM gatekeeper.refuse('rollout-changed', 'the rollout was changed meanwhile');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.change_rollout_of(in_rollout, in_kind, principal.subject, principal.key_id,
                                                            'reviewer', in_reason, in_verdict);
END $$;
