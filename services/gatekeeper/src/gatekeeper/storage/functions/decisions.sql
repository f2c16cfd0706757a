-- Decisions about proposals.

-- Return the versioned canonical form of a decision.
CREATE OR REPLACE FUNCTION gatekeeper.canonical_decision(d gatekeeper.decisions) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT gatekeeper.canonical(jsonb_build_object(
        'schema', 'ratchet.decision/' || d.form, 'id', d.id, 'proposal_id', d.proposal_id, 'project', d.project,
        'environment', d.environment, 'name', d.name, 'verdict', d.verdict, 'digest', d.digest,
        'base_digest', d.base_digest, 'rollout_plan', d.rollout_plan, 'evaluation_digest', d.evaluation_digest,
        'policy_version', d.policy_version, 'by', d.decided_by, 'decided_at', gatekeeper.rfc3339(d.decided_at),
        'expires_at', gatekeeper.rfc3339(d.expires_at), 'uses', 1)
        || CASE WHEN d.form = 1 THEN '{}' ELSE jsonb_build_object(
            'reason_digest', 'sha256:' || gatekeeper.sha256_hex(nullif(d.reason, ''))) END
        || CASE WHEN d.form <= 2 THEN '{}' ELSE jsonb_build_object(
            'evidence_digest', d.evidence_digest, 'evaluation_rule', d.evaluation_rule) END)
$$;

-- Trigger: a decision needs a reviewing person who is not the author; canonical form and hash are computed here.
CREATE OR REPLACE FUNCTION gatekeeper.check_decision_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    author_key text := (SELECT gatekeeper.subject_key(p.author) FROM gatekeeper.proposals p
                        WHERE p.id = NEW.proposal_id AND p.author_kind = 'person');
BEGIN
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.key_id = NEW.key_id AND NOT k.revoked
                   AND k.subject_kind = 'person' AND k.subject = NEW.decided_by AND 'review' = ANY (k.scopes)
                   AND k.project = NEW.project AND k.environment = NEW.environment) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'needs a person with the scope review in this environment');
    END IF;
    IF author_key = gatekeeper.subject_key(NEW.decided_by) THEN
        PERFORM gatekeeper.refuse('own-proposal', 'another person must decide about your proposal');
    END IF;
    IF EXISTS (SELECT FROM gatekeeper.link_makers(NEW.key_id) m WHERE gatekeeper.subject_key(m) = author_key) THEN
        PERFORM gatekeeper.refuse('author-made-link', 'the author of the proposal created the sign-in link of this session');
    END IF;
    NEW.form := 3;
    NEW.canonical := gatekeeper.canonical_decision(NEW);
    NEW.hash := gatekeeper.sha256_hex(NEW.canonical);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.check_decision_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NEW.verdict = 'approved' AND gatekeeper.is_served(NEW.project, NEW.environment, NEW.name, NEW.digest) THEN
        PERFORM gatekeeper.refuse('no-change', 'the document is already live');
    END IF;
    IF NEW.verdict = 'approved' AND EXISTS (
            SELECT FROM gatekeeper.rollout_states s WHERE s.state IN ('running', 'paused')
            AND (s.project, s.environment, s.name) = (NEW.project, NEW.environment, NEW.name)) THEN
        PERFORM gatekeeper.refuse('rollout-open', 'a rollout of this prompt has not ended');
    END IF;
    IF NEW.rollout_plan IS NOT NULL AND NEW.base_digest IS NULL THEN
        PERFORM gatekeeper.refuse('plan-needs-base', 'a first version has nothing to be compared with');
    END IF;
    RETURN NEW;
END $$;

-- Store a person's verdict about exactly this digest, and on the evaluation report `in_report` if that is given.
-- `in_plan`: the digest of the rollout plan that is approved with it; null: all traffic at once.
CREATE OR REPLACE FUNCTION gatekeeper.decide(
    api_key text, in_proposal uuid, in_verdict text, in_digest text, in_reason text, lifetime interval, policy text,
    in_report text DEFAULT NULL, in_plan text DEFAULT NULL
) RETURNS TABLE (decision_id uuid, revision integer, by text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'review');
    p gatekeeper.proposals;
    d gatekeeper.decisions;
    moment timestamptz;
