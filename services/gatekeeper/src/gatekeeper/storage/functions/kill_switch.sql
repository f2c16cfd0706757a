-- The kill switch of an environment or of the whole project.

CREATE OR REPLACE FUNCTION gatekeeper.add_kill_switch_lock() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    INSERT INTO gatekeeper.kill_switch_locks (project) VALUES (NEW.project) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.is_halted(in_project text, in_environment text) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT EXISTS (SELECT FROM gatekeeper.kill_switches l
                   WHERE l.project = in_project AND l.environment IN ('*', in_environment) AND l.halted)
$$;

-- Halt or resume. A key changes the switch of its environment; a key for all environments that of the project.
CREATE OR REPLACE FUNCTION gatekeeper.set_kill_switch(principal gatekeeper.principal, halt boolean, reason_text text)
RETURNS TABLE (project text, environment text, revision integer, by text, changed boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    now_revision integer;
    now_halted boolean;
BEGIN
    -- A client that dies before its commit holds the switch for at most 2 s.
    PERFORM set_config('idle_in_transaction_session_timeout', '2s', true);
    SELECT g.revision INTO now_revision FROM gatekeeper.kill_switch_locks g WHERE g.project = principal.project FOR UPDATE;
    IF now_revision IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-project', 'there is no such project');
    END IF;
    SELECT l.halted INTO now_halted FROM gatekeeper.kill_switches l
    WHERE l.project = principal.project AND l.environment = principal.environment;
    IF coalesce(now_halted, false) = halt THEN
        IF NOT halt AND gatekeeper.is_halted(principal.project, principal.environment) THEN
            PERFORM gatekeeper.refuse('project-halted', 'resume with a key for all environments of the project');
        END IF;
        RETURN QUERY SELECT principal.project, principal.environment, now_revision, principal.subject, false;
        RETURN;
    END IF;
    UPDATE gatekeeper.kill_switch_locks g SET revision = now_revision + 1 WHERE g.project = principal.project;
    INSERT INTO gatekeeper.kill_switch_changes (project, environment, revision, halted, by, key_id, reason)
    VALUES (principal.project, principal.environment, now_revision + 1, halt, principal.subject, principal.key_id, reason_text);
    RETURN QUERY SELECT principal.project, principal.environment, now_revision + 1, principal.subject, true;
END $$;

-- Halt promotions. Needs a person, or a service with the scope operate: keys inside apps and pages are neither.
CREATE OR REPLACE FUNCTION gatekeeper.halt(api_key text, reason_text text)
RETURNS TABLE (project text, environment text, revision integer, by text, changed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authenticate(api_key);
BEGIN
    IF principal.subject_kind <> 'person' AND NOT 'operate' = ANY (principal.scopes) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'needs the key of a person, or of a service with the scope operate');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.set_kill_switch(principal, true, reason_text);
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.resume(api_key text, reason_text text)
RETURNS TABLE (project text, environment text, revision integer, by text, changed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authenticate(api_key);
BEGIN
    IF principal.subject_kind <> 'person' OR NOT 'review' = ANY (principal.scopes) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'needs the key of a person with the scope review');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.set_kill_switch(principal, false, reason_text);
END $$;

-- Append audit entries for the changes of the kill switch that have none. Return whether there were any.
CREATE OR REPLACE FUNCTION gatekeeper.audit_kill_switch(in_project text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    c gatekeeper.kill_switch_changes;
    added boolean := false;
BEGIN
    IF NOT EXISTS (SELECT FROM gatekeeper.unaudited_kill_switch_changes u WHERE u.project = in_project) THEN
        RETURN false;
    END IF;
    PERFORM gatekeeper.lock_project(in_project);
    FOR c IN SELECT x.* FROM gatekeeper.kill_switch_changes x JOIN gatekeeper.unaudited_kill_switch_changes u USING (project, revision)
             WHERE x.project = in_project ORDER BY x.revision LOOP
        INSERT INTO gatekeeper.kill_switch_audits (project, revision, audit_seq)
        VALUES (c.project, c.revision, gatekeeper.append_entry(c.project,
            CASE WHEN c.halted THEN 'loop.halted' ELSE 'loop.resumed' END, c."by", jsonb_build_object(
                'key_id', c.key_id, 'revision', c.revision, 'environment', c.environment,
                'changed_at', gatekeeper.rfc3339(c.at)) || gatekeeper.save_reason(c.project, c.reason)));
        added := true;
    END LOOP;
    RETURN added;
END $$;

-- Asks again at the commit, with the switch held still: who halts waits for at most one commit, and no promotion
-- commits after a halt did. The row that `set_kill_switch` updates also ends a transaction whose snapshot is older.
CREATE OR REPLACE FUNCTION gatekeeper.check_not_halted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM FROM gatekeeper.kill_switch_locks g WHERE g.project = NEW.project FOR SHARE;
    IF NOT FOUND OR gatekeeper.is_halted(NEW.project, NEW.environment) THEN
        PERFORM gatekeeper.refuse('halted', 'promotions were halted meanwhile');
    END IF;
    RETURN NULL;
END $$;
