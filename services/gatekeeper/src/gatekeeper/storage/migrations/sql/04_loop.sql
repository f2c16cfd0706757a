-- The kill switch: anybody's key stops the project, only a person who may review lets it go on.

CREATE TABLE gatekeeper.loop_changes (
    project  text NOT NULL REFERENCES gatekeeper.projects,
    revision integer NOT NULL CHECK (revision > 0),
    halted   boolean NOT NULL,
    by       text NOT NULL,
    key_id   text NOT NULL,
    reason   text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project, revision)
);
SELECT gatekeeper.freeze('gatekeeper.loop_changes');

CREATE FUNCTION gatekeeper.turn_loop(who gatekeeper.speaker, halt boolean, because text)
RETURNS TABLE (project text, environment text, revision integer, by text, changed boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    now_halted boolean;
    now_revision integer;
BEGIN
    SELECT p.halted, p.revision INTO now_halted, now_revision
    FROM gatekeeper.projects p WHERE p.project = who.project FOR NO KEY UPDATE;
    IF now_halted = halt THEN
        RETURN QUERY SELECT who.project, who.environment, now_revision, who.subject, false;
        RETURN;
    END IF;
    UPDATE gatekeeper.projects p SET halted = halt, revision = now_revision + 1 WHERE p.project = who.project;
    INSERT INTO gatekeeper.loop_changes (project, revision, halted, by, key_id, reason)
    VALUES (who.project, now_revision + 1, halt, who.subject, who.key_id, because);
    PERFORM gatekeeper.append_audit(who.project, CASE WHEN halt THEN 'loop.halted' ELSE 'loop.resumed' END,
        who.subject, jsonb_build_object('key_id', who.key_id, 'revision', now_revision + 1));
    RETURN QUERY SELECT who.project, who.environment, now_revision + 1, who.subject, true;
END $$;

CREATE FUNCTION gatekeeper.halt(raw text, because text)
RETURNS TABLE (project text, environment text, revision integer, by text, changed boolean)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT * FROM gatekeeper.turn_loop(gatekeeper.speaker_of(raw), true, because)
$$;

CREATE FUNCTION gatekeeper.resume(raw text, because text)
RETURNS TABLE (project text, environment text, revision integer, by text, changed boolean)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT * FROM gatekeeper.turn_loop(gatekeeper.person_of(raw, 'review'), false, because)
$$;