BEGIN
    PERFORM gatekeeper.lock_project(principal.project);
    SELECT * INTO p FROM gatekeeper.proposals x WHERE x.id = in_proposal AND x.project = principal.project;
    IF p.id IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-proposal', 'there is no such proposal in this project');
    ELSIF p.environment <> principal.environment THEN
        PERFORM gatekeeper.refuse('other-environment', 'the proposal belongs to another environment than the key');
    ELSIF p.state = 'withdrawn' THEN
        PERFORM gatekeeper.refuse('withdrawn', 'the proposal was withdrawn');
    ELSIF p.state <> 'open' THEN
        PERFORM gatekeeper.refuse('already-decided', 'the proposal was already decided');
    ELSIF p.digest IS DISTINCT FROM in_digest THEN
        PERFORM gatekeeper.refuse('digest-mismatch', 'the decision names another digest than the proposal');
    END IF;
    moment := clock_timestamp();
    INSERT INTO gatekeeper.decisions (proposal_id, project, environment, name, verdict, digest, base_digest,
                                      rollout_plan, evaluation_digest, policy_version, decided_by, key_id, decided_at, expires_at,
                                      reason)
    VALUES (p.id, p.project, p.environment, p.name, in_verdict, p.digest, p.base_digest, in_plan,
            coalesce(in_report, gatekeeper.latest_evaluation(p.id)), policy, principal.subject, principal.key_id,
            moment, moment + lifetime, in_reason)
    RETURNING * INTO d;
    UPDATE gatekeeper.proposals x SET state = in_verdict, revision = p.revision + 1 WHERE x.id = p.id;
    PERFORM gatekeeper.append_audit(d.project, 'proposal.decided', d.decided_by, jsonb_build_object(
        'proposal_id', p.id, 'decision_id', d.id, 'decision_hash', d.hash, 'verdict', d.verdict,
        'environment', d.environment, 'name', d.name, 'base_digest', d.base_digest, 'digest', d.digest,
        'evaluation_digest', d.evaluation_digest, 'evidence_digest', d.evidence_digest, 'rollout_plan', d.rollout_plan,
        'key_id', d.key_id)
        || gatekeeper.save_reason(d.project, d.reason));
    RETURN QUERY SELECT d.id, p.revision + 1, d.decided_by;
END $$;

-- Refuse a decision that does not cover replacing `present` by `wanted`.
CREATE OR REPLACE FUNCTION gatekeeper.check_decision(wanted gatekeeper.live_history, present gatekeeper.live, halted boolean)
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    d gatekeeper.decisions;
BEGIN
    SELECT * INTO d FROM gatekeeper.decisions x WHERE x.id = wanted.decision_id;
    PERFORM gatekeeper.refuse(code, 'the decision does not cover this promotion') FROM (SELECT CASE
        WHEN d.id IS NULL THEN 'unknown-decision'
        WHEN d.hash <> gatekeeper.sha256_hex(gatekeeper.canonical_decision(d)) THEN 'altered'
        WHEN d.verdict <> 'approved' THEN 'not-approved'
        WHEN d.rollout_plan IS NOT NULL THEN 'other-plan'
        WHEN d.digest <> wanted.digest THEN 'digest-mismatch'
        WHEN (d.project, d.environment, d.name) <> (wanted.project, wanted.environment, wanted.name) THEN 'other-environment'
        WHEN EXISTS (SELECT FROM gatekeeper.live_history h WHERE h.decision_id = d.id) THEN 'already-used'
        WHEN clock_timestamp() >= d.expires_at THEN 'expired'
        WHEN halted THEN 'halted'
        WHEN present.digest IS NOT NULL AND d.base_digest IS DISTINCT FROM present.digest THEN 'base-changed'
        WHEN present.digest IS NULL AND d.base_digest IS NOT NULL AND NOT EXISTS (
            SELECT FROM gatekeeper.observed o WHERE (o.project, o.environment, o.name, o.digest)
            = (d.project, d.environment, d.name, d.base_digest)) THEN 'base-changed'
        END AS code) verdict WHERE code IS NOT NULL;
    RETURN d.base_digest;
END $$;
