-- Why people did what they did: the text is kept here, and each entry of the audit names it by its digest.

CREATE TABLE gatekeeper.reasons (
    project text NOT NULL,
    digest  text NOT NULL CONSTRAINT ck_reasons_digest CHECK (digest = 'sha256:' || gatekeeper.sha256_hex(content)),
    content text NOT NULL CHECK (length(content) BETWEEN 1 AND 2000),
    PRIMARY KEY (project, digest)
);
SELECT gatekeeper.freeze('gatekeeper.reasons');

-- Keeps a reason; the part of an audit entry that names it. Null where no reason was given.
CREATE FUNCTION gatekeeper.keep_reason(in_project text, because text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    named text := 'sha256:' || gatekeeper.sha256_hex(nullif(because, ''));
BEGIN
    IF named IS NOT NULL THEN
        INSERT INTO gatekeeper.reasons (project, digest, content) VALUES (in_project, named, because)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN jsonb_build_object('reason_digest', named);
END $$;

-- From form 2 on, a decision binds its reason.
ALTER TABLE gatekeeper.decisions ADD COLUMN form smallint NOT NULL DEFAULT 1;
CREATE OR REPLACE FUNCTION gatekeeper.canonical_decision(d gatekeeper.decisions) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT gatekeeper.canonical(jsonb_build_object(
        'schema', 'ratchet.decision/' || d.form, 'id', d.id, 'proposal_id', d.proposal_id, 'project', d.project,
        'environment', d.environment, 'name', d.name, 'verdict', d.verdict, 'digest', d.digest,
        'base_digest', d.base_digest, 'rollout_plan', d.rollout_plan, 'evaluation_digest', d.evaluation_digest,
        'policy_version', d.policy_version, 'by', d.decided_by, 'decided_at', gatekeeper.rfc3339(d.decided_at),
        'expires_at', gatekeeper.rfc3339(d.expires_at), 'uses', 1)
        || CASE WHEN d.form = 1 THEN '{}' ELSE jsonb_build_object(
            'reason_digest', 'sha256:' || gatekeeper.sha256_hex(nullif(d.reason, ''))) END)
$$;

CREATE OR REPLACE FUNCTION gatekeeper.decide(
    raw text, in_proposal uuid, in_verdict text, in_digest text, in_reason text, lifetime interval, policy text
) RETURNS TABLE (decision_id uuid, revision integer, by text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'review');
    p gatekeeper.proposals;
    d gatekeeper.decisions;
    moment timestamptz;
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    SELECT * INTO p FROM gatekeeper.proposals x WHERE x.id = in_proposal AND x.project = who.project;
    IF p.id IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-proposal', 'there is no such proposal in this project');
    ELSIF p.environment <> who.environment THEN
        PERFORM gatekeeper.refuse('other-environment', 'the proposal belongs to another environment than the key');
    ELSIF p.state = 'withdrawn' THEN
        PERFORM gatekeeper.refuse('withdrawn', 'the proposal no longer stands');
    ELSIF p.state <> 'open' THEN
        PERFORM gatekeeper.refuse('already-decided', 'the proposal was decided before');
    ELSIF p.digest IS DISTINCT FROM in_digest THEN
        PERFORM gatekeeper.refuse('digest-mismatch', 'the decision is about another content than the proposal');
    END IF;
    moment := clock_timestamp();
    INSERT INTO gatekeeper.decisions (proposal_id, project, environment, name, verdict, digest, base_digest,
                                      policy_version, decided_by, key_id, decided_at, expires_at, reason)
    VALUES (p.id, p.project, p.environment, p.name, in_verdict, p.digest, p.base_digest,
            policy, who.subject, who.key_id, moment, moment + lifetime, in_reason)
    RETURNING * INTO d;
    UPDATE gatekeeper.proposals x SET state = in_verdict, revision = p.revision + 1 WHERE x.id = p.id;
    PERFORM gatekeeper.append_audit(d.project, 'proposal.decided', d.decided_by, jsonb_build_object(
        'proposal_id', p.id, 'decision_id', d.id, 'decision_hash', d.hash, 'verdict', d.verdict,
        'environment', d.environment, 'name', d.name, 'base_digest', d.base_digest, 'digest', d.digest,
        'key_id', d.key_id) || gatekeeper.keep_reason(d.project, d.reason));
    RETURN QUERY SELECT d.id, p.revision + 1, d.decided_by;
END $$;

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

CREATE OR REPLACE FUNCTION gatekeeper.take_back(who gatekeeper.speaker, in_digest text, in_reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    INSERT INTO gatekeeper.example_revocations (project, environment, digest, by, reason)
    VALUES (who.project, who.environment, in_digest, who.subject, in_reason)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM gatekeeper.append_audit(who.project, 'example.revoked', who.subject, jsonb_build_object(
            'example', in_digest, 'environment', who.environment, 'key_id', who.key_id)
            || gatekeeper.keep_reason(who.project, in_reason));
    END IF;
END $$;

ALTER TABLE gatekeeper.grant_revocations ADD COLUMN reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 2000);

DROP FUNCTION gatekeeper.revoke_grant(text, uuid);
-- Ends a grant and revokes every example that came in by it.
CREATE FUNCTION gatekeeper.revoke_grant(raw text, in_grant uuid, in_reason text) RETURNS void
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
    INSERT INTO gatekeeper.grant_revocations (grant_id, by, reason) VALUES (g.id, who.subject, in_reason)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM gatekeeper.append_audit(g.project, 'grant.revoked', who.subject, jsonb_build_object(
            'grant_id', g.id, 'environment', g.environment, 'key_id', who.key_id)
            || gatekeeper.keep_reason(g.project, in_reason));
    END IF;
    PERFORM gatekeeper.take_back(who, brought.digest, coalesce(nullif(in_reason, ''), 'grant ' || g.id || ' revoked'))
    FROM (
        SELECT DISTINCT e.digest
        FROM gatekeeper.grant_uses u, gatekeeper.slots_of(u.project, u.digest) s,
             gatekeeper.examples_of(u.project, s.set_digest) e
        WHERE u.grant_id = g.id AND s.slot = g.slot AND NOT EXISTS (
            SELECT FROM gatekeeper.slots_of(u.project, u.base_digest) b, gatekeeper.examples_of(u.project, b.set_digest) x
            WHERE b.slot = g.slot AND x.digest = e.digest)) brought;
END $$;

DROP FUNCTION gatekeeper.end_key(text, text, text);
-- Ends a key for good, with one key of a session the other, and with either the sessions that its own person opened by
-- a link of it.
CREATE FUNCTION gatekeeper.end_key(in_project text, in_key_id text, by text, because text)
RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    ended gatekeeper.api_keys;
BEGIN
    FOR ended IN
        UPDATE gatekeeper.api_keys k SET revoked = true, revision = k.revision + 1, changed_at = now()
        WHERE k.project = in_project AND NOT k.revoked AND k.key_id IN (
            WITH RECURSIVE ending (id) AS (
                SELECT in_key_id
                UNION
                SELECT unnest(ARRAY[s.acting, s.reading])
                FROM ending e, gatekeeper.sessions s JOIN gatekeeper.sign_in_links l USING (token_hash)
                WHERE e.id IN (s.acting, s.reading) OR (e.id = l.made_with AND l.made_by = l.subject))
            SELECT id FROM ending)
        RETURNING *
    LOOP
        PERFORM gatekeeper.append_audit(in_project, 'key.revoked', by, jsonb_build_object(
            'key_id', ended.key_id, 'environment', ended.environment, 'subject', ended.subject)
            || gatekeeper.keep_reason(in_project, because));
        RETURN NEXT ended;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.close_session(raw text) RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.speaker_of(raw);
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.sessions s WHERE who.key_id IN (s.acting, s.reading)) THEN
        PERFORM gatekeeper.refuse('no-session', 'this key belongs to no session');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.end_key(who.project, who.key_id, who.subject, '');
