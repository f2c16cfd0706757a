-- The kill switch of an environment or of the whole project.

CREATE OR REPLACE FUNCTION gatekeeper.add_loop_gate() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    INSERT INTO gatekeeper.loop_gates (project) VALUES (NEW.project) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.is_halted(in_project text, in_environment text) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT EXISTS (SELECT FROM gatekeeper.loops l
                   WHERE l.project = in_project AND l.environment IN ('*', in_environment) AND l.halted)
$$;

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

-- Writes the changes of the kill switch that no entry tells of yet. Returns whether there were any.
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

-- Asks again at the commit, with the switch held still: who halts waits for at most one commit, and no promotion
-- commits after a halt did. The row that `turn_loop` updates also ends a transaction whose snapshot is older.
CREATE OR REPLACE FUNCTION gatekeeper.not_halted_at_commit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM FROM gatekeeper.loop_gates g WHERE g.project = NEW.project FOR SHARE;
    IF NOT FOUND OR gatekeeper.is_halted(NEW.project, NEW.environment) THEN
        PERFORM gatekeeper.refuse('halted', 'the loop was halted meanwhile');
    END IF;
    RETURN NULL;
END $$;
