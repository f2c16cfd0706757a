-- Projects, and API keys and whom they belong to.

-- Whatever changes a project's state takes this lock first: one order for all, so nobody waits in a circle.
-- Returns whether the project is halted.
CREATE OR REPLACE FUNCTION gatekeeper.lock_project(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM FROM gatekeeper.projects p WHERE p.project = name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM gatekeeper.refuse('unknown-project', 'the project was never set up');
    END IF;
END $$;

-- Whose key this is: `rk_<key_id>_<secret>`. The secret has 256 random bits, so its SHA-256 tells nothing.
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

-- The person that a key belongs to, if it has the scope.
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

-- An admin hands out no more than the own key holds; what apps send with is nobody's own.
CREATE OR REPLACE FUNCTION gatekeeper.check_scopes(who gatekeeper.speaker, wanted text[], free text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NOT coalesce(wanted <@ (who.scopes || free), false) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'a key gives no scope that it does not have');
    END IF;
END $$;

-- A new key, in the books and in the audit.
CREATE OR REPLACE FUNCTION gatekeeper.add_key(who gatekeeper.speaker, hash text, ends timestamptz, by text)
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

-- Services get keys from an admin; people come by links.
CREATE OR REPLACE FUNCTION gatekeeper.issue_key(raw text, in_subject text, in_scopes text[], new_id text, hash text)
RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'admin');
    named text := gatekeeper.clean_subject(in_subject);
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    PERFORM gatekeeper.check_service(who.project, named);
    PERFORM gatekeeper.check_scopes(who, in_scopes, ARRAY['ingest', 'browser-ingest']);
    IF NOT in_scopes <@ ARRAY['ingest', 'browser-ingest', 'read', 'operate'] THEN
        PERFORM gatekeeper.refuse('not-allowed', 'a service gets no scope of a person');
    END IF;
    RETURN NEXT gatekeeper.add_key(ROW(new_id, who.project, who.environment, named, 'service',
                                       in_scopes)::gatekeeper.speaker, hash, NULL, who.subject);
END $$;

-- Ends a key for good, with one key of a session the other, and with either the sessions that its own person opened by
-- a link of it.
CREATE OR REPLACE FUNCTION gatekeeper.end_key(in_project text, in_key_id text, by text, because text)
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

CREATE OR REPLACE FUNCTION gatekeeper.revoke_key(raw text, in_key_id text, in_reason text) RETURNS SETOF gatekeeper.api_keys
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
