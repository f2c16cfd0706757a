-- Checks of gradual rollouts: what each change and each live version of a rollout needs.

-- Return the open rollout of a name, or null.
CREATE OR REPLACE FUNCTION gatekeeper.open_rollout(in_project text, in_environment text, in_name text) RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT s.id FROM gatekeeper.rollout_states s
    WHERE (s.project, s.environment, s.name) = (in_project, in_environment, in_name) AND s.state IN ('running', 'paused')
$$;

-- Return the weight of a step of a plan, 0 for the first; 10000 after the last, null beyond.
CREATE OR REPLACE FUNCTION gatekeeper.planned_weight(in_project text, plan text, step integer) RETURNS integer
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT CASE WHEN step = jsonb_array_length(p.canonical::jsonb -> 'steps') THEN 10000
                ELSE (p.canonical::jsonb #>> ARRAY['steps', step::text, 'weight'])::integer END
    FROM gatekeeper.rollout_plans p WHERE (p.project, p.digest) = (in_project, plan)
$$;

-- Trigger: a rollout needs an unused approval of exactly this candidate, base and plan, and no other open rollout.
CREATE OR REPLACE FUNCTION gatekeeper.check_rollout_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    d gatekeeper.decisions;
BEGIN
    PERFORM gatekeeper.lock_project(NEW.project);
    SELECT * INTO d FROM gatekeeper.decisions x WHERE x.id = NEW.decision_id;
    PERFORM gatekeeper.refuse(code, 'the decision does not cover this rollout') FROM (SELECT CASE
        WHEN d.id IS NULL THEN 'unknown-decision'
        WHEN d.hash <> gatekeeper.sha256_hex(gatekeeper.canonical_decision(d)) THEN 'altered'
        WHEN d.verdict <> 'approved' THEN 'not-approved'
        WHEN d.rollout_plan IS DISTINCT FROM NEW.plan_digest THEN 'other-plan'
        WHEN d.digest <> NEW.candidate_digest OR d.base_digest IS DISTINCT FROM NEW.base_digest THEN 'digest-mismatch'
        WHEN d.proposal_id <> NEW.proposal_id THEN 'digest-mismatch'
        WHEN (d.project, d.environment, d.name) <> (NEW.project, NEW.environment, NEW.name) THEN 'other-environment'
        WHEN EXISTS (SELECT FROM gatekeeper.live_history h WHERE h.decision_id = d.id) THEN 'already-used'
        WHEN clock_timestamp() >= d.expires_at THEN 'expired'
        WHEN gatekeeper.open_rollout(NEW.project, NEW.environment, NEW.name) IS NOT NULL THEN 'rollout-open'
        END AS code) verdict WHERE code IS NOT NULL;
    RETURN NEW;
END $$;

-- Trigger: the state machine of a rollout, as tests/support/rollout_machine.py models it. The live version is checked when
-- the change is used, by `check_rollout_change`.
CREATE OR REPLACE FUNCTION gatekeeper.check_rollout_change_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    r gatekeeper.rollouts;
    was gatekeeper.rollout_states;
    by_gatekeeper boolean := NEW.key_id IS NULL;
    is_forward boolean := NEW.kind IN ('started', 'advanced', 'completed');
BEGIN
    PERFORM gatekeeper.lock_project(NEW.project);
    SELECT * INTO r FROM gatekeeper.rollouts x WHERE x.id = NEW.rollout_id;
    SELECT * INTO was FROM gatekeeper.rollout_states x WHERE x.id = NEW.rollout_id;
    PERFORM gatekeeper.refuse(code, 'the rollout can''t be changed like this now') FROM (SELECT CASE
        WHEN r.id IS NULL THEN 'unknown-rollout'
        WHEN NEW.revision <> coalesce(was.revision, 0) + 1 THEN 'rollout-changed'
        WHEN (NEW.kind = 'started') <> (was.id IS NULL) THEN 'rollout-state'
        WHEN was.state NOT IN ('running', 'paused') THEN 'rollout-ended'
        WHEN NEW.kind = 'paused' AND was.state <> 'running' OR NEW.kind = 'resumed' AND was.state <> 'paused' THEN 'rollout-state'
        WHEN is_forward AND NEW.step <> coalesce(was.step, -1) + 1 OR NOT is_forward AND NEW.step <> was.step THEN 'rollout-state'
        WHEN NEW.weight IS DISTINCT FROM CASE
            WHEN is_forward THEN gatekeeper.planned_weight(r.project, r.plan_digest, NEW.step)
            WHEN NEW.kind IN ('paused', 'resumed') THEN was.weight ELSE 0 END THEN 'other-plan'
        WHEN (NEW.kind = 'completed') <> (NEW.weight = 10000) THEN 'rollout-state'
        WHEN NEW.kind IN ('started', 'superseded') AND NOT by_gatekeeper OR NEW.kind = 'resumed' AND by_gatekeeper THEN 'not-allowed'
        WHEN NEW.kind IN ('advanced', 'completed') AND by_gatekeeper AND was.state <> 'running' THEN 'rollout-state'
        WHEN (is_forward OR NEW.kind = 'resumed') AND gatekeeper.is_halted(NEW.project, NEW.environment) THEN 'halted'
        END AS code) verdict WHERE code IS NOT NULL;
    IF NOT by_gatekeeper THEN
        PERFORM gatekeeper.check_rollout_reviewer(NEW, r.proposal_id);
    ELSIF NEW.kind IN ('advanced', 'completed') THEN
        PERFORM gatekeeper.check_rollout_minima(was);
    END IF;
    IF NEW.kind = 'superseded' AND EXISTS (SELECT FROM gatekeeper.live l WHERE l.rollout_change_id IS NOT NULL
            AND (l.project, l.environment, l.name) = (NEW.project, NEW.environment, NEW.name)) THEN
        PERFORM gatekeeper.refuse('rollout-state', 'the rollout is still live');
    END IF;
    RETURN NEW;
END $$;

-- Refuse a person who may not review here, and the author of the proposal for what only another person may do.
CREATE OR REPLACE FUNCTION gatekeeper.check_rollout_reviewer(c gatekeeper.rollout_changes, in_proposal uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    author_key text := (SELECT gatekeeper.subject_key(p.author) FROM gatekeeper.proposals p
                        WHERE p.id = in_proposal AND p.author_kind = 'person');
BEGIN
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.key_id = c.key_id AND NOT k.revoked
                   AND k.subject_kind = 'person' AND k.subject = c."by" AND 'review' = ANY (k.scopes)
                   AND k.project = c.project AND k.environment = c.environment) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'needs a person with the scope review in this environment');
    END IF;
    IF c.kind NOT IN ('paused', 'rolled_back') AND author_key = gatekeeper.subject_key(c."by") THEN
        PERFORM gatekeeper.refuse('own-proposal', 'another person must advance or resume the rollout of your proposal');
    END IF;
    IF c.kind NOT IN ('paused', 'rolled_back') AND EXISTS (
            SELECT FROM gatekeeper.link_makers(c.key_id) m WHERE gatekeeper.subject_key(m) = author_key) THEN
        PERFORM gatekeeper.refuse('author-made-link', 'the author of the proposal created the sign-in link of this session');
    END IF;
