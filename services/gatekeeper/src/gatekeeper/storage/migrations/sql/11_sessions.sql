-- Signing in: a one-time link becomes a session, which is two short-lived keys of one person. New keys for services.

ALTER TABLE gatekeeper.api_keys ADD COLUMN IF NOT EXISTS expires_at timestamptz;
ALTER TABLE gatekeeper.api_keys
    ADD CONSTRAINT ck_api_keys_admin CHECK (subject_kind = 'person' OR NOT 'admin' = ANY (scopes));

CREATE OR REPLACE FUNCTION gatekeeper.speaker_of(raw text) RETURNS gatekeeper.speaker
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    part text[] := regexp_match(raw, '^rk_([^_]+)_(.+)$');
    found gatekeeper.speaker;
BEGIN
    SELECT k.key_id, k.project, k.environment, k.subject, k.subject_kind, k.scopes INTO found
    FROM gatekeeper.api_keys k
    WHERE k.key_id = part[1] AND NOT k.revoked AND coalesce(k.expires_at > clock_timestamp(), true)
    AND k.secret_hash = gatekeeper.sha256_hex(part[2]);
    IF found.key_id IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-key', 'the key is unknown, revoked or past its time');
    END IF;
    RETURN found;
END $$;

-- A link lets one person in, once. The token has 256 random bits, so its SHA-256 tells nothing. `made_with` is the key
-- that asked for it; null where the database's owner did.
CREATE TABLE gatekeeper.sign_in_links (
    token_hash  text PRIMARY KEY,
    project     text NOT NULL,
    environment text NOT NULL,
    subject     text NOT NULL,
    scopes      text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'tune', 'review', 'operate', 'admin']),
    made_by     text NOT NULL,
    made_with   text REFERENCES gatekeeper.api_keys,
    made_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL CHECK (expires_at <= made_at + interval '1 day'),
    FOREIGN KEY (project, subject) REFERENCES gatekeeper.people
);
SELECT gatekeeper.freeze('gatekeeper.sign_in_links');

-- `acting` may all that the link says, `reading` only what changes no prompt: it is the console's.
CREATE TABLE gatekeeper.sessions (
    acting     text PRIMARY KEY REFERENCES gatekeeper.api_keys,
    reading    text NOT NULL UNIQUE REFERENCES gatekeeper.api_keys,
    token_hash text NOT NULL UNIQUE REFERENCES gatekeeper.sign_in_links,
    opened_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT gatekeeper.freeze('gatekeeper.sessions');

CREATE FUNCTION gatekeeper.add_link(in_project text, in_environment text, in_subject text, in_scopes text[],
                                    token text, lifetime interval, by text, made_with text DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    ends timestamptz;
BEGIN
    INSERT INTO gatekeeper.sign_in_links (token_hash, project, environment, subject, scopes, made_by, made_with,
                                          expires_at)
    VALUES (gatekeeper.sha256_hex(token), in_project, in_environment, in_subject, in_scopes, by, made_with,
            clock_timestamp() + lifetime)
    RETURNING expires_at INTO ends;
    PERFORM gatekeeper.append_audit(in_project, 'link.made', by, jsonb_build_object(
        'subject', in_subject, 'environment', in_environment, 'scopes', array_to_string(in_scopes, ' ')));
    RETURN ends;
END $$;

-- One's own link gives no more than the key that asks, and for no longer; another person's is for an admin to make.
CREATE FUNCTION gatekeeper.make_link(raw text, in_subject text, in_scopes text[], token text, lifetime interval)
RETURNS TABLE (subject text, scopes text[], expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'read');
    granted text[] := in_scopes;
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    IF in_subject = who.subject THEN
        granted := ARRAY(SELECT unnest(in_scopes) INTERSECT SELECT unnest(who.scopes) ORDER BY 1);
    ELSE
        who := gatekeeper.person_of(raw, 'admin');
        INSERT INTO gatekeeper.people (project, subject) VALUES (who.project, in_subject) ON CONFLICT DO NOTHING;
    END IF;
    RETURN QUERY SELECT in_subject, granted, gatekeeper.add_link(
        who.project, who.environment, in_subject, granted, token, lifetime, who.subject, who.key_id);
END $$;

-- A new key, in the books and in the audit.
CREATE FUNCTION gatekeeper.add_key(who gatekeeper.speaker, hash text, ends timestamptz, by text)
RETURNS gatekeeper.api_keys
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    made gatekeeper.api_keys;
BEGIN
    INSERT INTO gatekeeper.api_keys (key_id, revision, secret_hash, subject, subject_kind, project, environment,
                                     scopes, revoked, expires_at)
    VALUES (who.key_id, 1, hash, who.subject, who.subject_kind, who.project, who.environment, who.scopes, false, ends)
    RETURNING * INTO made;
    PERFORM gatekeeper.append_audit(who.project, 'key.issued', by, jsonb_build_object(
        'key_id', who.key_id, 'environment', who.environment, 'subject', who.subject, 'of', who.subject_kind,
        'scopes', array_to_string(who.scopes, ' ')));
    RETURN made;
END $$;

CREATE FUNCTION gatekeeper.open_session(token text, acting_id text, acting_hash text, reading_id text,
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

-- Ends a key for good, with one key of a session the other, and with either the sessions that its own person opened by
-- a link of it.
CREATE FUNCTION gatekeeper.end_key(in_project text, in_key_id text, by text) RETURNS SETOF gatekeeper.api_keys
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
            'key_id', ended.key_id, 'environment', ended.environment, 'subject', ended.subject));
        RETURN NEXT ended;
    END LOOP;
END $$;

CREATE FUNCTION gatekeeper.close_session(raw text) RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.speaker_of(raw);
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.sessions s WHERE who.key_id IN (s.acting, s.reading)) THEN
        PERFORM gatekeeper.refuse('no-session', 'this key belongs to no session');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.end_key(who.project, who.key_id, who.subject);
END $$;

-- Services get keys from an admin; people come by links.
CREATE FUNCTION gatekeeper.issue_key(raw text, in_subject text, in_scopes text[], new_id text, hash text)
RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'admin');
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    RETURN NEXT gatekeeper.add_key(ROW(new_id, who.project, who.environment, in_subject, 'service',
                                       in_scopes)::gatekeeper.speaker, hash, NULL, who.subject);
END $$;

CREATE FUNCTION gatekeeper.revoke_key(raw text, in_key_id text) RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'admin');
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.project = who.project AND k.key_id = in_key_id) THEN
        PERFORM gatekeeper.refuse('unknown-key-id', 'no key here has this id');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.end_key(who.project, in_key_id, who.subject);
END $$;

REVOKE ALL ON gatekeeper.sign_in_links, gatekeeper.sessions FROM PUBLIC;
GRANT SELECT ON gatekeeper.sign_in_links, gatekeeper.sessions TO ratchet_gatekeeper;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA gatekeeper FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    gatekeeper.make_link(text, text, text[], text, interval),
    gatekeeper.open_session(text, text, text, text, text, interval),
    gatekeeper.close_session(text),
    gatekeeper.issue_key(text, text, text[], text, text),
    gatekeeper.revoke_key(text, text)
    TO ratchet_gatekeeper;
