-- One-time sign-in links and sessions.

-- Who made the links by which the session of a key came to be: that of its own link, of the maker's session, and so on.
-- Links of the database's owner have no maker.
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

-- `existing`: the subject had a key or a link before, so this link lets in as somebody who may be somebody else.
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

-- One's own link gives no more than the key that asks, and for no longer; another person's is for an admin to make.
CREATE OR REPLACE FUNCTION gatekeeper.make_link(raw text, in_subject text, in_scopes text[], token text,
                                                lifetime interval)
RETURNS TABLE (subject text, scopes text[], expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'read');
    granted text[] := in_scopes;
    meant text;
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    meant := gatekeeper.known_subject(who.project, in_subject);
    IF meant = who.subject THEN
        granted := ARRAY(SELECT unnest(in_scopes) INTERSECT SELECT unnest(who.scopes) ORDER BY 1);
    ELSE
        who := gatekeeper.person_of(raw, 'admin');
        PERFORM gatekeeper.check_scopes(who, granted, '{}');
        INSERT INTO gatekeeper.people (project, subject) VALUES (who.project, meant) ON CONFLICT DO NOTHING;
    END IF;
    RETURN QUERY SELECT meant, granted, gatekeeper.add_link(
        who.project, who.environment, meant, granted, token, lifetime, who.subject, who.key_id);
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
        PERFORM gatekeeper.refuse('unknown-link', 'this link was never made');
    END IF;
    PERFORM gatekeeper.lock_project(link.project);
    IF EXISTS (SELECT FROM gatekeeper.sessions s WHERE s.token_hash = link.token_hash) THEN
        PERFORM gatekeeper.refuse('link-used', 'a link lets in once');
    END IF;
    IF link.expires_at <= clock_timestamp() THEN
        PERFORM gatekeeper.refuse('link-expired', 'the link is past its time');
    END IF;
    SELECT * INTO maker FROM gatekeeper.api_keys k WHERE k.key_id = link.made_with;
    IF maker.revoked THEN
        PERFORM gatekeeper.refuse('link-void', 'the key that made this link was revoked since');
    END IF;
    IF link.made_by = link.subject THEN
        ends := least(ends, maker.expires_at);
    END IF;
    reads := ARRAY(SELECT unnest(link.scopes) INTERSECT SELECT unnest(ARRAY['read', 'operate']) ORDER BY 1);
    RETURN NEXT gatekeeper.add_key(ROW(acting_id, link.project, link.environment, link.subject, 'person',
                                       link.scopes)::gatekeeper.speaker, acting_hash, ends, link.subject);
    RETURN NEXT gatekeeper.add_key(ROW(reading_id, link.project, link.environment, link.subject, 'person',
                                       reads)::gatekeeper.speaker, reading_hash, ends, link.subject);
    INSERT INTO gatekeeper.sessions (acting, reading, token_hash) VALUES (acting_id, reading_id, link.token_hash);
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
