-- Evaluations of proposals on golden sets, and whether an approval needs one.

-- Return whether approvals about a target need a passed evaluation: 'required' or 'advisory'. An admin's choice counts;
-- by default it is required where a golden set has at least 30 independent cases.
CREATE OR REPLACE FUNCTION gatekeeper.target_evaluation_rule(in_project text, in_environment text, in_target text)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT coalesce(
        (SELECT nullif(r.rule, 'default') FROM gatekeeper.evaluation_rules r
         WHERE (r.project, r.environment, r.target) = (in_project, in_environment, in_target)
         ORDER BY r.revision DESC LIMIT 1),
        (SELECT 'required' FROM gatekeeper.datasets s
         WHERE (s.project, s.environment, s.target) = (in_project, in_environment, in_target) AND s.clusters >= 30
         LIMIT 1),
        'advisory')
$$;

-- Return the rule for a proposal: that of its target, or 'none' if it can't be evaluated: a first version, or an edit of
-- a base whose content is unknown. For a few-shot set an evaluation advises, unless an admin requires it.
CREATE OR REPLACE FUNCTION gatekeeper.evaluation_rule(p gatekeeper.proposals) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT CASE WHEN p.base_digest IS NULL OR p.content ->> 'rollback' IS NULL THEN 'none'
                WHEN p.kind = 'few_shot' AND 'required' IS DISTINCT FROM (
                    SELECT r.rule FROM gatekeeper.evaluation_rules r
                    WHERE (r.project, r.environment, r.target) = (p.project, p.environment, p.target)
                    ORDER BY r.revision DESC LIMIT 1) THEN 'advisory'
                ELSE gatekeeper.target_evaluation_rule(p.project, p.environment, p.target) END
$$;