END $$;

-- Refuse to leave a step before its minimum time, or before each guarded metric has its minimum of values for each arm,
-- of at least 10 users or sessions since the start.
CREATE OR REPLACE FUNCTION gatekeeper.check_rollout_minima(s gatekeeper.rollout_states) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    plan jsonb := (SELECT p.canonical::jsonb FROM gatekeeper.rollout_plans p
                   WHERE (p.project, p.digest) = (s.project, s.plan_digest));
    minima jsonb := plan -> 'steps' -> s.step;
BEGIN
    IF clock_timestamp() < s.since + make_interval(secs => (minima ->> 'min_seconds')::integer) THEN
        PERFORM gatekeeper.refuse('step-minimum', 'the minimum time of the step has not passed');
    END IF;
    IF EXISTS (SELECT FROM jsonb_array_elements(plan -> 'metrics') m, (VALUES ('base'), ('candidate')) a (arm)
               WHERE NOT EXISTS (SELECT FROM gatekeeper.rollout_measurements x
                   WHERE (x.rollout_id, x.step, x.metric, x.arm) = (s.id, s.step, m ->> 'name', a.arm)
                   AND x.n >= (minima ->> 'min_values')::integer)) THEN
        PERFORM gatekeeper.refuse('step-minimum', 'a guarded metric has fewer values than the step needs');
    END IF;
    IF plan ->> 'unit' <> 'execution' AND EXISTS (
            SELECT FROM jsonb_array_elements(plan -> 'metrics') m, (VALUES ('base'), ('candidate')) a (arm)
            WHERE 10 > (SELECT count(DISTINCT g.unit_group) FROM gatekeeper.rollout_unit_groups g
                        WHERE (g.rollout_id, g.metric, g.arm) = (s.id, m ->> 'name', a.arm) AND g.n > 0)) THEN
        PERFORM gatekeeper.refuse('step-minimum', 'a guarded metric has values of fewer than 10 users or sessions');
    END IF;
