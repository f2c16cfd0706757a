-- The kill switch of one environment, or of the whole project ('*'). A change of it waits for no promotion: it locks one
-- row, `loop_gates`, that a promotion locks only while it commits. See docs/decisions/0010.

ALTER TABLE gatekeeper.loop_changes ADD COLUMN environment text NOT NULL DEFAULT '*';
ALTER TABLE gatekeeper.loop_changes ALTER COLUMN environment DROP DEFAULT;
-- A foreign key to the project's row would wait for whoever holds that row.
ALTER TABLE gatekeeper.loop_changes DROP CONSTRAINT loop_changes_project_fkey;
CREATE INDEX ix_loop_changes_latest ON gatekeeper.loop_changes (project, environment, revision DESC);

CREATE TABLE gatekeeper.loop_gates (
    project  text PRIMARY KEY,
    revision integer NOT NULL DEFAULT 0
);

CREATE FUNCTION gatekeeper.add_loop_gate() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    INSERT INTO gatekeeper.loop_gates (project) VALUES (NEW.project) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER add_loop_gate AFTER INSERT ON gatekeeper.projects
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.add_loop_gate();

-- A project that is halted now stays halted: in each environment, where its reviewers can resume.
INSERT INTO gatekeeper.loop_changes (project, environment, revision, halted, by, key_id, reason)
SELECT c.project, e.environment,
       c.revision + row_number() OVER (PARTITION BY c.project ORDER BY e.environment = '*', e.environment),
       e.environment <> '*', c.by, c.key_id, c.reason
FROM gatekeeper.projects p JOIN gatekeeper.loop_changes c USING (project, revision),
     LATERAL (SELECT DISTINCT k.environment FROM gatekeeper.api_keys k WHERE k.project = p.project
              UNION SELECT '*') e
WHERE p.halted;
INSERT INTO gatekeeper.loop_gates (project, revision)
SELECT p.project, coalesce((SELECT max(c.revision) FROM gatekeeper.loop_changes c WHERE c.project = p.project), 0)
FROM gatekeeper.projects p;
ALTER TABLE gatekeeper.projects DROP COLUMN halted, DROP COLUMN revision;

-- The present state of each switch that was ever changed.
CREATE VIEW gatekeeper.loops AS
    SELECT DISTINCT ON (project, environment) *
    FROM gatekeeper.loop_changes
    ORDER BY project, environment, revision DESC;

CREATE FUNCTION gatekeeper.is_halted(in_project text, in_environment text) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT EXISTS (SELECT FROM gatekeeper.loops l
                   WHERE l.project = in_project AND l.environment IN ('*', in_environment) AND l.halted)
$$;

-- Which entry of the audit tells of a change. It is written later than the change, which waits for no chain.
CREATE TABLE gatekeeper.loop_audits (
    project   text NOT NULL,
    revision  integer NOT NULL,
    audit_seq bigint NOT NULL,
    PRIMARY KEY (project, revision),
    FOREIGN KEY (project, revision) REFERENCES gatekeeper.loop_changes,
    FOREIGN KEY (project, audit_seq) REFERENCES gatekeeper.audit (project, seq)
);
SELECT gatekeeper.freeze('gatekeeper.loop_audits');
INSERT INTO gatekeeper.loop_audits (project, revision, audit_seq)
SELECT a.project, (a.entry::jsonb ->> 'revision')::integer, a.seq
FROM gatekeeper.audit a WHERE a.kind IN ('loop.halted', 'loop.resumed');

-- Changes that no entry tells of yet. Revisions go up in the order of commits, so they are the last ones.
CREATE VIEW gatekeeper.unaudited_loops AS
    SELECT c.* FROM gatekeeper.loop_changes c
    WHERE c.revision > coalesce((SELECT max(a.revision) FROM gatekeeper.loop_audits a WHERE a.project = c.project), 0);

