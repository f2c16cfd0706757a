-- What a key does stays in its environment: examples are revoked there, keys issued and revoked there.

-- '*': revoked in all environments, as all were until now.
ALTER TABLE gatekeeper.example_revocations ADD COLUMN environment text NOT NULL DEFAULT '*';
ALTER TABLE gatekeeper.example_revocations ALTER COLUMN environment DROP DEFAULT;
ALTER TABLE gatekeeper.example_revocations DROP CONSTRAINT example_revocations_pkey;
ALTER TABLE gatekeeper.example_revocations ADD PRIMARY KEY (project, digest, environment);

DROP FUNCTION gatekeeper.kept_examples(text, text);
DROP FUNCTION gatekeeper.is_cleansed(text, text, text);
DROP FUNCTION gatekeeper.serving_gap(text, text);

-- What of a slot's set is left when the examples revoked in an environment are gone.
CREATE FUNCTION gatekeeper.kept_examples(in_project text, in_environment text, set_digest text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT coalesce(array_agg(e.digest ORDER BY e.place), '{}')
    FROM gatekeeper.examples_of(in_project, set_digest) e
    WHERE NOT EXISTS (SELECT FROM gatekeeper.example_revocations r WHERE r.project = in_project
                      AND r.digest = e.digest AND r.environment IN ('*', in_environment))
$$;

-- Whether `after` is `before` without the examples revoked in the environment, and otherwise the same.
CREATE FUNCTION gatekeeper.is_cleansed(in_project text, in_environment text, before text, after text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    old_doc jsonb; new_doc jsonb; s record;
BEGIN
    SELECT canonical::jsonb INTO old_doc FROM gatekeeper.prompt_versions WHERE project = in_project AND digest = before;
    SELECT canonical::jsonb INTO new_doc FROM gatekeeper.prompt_versions WHERE project = in_project AND digest = after;
    IF old_doc IS NULL OR new_doc IS NULL THEN
        RETURN false;
    END IF;
    FOR s IN SELECT o.slot, o.set_digest AS old_set, n.set_digest AS new_set
             FROM gatekeeper.slots_of(in_project, before) o
             LEFT JOIN gatekeeper.slots_of(in_project, after) n USING (slot) LOOP
        IF gatekeeper.kept_examples(in_project, in_environment, s.old_set)
           <> ARRAY(SELECT digest FROM gatekeeper.examples_of(in_project, s.new_set) ORDER BY place) THEN
            RETURN false;
        END IF;
        old_doc := old_doc #- ARRAY['slots', s.slot, 'set'];
        new_doc := new_doc #- ARRAY['slots', s.slot, 'set'];
    END LOOP;
    RETURN old_doc = new_doc;
END $$;

-- Why a version can't be served in an environment; null where it can. Unknown, with unknown examples, or a revoked one.
CREATE FUNCTION gatekeeper.serving_gap(in_project text, in_environment text, version text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT CASE
        WHEN NOT EXISTS (SELECT FROM gatekeeper.prompt_versions v WHERE v.project = in_project AND v.digest = version)
            THEN 'unknown-version'
        WHEN EXISTS (SELECT FROM gatekeeper.slots_of(in_project, version) s
                     LEFT JOIN gatekeeper.example_sets e ON e.project = in_project AND e.digest = s.set_digest
                     WHERE s.set_digest IS NOT NULL AND e.digest IS NULL)
          OR EXISTS (SELECT FROM gatekeeper.slots_of(in_project, version) s,
                                 gatekeeper.examples_of(in_project, s.set_digest) m
                     LEFT JOIN gatekeeper.examples e ON e.project = in_project AND e.digest = m.digest
                     WHERE e.digest IS NULL) THEN 'unknown-examples'
        WHEN EXISTS (SELECT FROM gatekeeper.slots_of(in_project, version) s,
                                 gatekeeper.examples_of(in_project, s.set_digest) m
                     JOIN gatekeeper.example_revocations r ON r.project = in_project AND r.digest = m.digest
                     WHERE r.environment IN ('*', in_environment)) THEN 'example-revoked'
        END
$$;

CREATE OR REPLACE VIEW gatekeeper.tainted AS
    SELECT l.project, l.environment, l.name, l.target, l.digest
    FROM gatekeeper.live l
    WHERE EXISTS (SELECT FROM gatekeeper.slots_of(l.project, l.digest) s,
                              gatekeeper.examples_of(l.project, s.set_digest) e
                  JOIN gatekeeper.example_revocations r ON r.project = l.project AND r.digest = e.digest
                  WHERE r.environment IN ('*', l.environment));

-- Revokes one example in the environment of the key.
CREATE OR REPLACE FUNCTION gatekeeper.take_back(who gatekeeper.speaker, in_digest text, in_reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    INSERT INTO gatekeeper.example_revocations (project, environment, digest, by, reason)
    VALUES (who.project, who.environment, in_digest, who.subject, in_reason)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM gatekeeper.append_audit(who.project, 'example.revoked', who.subject, jsonb_build_object(
            'example', in_digest, 'environment', who.environment, 'key_id', who.key_id));
    END IF;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.rollback_leads_back() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM gatekeeper.lock_project(NEW.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.key_id = NEW.key_id AND NOT k.revoked
                   AND k.subject_kind = 'person' AND k.subject = NEW.rolled_by AND 'review' = ANY (k.scopes)
                   AND k.project = NEW.project AND k.environment = NEW.environment) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'only a person who may review here goes back');
    END IF;
    IF NOT EXISTS (SELECT FROM gatekeeper.live l WHERE (l.project, l.environment, l.name, l.digest)
                   = (NEW.project, NEW.environment, NEW.name, NEW.from_digest)) THEN
        PERFORM gatekeeper.refuse('base-changed', 'something else is live by now');
    END IF;
    IF NOT EXISTS (SELECT FROM gatekeeper.live_history h
                   WHERE (h.project, h.environment, h.name) = (NEW.project, NEW.environment, NEW.name)
                   AND NEW.to_digest IN (h.digest, h.base_digest)) THEN
        PERFORM gatekeeper.refuse('never-live', 'this version never ran in this environment');
    END IF;
    IF NEW.digest <> NEW.to_digest
       AND NOT gatekeeper.is_cleansed(NEW.project, NEW.environment, NEW.to_digest, NEW.digest) THEN
        PERFORM gatekeeper.refuse('digest-mismatch', 'differs by more than the examples that were revoked');
    END IF;
    NEW.canonical := gatekeeper.canonical_rollback(NEW);
    NEW.hash := gatekeeper.sha256_hex(NEW.canonical);
    RETURN NEW;
END $$;

-- An admin hands out no more than the own key holds; what apps send with is nobody's own.
CREATE FUNCTION gatekeeper.check_scopes(who gatekeeper.speaker, wanted text[], free text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NOT coalesce(wanted <@ (who.scopes || free), false) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'a key gives no scope that it does not have');
    END IF;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.issue_key(raw text, in_subject text, in_scopes text[], new_id text, hash text)
RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'admin');
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    PERFORM gatekeeper.check_scopes(who, in_scopes, ARRAY['ingest', 'browser-ingest']);
    IF NOT in_scopes <@ ARRAY['ingest', 'browser-ingest', 'read', 'operate'] THEN
        PERFORM gatekeeper.refuse('not-allowed', 'a service gets no scope of a person');
    END IF;
    RETURN NEXT gatekeeper.add_key(ROW(new_id, who.project, who.environment, in_subject, 'service',
                                       in_scopes)::gatekeeper.speaker, hash, NULL, who.subject);
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.revoke_key(raw text, in_key_id text) RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'admin');
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.project = who.project
                   AND k.environment = who.environment AND k.key_id = in_key_id) THEN
        PERFORM gatekeeper.refuse('unknown-key-id', 'no key of this environment has this id');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.end_key(who.project, in_key_id, who.subject);
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.make_link(raw text, in_subject text, in_scopes text[], token text,
                                                lifetime interval)
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
        PERFORM gatekeeper.check_scopes(who, granted, '{}');
        INSERT INTO gatekeeper.people (project, subject) VALUES (who.project, in_subject) ON CONFLICT DO NOTHING;
    END IF;
    RETURN QUERY SELECT in_subject, granted, gatekeeper.add_link(
        who.project, who.environment, in_subject, granted, token, lifetime, who.subject, who.key_id);
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.cleanse(raw text, in_environment text, in_name text, in_digest text)
RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'review');
    now_live text := (SELECT l.digest FROM gatekeeper.live l
        WHERE (l.project, l.environment, l.name) = (who.project, who.environment, in_name));
BEGIN
    IF in_environment IS DISTINCT FROM who.environment THEN
        PERFORM gatekeeper.refuse('other-environment', 'the prompt belongs to another environment than the key');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.go_back(who, who.environment, in_name, 'example_revoked', now_live,
                                                  in_digest, '');
END $$;