END $$;

-- Refuse a change that does not cover replacing `present` by `wanted`. Return the digest that `wanted` replaces.
CREATE OR REPLACE FUNCTION gatekeeper.check_rollout_change(wanted gatekeeper.live_history, present gatekeeper.live, halted boolean)
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    s gatekeeper.rollout_states;
    d gatekeeper.decisions;
BEGIN
    SELECT * INTO s FROM gatekeeper.rollout_states x WHERE x.change_id = wanted.rollout_change_id;
    SELECT * INTO d FROM gatekeeper.decisions x WHERE x.id = s.decision_id;
    PERFORM gatekeeper.refuse(code, 'the change of the rollout does not cover this') FROM (SELECT CASE
        WHEN s.id IS NULL THEN 'unknown-rollout'
        WHEN d.hash <> gatekeeper.sha256_hex(gatekeeper.canonical_decision(d)) THEN 'altered'
        WHEN s.kind NOT IN ('started', 'advanced', 'completed', 'rolled_back') THEN 'rollout-state'
        WHEN wanted.digest <> CASE WHEN s.kind = 'completed' THEN s.candidate_digest ELSE s.base_digest END THEN 'digest-mismatch'
        WHEN wanted.reason <> CASE WHEN s.kind = 'rolled_back' THEN 'rolled_back' ELSE 'promoted' END THEN 'digest-mismatch'
        WHEN s.kind <> 'rolled_back' AND halted THEN 'halted'
        WHEN s.kind = 'started' AND clock_timestamp() >= d.expires_at THEN 'expired'
        WHEN s.kind = 'started' AND present.digest IS NOT NULL AND present.digest <> s.base_digest THEN 'base-changed'
        WHEN s.kind = 'started' AND present.digest IS NULL AND NOT EXISTS (
            SELECT FROM gatekeeper.observed o WHERE (o.project, o.environment, o.name, o.digest)
            = (s.project, s.environment, s.name, s.base_digest)) THEN 'base-changed'
        WHEN s.kind <> 'started' AND NOT EXISTS (SELECT FROM gatekeeper.rollout_changes c
            WHERE c.rollout_id = s.id AND c.id = present.rollout_change_id) THEN 'base-changed'
        END AS code) verdict WHERE code IS NOT NULL;
    IF wanted.reason = 'promoted' AND wanted.digest = s.base_digest THEN
        PERFORM gatekeeper.refuse(gap, 'the candidate can''t be served')
        FROM gatekeeper.serving_refusal(s.project, s.environment, s.candidate_digest) gap WHERE gap IS NOT NULL;
    END IF;
    RETURN CASE WHEN s.kind = 'completed' THEN s.base_digest ELSE present.base_digest END;
END $$;

-- Trigger: another version went live by a rollback, so the base of an open rollout is no longer served.
CREATE OR REPLACE FUNCTION gatekeeper.supersede_rollout() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    s gatekeeper.rollout_states;
BEGIN
    SELECT * INTO s FROM gatekeeper.rollout_states x
    WHERE x.id = gatekeeper.open_rollout(NEW.project, NEW.environment, NEW.name);
    IF s.id IS NOT NULL THEN
        PERFORM gatekeeper.add_rollout_change(s.id, 'superseded', s.step, 0, NEW."by", NULL, 'stale-base',
                                              'another version went live', '{}');
    END IF;
    RETURN NULL;
END $$;