END $$;

DROP FUNCTION gatekeeper.revoke_key(text, text);
CREATE FUNCTION gatekeeper.revoke_key(raw text, in_key_id text, in_reason text) RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'admin');
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.project = who.project
                   AND k.environment = who.environment AND k.key_id = in_key_id) THEN
        PERFORM gatekeeper.refuse('unknown-key-id', 'no key of this environment has this id');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.end_key(who.project, in_key_id, who.subject, in_reason);
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.audit_loop(in_project text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    c gatekeeper.loop_changes;
    added boolean := false;
BEGIN
    IF NOT EXISTS (SELECT FROM gatekeeper.unaudited_loops u WHERE u.project = in_project) THEN
        RETURN false;
    END IF;
    PERFORM gatekeeper.lock_project(in_project);
    FOR c IN SELECT x.* FROM gatekeeper.loop_changes x JOIN gatekeeper.unaudited_loops u USING (project, revision)
             WHERE x.project = in_project ORDER BY x.revision LOOP
        INSERT INTO gatekeeper.loop_audits (project, revision, audit_seq)
        VALUES (c.project, c.revision, gatekeeper.append_entry(c.project,
            CASE WHEN c.halted THEN 'loop.halted' ELSE 'loop.resumed' END, c."by", jsonb_build_object(
                'key_id', c.key_id, 'revision', c.revision, 'environment', c.environment,
                'changed_at', gatekeeper.rfc3339(c.at)) || gatekeeper.keep_reason(c.project, c.reason)));
        added := true;
    END LOOP;
    RETURN added;
END $$;

REVOKE ALL ON gatekeeper.reasons FROM PUBLIC;
GRANT SELECT ON gatekeeper.reasons TO ratchet_gatekeeper;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA gatekeeper FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    gatekeeper.revoke_grant(text, uuid, text),
    gatekeeper.revoke_key(text, text, text)
    TO ratchet_gatekeeper;
