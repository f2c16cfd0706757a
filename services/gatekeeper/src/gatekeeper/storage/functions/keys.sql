-- Projects and API keys.

-- Lock a project. Every change of its state takes this lock first, so that there are no deadlocks.
CREATE OR REPLACE FUNCTION gatekeeper.lock_project(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM FROM gatekeeper.projects p WHERE p.project = name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM gatekeeper.refuse('unknown-project', 'there is no such project');
    END IF;
END $$;

-- Return the principal of a valid key `rk_<key_id>_<secret>`. The secret has 256 random bits, so SHA-256 is enough.
CREATE OR REPLACE FUNCTION gatekeeper.authenticate(api_key text) RETURNS gatekeeper.principal
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    part text[] := regexp_match(api_key, '^rk_([^_]+)_(.+)$');
    found gatekeeper.principal;
BEGIN
    SELECT k.key_id, k.project, k.environment, k.subject, k.subject_kind, k.scopes INTO found
    FROM gatekeeper.api_keys k
    WHERE k.key_id = part[1] AND NOT k.revoked AND coalesce(k.expires_at > clock_timestamp(), true)
    AND k.secret_hash = gatekeeper.sha256_hex(part[2]);
    IF found.key_id IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-key', 'the key is unknown, revoked or expired');
    END IF;
    RETURN found;
END $$;

-- Return the person that a key belongs to. Refuse keys of services, and keys without the scope.
CREATE OR REPLACE FUNCTION gatekeeper.authorise_person(api_key text, scope text) RETURNS gatekeeper.principal
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    found gatekeeper.principal := gatekeeper.authenticate(api_key);
BEGIN
    IF found.subject_kind <> 'person' OR NOT scope = ANY (found.scopes) THEN
        PERFORM gatekeeper.refuse('not-allowed', format('needs the key of a person with the scope %s', scope));
    ELSIF found.environment = '*' AND scope <> 'read' THEN
        PERFORM gatekeeper.refuse('not-allowed', 'a key for all environments can only halt and resume');
    END IF;
    RETURN found;
END $$;

-- Refuse scopes that the principal does not have; `free` are the scopes that any admin can give.
CREATE OR REPLACE FUNCTION gatekeeper.check_scopes(principal gatekeeper.principal, wanted text[], free text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NOT coalesce(wanted <@ (principal.scopes || free), false) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'a key can''t give scopes that it does not have');
    END IF;
END $$;

-- Insert a key and its audit entry. Pages of `in_origins` may use the key from a browser.
CREATE OR REPLACE FUNCTION gatekeeper.add_key(principal gatekeeper.principal, hash text, ends timestamptz, by text,
                                              in_origins text[])
RETURNS gatekeeper.api_keys
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    made gatekeeper.api_keys;
BEGIN
    INSERT INTO gatekeeper.api_keys (key_id, revision, secret_hash, subject, subject_kind, project, environment,
                                     scopes, revoked, expires_at, origins)
    VALUES (principal.key_id, 1, hash, principal.subject, principal.subject_kind, principal.project,
            principal.environment, principal.scopes, false, ends, in_origins)
    RETURNING * INTO made;
    PERFORM gatekeeper.append_audit(principal.project, 'key.issued', by, jsonb_build_object(
        'key_id', principal.key_id, 'environment', principal.environment, 'subject', principal.subject,
        'of', principal.subject_kind,
        'scopes', array_to_string(principal.scopes, ' '))
        || CASE WHEN in_origins = '{}' THEN '{}'
                ELSE jsonb_build_object('origins', array_to_string(in_origins, ' ')) END);
    RETURN made;
END $$;

-- Issue a key to a service. Needs an admin. People get keys by sign-in links.
CREATE OR REPLACE FUNCTION gatekeeper.issue_key(api_key text, in_subject text, in_scopes text[], in_origins text[],
                                                new_id text, hash text)
RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'admin');
    named text := gatekeeper.clean_subject(in_subject);
BEGIN
    PERFORM gatekeeper.lock_project(principal.project);
    PERFORM gatekeeper.check_service(principal.project, named);
    PERFORM gatekeeper.check_scopes(principal, in_scopes, ARRAY['ingest', 'browser-ingest', 'evaluate']);
    IF NOT in_scopes <@ ARRAY['ingest', 'browser-ingest', 'evaluate', 'read', 'operate'] THEN
        PERFORM gatekeeper.refuse('not-allowed', 'services can''t have the scopes of people');
    END IF;
    RETURN NEXT gatekeeper.add_key(ROW(new_id, principal.project, principal.environment, named, 'service',
                                       in_scopes)::gatekeeper.principal, hash, NULL, principal.subject, in_origins);
END $$;

-- Revoke a key, the other key of its session, and the sessions that its person opened by links created with them.
CREATE OR REPLACE FUNCTION gatekeeper.revoke_keys(in_project text, in_key_id text, by text, reason_text text)
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
            || gatekeeper.save_reason(in_project, reason_text));
        RETURN NEXT ended;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.revoke_key(api_key text, in_key_id text, in_reason text) RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'admin');
BEGIN
    PERFORM gatekeeper.lock_project(principal.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.project = principal.project
                   AND k.environment = principal.environment AND k.key_id = in_key_id) THEN
        PERFORM gatekeeper.refuse('unknown-key-id', 'no key of this environment has this id');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.revoke_keys(principal.project, in_key_id, principal.subject, in_reason);
END $$;