DROP FUNCTION gatekeeper.lock_project(text);
CREATE FUNCTION gatekeeper.lock_project(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM FROM gatekeeper.projects p WHERE p.project = name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM gatekeeper.refuse('unknown-project', 'the project was never set up');
    END IF;
END $$;

-- Appends one entry; the caller holds the project's lock.
CREATE FUNCTION gatekeeper.append_entry(in_project text, kind text, by text, facts jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    head gatekeeper.audit_heads;
    next_seq bigint;
    content text;
BEGIN
    SELECT * INTO head FROM gatekeeper.audit_heads h WHERE h.project = in_project;
    next_seq := coalesce(head.seq, 0) + 1;
    content := gatekeeper.canonical(facts || jsonb_build_object(
        'schema', 'ratchet.audit/1', 'project', in_project, 'seq', next_seq, 'kind', kind, 'by', by,
        'at', gatekeeper.rfc3339(clock_timestamp()), 'previous', coalesce(head.hash, repeat('0', 64))));
    INSERT INTO gatekeeper.audit (project, seq, kind, entry, previous, hash)
    VALUES (in_project, next_seq, kind, content, coalesce(head.hash, repeat('0', 64)), gatekeeper.sha256_hex(content));
    INSERT INTO gatekeeper.audit_heads (project, seq, hash)
    VALUES (in_project, next_seq, gatekeeper.sha256_hex(content))
    ON CONFLICT (project) DO UPDATE SET seq = excluded.seq, hash = excluded.hash;
    RETURN next_seq;
END $$;

-- Writes the changes of the kill switch that no entry tells of yet. Returns whether there were any.
CREATE FUNCTION gatekeeper.audit_loop(in_project text) RETURNS boolean
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
                'changed_at', gatekeeper.rfc3339(c.at),
                'reason_digest', 'sha256:' || gatekeeper.sha256_hex(c.reason))));
        added := true;
    END LOOP;
    RETURN added;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.append_audit(in_project text, kind text, by text, facts jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM gatekeeper.lock_project(in_project);
    PERFORM gatekeeper.audit_loop(in_project);
    RETURN gatekeeper.append_entry(in_project, kind, by, facts);
END $$;

-- A key changes the switch of its own environment; a key for all environments that of the project.
CREATE OR REPLACE FUNCTION gatekeeper.turn_loop(who gatekeeper.speaker, halt boolean, because text)
RETURNS TABLE (project text, environment text, revision integer, by text, changed boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    now_revision integer;
    now_halted boolean;
BEGIN
    -- Whoever dies between this call and its commit holds the switch no longer than that.
    PERFORM set_config('idle_in_transaction_session_timeout', '2s', true);
    SELECT g.revision INTO now_revision FROM gatekeeper.loop_gates g WHERE g.project = who.project FOR UPDATE;
    IF now_revision IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-project', 'the project was never set up');
    END IF;
    SELECT l.halted INTO now_halted FROM gatekeeper.loops l
    WHERE l.project = who.project AND l.environment = who.environment;
    IF coalesce(now_halted, false) = halt THEN
        IF NOT halt AND gatekeeper.is_halted(who.project, who.environment) THEN
            PERFORM gatekeeper.refuse('project-halted', 'resume with a key for all environments of the project');
        END IF;
        RETURN QUERY SELECT who.project, who.environment, now_revision, who.subject, false;
        RETURN;
    END IF;
    UPDATE gatekeeper.loop_gates g SET revision = now_revision + 1 WHERE g.project = who.project;
    INSERT INTO gatekeeper.loop_changes (project, environment, revision, halted, by, key_id, reason)
    VALUES (who.project, who.environment, now_revision + 1, halt, who.subject, who.key_id, because);
    RETURN QUERY SELECT who.project, who.environment, now_revision + 1, who.subject, true;
END $$;

-- Stopping needs no permission, but a person, or a service that operates: a key inside an app or a page has neither.
CREATE OR REPLACE FUNCTION gatekeeper.halt(raw text, because text)
RETURNS TABLE (project text, environment text, revision integer, by text, changed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.speaker_of(raw);
BEGIN
    IF who.subject_kind <> 'person' AND NOT 'operate' = ANY (who.scopes) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'needs the key of a person, or of a service with the scope operate');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.turn_loop(who, true, because);
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.resume(raw text, because text)
RETURNS TABLE (project text, environment text, revision integer, by text, changed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.speaker_of(raw);
BEGIN
    IF who.subject_kind <> 'person' OR NOT 'review' = ANY (who.scopes) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'needs the key of a person with the scope review');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.turn_loop(who, false, because);
END $$;

-- A key for all environments changes the kill switch and reads; nothing of any environment is decided by it.
ALTER TABLE gatekeeper.api_keys ADD CONSTRAINT ck_api_keys_all_environments
    CHECK (environment <> '*' OR scopes <@ ARRAY['read', 'operate', 'review']);

CREATE OR REPLACE FUNCTION gatekeeper.person_of(raw text, scope text) RETURNS gatekeeper.speaker
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    found gatekeeper.speaker := gatekeeper.speaker_of(raw);
BEGIN
    IF found.subject_kind <> 'person' OR NOT scope = ANY (found.scopes) THEN
        PERFORM gatekeeper.refuse('not-allowed', format('needs the key of a person with the scope %s', scope));
    ELSIF found.environment = '*' AND scope <> 'read' THEN
        PERFORM gatekeeper.refuse('not-allowed', 'a key for all environments only halts and resumes');
    END IF;
    RETURN found;
END $$;

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
        PERFORM gatekeeper.refuse('sequence', 'sequences go up by one');
    END IF;
    PERFORM gatekeeper.refuse(gap, 'this version can''t be served')
    FROM gatekeeper.serving_gap(NEW.project, NEW.environment, NEW.digest) gap WHERE gap IS NOT NULL;
    NEW.base_digest := CASE
        WHEN NEW.decision_id IS NOT NULL THEN gatekeeper.check_decision(NEW, present, halted)
        WHEN NEW.grant_use_id IS NOT NULL THEN gatekeeper.check_grant_use(NEW, present, halted)
        ELSE gatekeeper.check_rollback(NEW, present) END;
    RETURN NEW;
END $$;

-- Asks again at the commit, with the switch held still: who halts waits for at most one commit, and no promotion
-- commits after a halt did. The row that `turn_loop` updates also ends a transaction whose snapshot is older.
CREATE FUNCTION gatekeeper.not_halted_at_commit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM FROM gatekeeper.loop_gates g WHERE g.project = NEW.project FOR SHARE;
    IF NOT FOUND OR gatekeeper.is_halted(NEW.project, NEW.environment) THEN
        PERFORM gatekeeper.refuse('halted', 'the loop was halted meanwhile');
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER not_halted_at_commit AFTER INSERT ON gatekeeper.live_history
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.rollback_id IS NULL)
    EXECUTE FUNCTION gatekeeper.not_halted_at_commit();

CREATE OR REPLACE FUNCTION gatekeeper.use_grant(in_proposal uuid)
RETURNS TABLE (grant_id uuid, given_by text, revision integer, sequence bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    p gatekeeper.proposals;
    g gatekeeper.grants;
    u gatekeeper.grant_uses;
    number_now integer;
    went bigint;
BEGIN
    SELECT * INTO p FROM gatekeeper.proposals x WHERE x.id = in_proposal;
    IF p.id IS NULL THEN
        RETURN;
    END IF;
    PERFORM gatekeeper.lock_project(p.project);
    SELECT * INTO p FROM gatekeeper.proposals x WHERE x.id = in_proposal;
    IF gatekeeper.is_halted(p.project, p.environment)
       OR gatekeeper.serving_gap(p.project, p.environment, p.digest) IS NOT NULL OR gatekeeper.needs_person(p)
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

REVOKE ALL ON gatekeeper.loop_gates, gatekeeper.loops, gatekeeper.loop_audits, gatekeeper.unaudited_loops FROM PUBLIC;
GRANT SELECT ON gatekeeper.loop_gates, gatekeeper.loops, gatekeeper.loop_audits, gatekeeper.unaudited_loops
    TO ratchet_gatekeeper;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA gatekeeper FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gatekeeper.audit_loop(text), gatekeeper.kept_examples(text, text, text)
    TO ratchet_gatekeeper;
