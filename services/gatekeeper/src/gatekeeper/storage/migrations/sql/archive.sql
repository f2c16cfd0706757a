-- A prompt that is no longer used is archived: it leaves the lists. What apps are served does not change by this, so it
-- needs no authorisation of a version. Whatever goes live under the name later brings it back.
CREATE TABLE gatekeeper.archived (
    project     text NOT NULL REFERENCES gatekeeper.projects,
    environment text NOT NULL,
    name        text NOT NULL,
    sequence    bigint NOT NULL,  -- of what was live then; 0 where nothing was
    by          text NOT NULL,
    key_id      text NOT NULL,
    reason      text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    audit_seq   bigint NOT NULL,
    PRIMARY KEY (project, environment, name, sequence),
    FOREIGN KEY (project, audit_seq) REFERENCES gatekeeper.audit (project, seq)
);
SELECT gatekeeper.freeze('gatekeeper.archived');

-- The first time counts; a repeat answers with it.
CREATE FUNCTION gatekeeper.archive_prompt(raw text, in_name text, in_reason text)
RETURNS TABLE (by text, at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
#variable_conflict use_column
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'review');
    now_live bigint;
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    now_live := coalesce((SELECT l.sequence FROM gatekeeper.live l WHERE (l.project, l.environment, l.name)
                          = (who.project, who.environment, in_name)), 0);
    IF now_live = 0 AND NOT EXISTS (SELECT FROM gatekeeper.observed o WHERE (o.project, o.environment, o.name)
                                    = (who.project, who.environment, in_name)) THEN
        PERFORM gatekeeper.refuse('unknown-prompt', 'no prompt of this name was seen here');
    END IF;
    IF NOT EXISTS (SELECT FROM gatekeeper.archived a WHERE (a.project, a.environment, a.name, a.sequence)
                   = (who.project, who.environment, in_name, now_live)) THEN
        INSERT INTO gatekeeper.archived (project, environment, name, sequence, by, key_id, reason, audit_seq)
        VALUES (who.project, who.environment, in_name, now_live, who.subject, who.key_id, in_reason,
                gatekeeper.append_audit(who.project, 'prompt.archived', who.subject, jsonb_build_object(
                    'key_id', who.key_id, 'environment', who.environment, 'name', in_name, 'sequence', now_live)
                    || gatekeeper.keep_reason(who.project, in_reason)));
    END IF;
    RETURN QUERY SELECT a.by, a.at FROM gatekeeper.archived a
                 WHERE (a.project, a.environment, a.name, a.sequence)
                 = (who.project, who.environment, in_name, now_live);
END $$;

REVOKE ALL ON gatekeeper.archived FROM PUBLIC;
GRANT SELECT ON gatekeeper.archived TO ratchet_gatekeeper;
REVOKE ALL ON FUNCTION gatekeeper.archive_prompt(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gatekeeper.archive_prompt(text, text, text) TO ratchet_gatekeeper;
