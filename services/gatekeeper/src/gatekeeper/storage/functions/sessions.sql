-- One-time sign-in links and sessions.

-- Return who created the sign-in link of a key's session, the link of that person's session, and so on. Links that the
-- owner of the database created are left out.
CREATE OR REPLACE FUNCTION gatekeeper.link_makers(in_key text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    WITH RECURSIVE chain (made_with, made_by) AS (
        SELECT l.made_with, l.made_by
        FROM gatekeeper.sessions s JOIN gatekeeper.sign_in_links l USING (token_hash)
        WHERE in_key IN (s.acting, s.reading)
        UNION
        SELECT l.made_with, l.made_by
        FROM chain c JOIN gatekeeper.sessions s ON c.made_with IN (s.acting, s.reading)
        JOIN gatekeeper.sign_in_links l USING (token_hash))
    SELECT made_by FROM chain WHERE made_with IS NOT NULL
$$;

-- Insert a link. `existing` in the audit: the subject had a key or a link before.
CREATE OR REPLACE FUNCTION gatekeeper.add_link(in_project text, in_environment text, in_subject text, in_scopes text[],
                                    token text, lifetime interval, by text, made_with text DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    ends timestamptz;
    was_there boolean := EXISTS (SELECT FROM gatekeeper.api_keys k
                                 WHERE k.project = in_project AND k.person = in_subject)
                      OR EXISTS (SELECT FROM gatekeeper.sign_in_links l
                                 WHERE l.project = in_project AND l.subject = in_subject);
BEGIN
    INSERT INTO gatekeeper.sign_in_links (token_hash, project, environment, subject, scopes, made_by, made_with,
                                          expires_at)
    VALUES (gatekeeper.sha256_hex(token), in_project, in_environment, in_subject, in_scopes, by, made_with,
            clock_timestamp() + lifetime)
    RETURNING expires_at INTO ends;
    PERFORM gatekeeper.append_audit(in_project, 'link.made', by, jsonb_build_object(
        'subject', in_subject, 'environment', in_environment, 'scopes', array_to_string(in_scopes, ' '),
        'existing', was_there));
    RETURN ends;
END $$;

-- Create a link. One's own has at most the scopes and the lifetime of the key; another person's needs an admin.
CREATE OR REPLACE FUNCTION gatekeeper.make_link(api_key text, in_subject text, in_scopes text[], token text,
                                                lifetime interval)
RETURNS TABLE (subject text, scopes text[], expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'read');
    granted text[] := in_scopes;
    named text;
BEGIN
    PERFORM gatekeeper.lock_project(principal.project);
    named := gatekeeper.existing_subject(principal.project, in_subject);
    IF named = principal.subject THEN
        granted := ARRAY(SELECT unnest(in_scopes) INTERSECT SELECT unnest(principal.scopes) ORDER BY 1);
    ELSE
        principal := gatekeeper.authorise_person(api_key, 'admin');
        PERFORM gatekeeper.check_scopes(principal, granted, '{}');
        INSERT INTO gatekeeper.people (project, subject) VALUES (principal.project, named) ON CONFLICT DO NOTHING;
    END IF;
    RETURN QUERY SELECT named, granted, gatekeeper.add_link(
        principal.project, principal.environment, named, granted, token, lifetime, principal.subject, principal.key_id);
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.open_session(token text, acting_id text, acting_hash text, reading_id text,
                                        reading_hash text, lifetime interval)
RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    link gatekeeper.sign_in_links;
    maker gatekeeper.api_keys;
    ends timestamptz := clock_timestamp() + least(lifetime, interval '7 days');
    reads text[];
BEGIN
    SELECT * INTO link FROM gatekeeper.sign_in_links l WHERE l.token_hash = gatekeeper.sha256_hex(token);
    IF link.token_hash IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-link', 'there is no such link');
    END IF;
    PERFORM gatekeeper.lock_project(link.project);
    IF EXISTS (SELECT FROM gatekeeper.sessions s WHERE s.token_hash = link.token_hash) THEN
        PERFORM gatekeeper.refuse('link-used', 'a link works once');
    END IF;
    IF link.expires_at <= clock_timestamp() THEN
        PERFORM gatekeeper.refuse('link-expired', 'the link has expired');
    END IF;
    SELECT * INTO maker FROM gatekeeper.api_keys k WHERE k.key_id = link.made_with;
    IF maker.revoked THEN
        PERFORM gatekeeper.refuse('link-void', 'the key that created this link was revoked');
    END IF;
    IF link.made_by = link.subject THEN
        ends := least(ends, maker.expires_at);
    END IF;
    reads := ARRAY(SELECT unnest(link.scopes) INTERSECT SELECT unnest(ARRAY['read', 'operate']) ORDER BY 1);
    RETURN NEXT gatekeeper.add_key(ROW(acting_id, link.project, link.environment, link.subject, 'person',
                                       link.scopes)::gatekeeper.principal, acting_hash, ends, link.subject, '{}');
    RETURN NEXT gatekeeper.add_key(ROW(reading_id, link.project, link.environment, link.subject, 'person',
                                       reads)::gatekeeper.principal, reading_hash, ends, link.subject, '{}');
    INSERT INTO gatekeeper.sessions (acting, reading, token_hash) VALUES (acting_id, reading_id, link.token_hash);
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.close_session(api_key text) RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authenticate(api_key);
BEGIN
    PERFORM gatekeeper.lock_project(principal.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.sessions s WHERE principal.key_id IN (s.acting, s.reading)) THEN
        PERFORM gatekeeper.refuse('no-session', 'this key belongs to no session');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.revoke_keys(principal.project, principal.key_id, principal.subject, '');
END $$;