-- Return the report digest of a proposal's latest evaluation, or null.
CREATE OR REPLACE FUNCTION gatekeeper.latest_evaluation(in_proposal uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT e.report_digest FROM gatekeeper.evaluations e
    WHERE e.proposal_id = in_proposal ORDER BY e.completed_at DESC, e.id DESC LIMIT 1
$$;

-- Refuse an approval that needs a passed evaluation of the last 24 hours, and has none.
CREATE OR REPLACE FUNCTION gatekeeper.check_evaluation(in_proposal uuid, in_report text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    e gatekeeper.evaluations;
BEGIN
    SELECT * INTO e FROM gatekeeper.evaluations x
    WHERE x.proposal_id = in_proposal AND x.report_digest = in_report ORDER BY x.completed_at DESC LIMIT 1;
    IF e.id IS NULL THEN
        PERFORM gatekeeper.refuse('evaluation-missing', 'an evaluation is required for this target, and none is completed');
    ELSIF e.verdict <> 'pass' THEN
        PERFORM gatekeeper.refuse('evaluation-not-passed', 'a passed evaluation is required; its verdict is ' || e.verdict);
    ELSIF e.completed_at < clock_timestamp() - interval '24 hours' THEN
        PERFORM gatekeeper.refuse('evaluation-stale', 'the evaluation is older than 24 hours: request another one');
    END IF;
END $$;

-- Return whether a grant must wait: an evaluation is required for the target of a proposal, and its latest one is none
-- that passed in the last 24 hours.
CREATE OR REPLACE FUNCTION gatekeeper.awaits_evaluation(p gatekeeper.proposals) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT gatekeeper.evaluation_rule(p) = 'required' AND NOT coalesce(
        (SELECT e.verdict = 'pass' AND e.completed_at >= clock_timestamp() - interval '24 hours'
         FROM gatekeeper.evaluations e WHERE e.proposal_id = p.id ORDER BY e.completed_at DESC, e.id DESC LIMIT 1),
        false)
$$;

-- Trigger: evaluation and evidence of a decision are those of its proposal, and an approval has the evaluation it needs.
CREATE OR REPLACE FUNCTION gatekeeper.bind_decision_evidence() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    p gatekeeper.proposals;
BEGIN
    SELECT * INTO p FROM gatekeeper.proposals x WHERE x.id = NEW.proposal_id;
    IF NEW.evaluation_digest IS DISTINCT FROM gatekeeper.latest_evaluation(NEW.proposal_id) THEN
        PERFORM gatekeeper.refuse('evaluation-changed',
                                  'the decision names another report than the latest evaluation of the proposal');
    END IF;
    NEW.evidence_digest := p.content ->> 'evidence_digest';
    NEW.evaluation_rule := gatekeeper.evaluation_rule(p);
    IF NEW.verdict = 'approved' AND NEW.evaluation_rule = 'required' THEN
        PERFORM gatekeeper.check_evaluation(NEW.proposal_id, NEW.evaluation_digest);
    END IF;
    RETURN NEW;
END $$;

-- Store that a version of a golden set was published; an older one than the stored changes nothing.
CREATE OR REPLACE FUNCTION gatekeeper.record_dataset(
    in_project text, in_environment text, in_target text, in_dataset text, in_version integer, in_digest text,
    in_cases integer, in_clusters integer
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    INSERT INTO gatekeeper.datasets (project, environment, target, name, version, digest, cases, clusters)
    VALUES (in_project, in_environment, in_target, in_dataset, in_version, in_digest, in_cases, in_clusters)
    ON CONFLICT (project, environment, target, name) DO UPDATE
    SET version = excluded.version, digest = excluded.digest, cases = excluded.cases, clusters = excluded.clusters
    WHERE datasets.version < excluded.version
$$;

-- Store the verdict of an evaluation, once. It must be about the proposal's document and the one that it replaces.
CREATE OR REPLACE FUNCTION gatekeeper.record_evaluation(
    in_id uuid, in_proposal uuid, in_project text, in_base text, in_digest text, in_report text, in_completed timestamptz,
    in_content jsonb
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    p gatekeeper.proposals;
BEGIN
    PERFORM gatekeeper.lock_project(in_project);
    SELECT * INTO p FROM gatekeeper.proposals x WHERE x.id = in_proposal AND x.project = in_project;
    IF p.id IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-proposal', 'there is no such proposal in this project');
    ELSIF (p.digest, p.base_digest) IS DISTINCT FROM (in_digest, in_base) THEN
        PERFORM gatekeeper.refuse('digest-mismatch', 'the evaluation is about other documents than the proposal');
    ELSIF EXISTS (SELECT FROM gatekeeper.evaluations e WHERE e.id = in_id) THEN
        RETURN;
    END IF;
    INSERT INTO gatekeeper.evaluations (id, proposal_id, project, report_digest, verdict, completed_at, content)
    VALUES (in_id, in_proposal, in_project, in_report, in_content ->> 'verdict', in_completed, in_content);
    PERFORM gatekeeper.append_audit(in_project, 'proposal.evaluated', 'evaluator', jsonb_build_object(
        'proposal_id', in_proposal, 'evaluation_id', in_id, 'report_digest', in_report,
        'verdict', in_content ->> 'verdict', 'dataset_digest', in_content ->> 'dataset_digest',
        'cases', in_content -> 'cases', 'environment', p.environment, 'name', p.name, 'digest', p.digest));
END $$;

-- Choose whether approvals about a target need a passed evaluation. Needs an admin. Return the revision.
CREATE OR REPLACE FUNCTION gatekeeper.set_evaluation_rule(api_key text, in_target text, in_rule text, in_reason text)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'admin');
    made integer;
BEGIN
    PERFORM gatekeeper.lock_project(principal.project);
    INSERT INTO gatekeeper.evaluation_rules (project, environment, target, revision, rule, set_by, key_id, reason)
    SELECT principal.project, principal.environment, in_target, coalesce(max(r.revision), 0) + 1, in_rule,
           principal.subject, principal.key_id, in_reason
    FROM gatekeeper.evaluation_rules r
    WHERE (r.project, r.environment, r.target) = (principal.project, principal.environment, in_target)
    RETURNING revision INTO made;
    PERFORM gatekeeper.append_audit(principal.project, 'evaluation-rule.set', principal.subject, jsonb_build_object(
        'environment', principal.environment, 'target', in_target, 'rule', in_rule, 'revision', made,
        'key_id', principal.key_id) || gatekeeper.save_reason(principal.project, in_reason));
    RETURN made;
END $$;
