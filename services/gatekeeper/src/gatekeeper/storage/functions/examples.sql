-- Revoked examples, and versions without them.

-- Return the examples of a set that are not revoked in an environment.
CREATE OR REPLACE FUNCTION gatekeeper.remaining_examples(in_project text, in_environment text, set_digest text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT coalesce(array_agg(e.digest ORDER BY e.ordinal), '{}')
    FROM gatekeeper.set_examples(in_project, set_digest) e
    WHERE NOT EXISTS (SELECT FROM gatekeeper.example_revocations r WHERE r.project = in_project
                      AND r.digest = e.digest AND r.environment IN ('*', in_environment))
$$;

-- Return whether `after` equals `before` without the examples that are revoked in the environment.
CREATE OR REPLACE FUNCTION gatekeeper.is_without_revoked(in_project text, in_environment text, before text, after text) RETURNS boolean
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
             FROM gatekeeper.version_slots(in_project, before) o
             LEFT JOIN gatekeeper.version_slots(in_project, after) n USING (slot) LOOP
        IF gatekeeper.remaining_examples(in_project, in_environment, s.old_set)
           <> ARRAY(SELECT digest FROM gatekeeper.set_examples(in_project, s.new_set) ORDER BY ordinal) THEN
            RETURN false;
        END IF;
        old_doc := old_doc #- ARRAY['slots', s.slot, 'set'];
        new_doc := new_doc #- ARRAY['slots', s.slot, 'set'];
    END LOOP;
    RETURN old_doc = new_doc;
END $$;

-- Return why a version can't be served in an environment (unknown content or a revoked example); null if it can.
CREATE OR REPLACE FUNCTION gatekeeper.serving_refusal(in_project text, in_environment text, version text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT CASE
        WHEN NOT EXISTS (SELECT FROM gatekeeper.prompt_versions v WHERE v.project = in_project AND v.digest = version)
            THEN 'unknown-version'
        WHEN EXISTS (SELECT FROM gatekeeper.version_slots(in_project, version) s,
                                 gatekeeper.set_examples(in_project, s.set_digest) m
                     JOIN gatekeeper.example_revocations r ON r.project = in_project AND r.digest = m.digest
                     WHERE r.environment IN ('*', in_environment)) THEN 'example-revoked'
        WHEN EXISTS (SELECT FROM gatekeeper.version_slots(in_project, version) s
                     LEFT JOIN gatekeeper.example_sets e ON e.project = in_project AND e.digest = s.set_digest
                     WHERE s.set_digest IS NOT NULL AND e.digest IS NULL)
          OR EXISTS (SELECT FROM gatekeeper.version_slots(in_project, version) s,
                                 gatekeeper.set_examples(in_project, s.set_digest) m
                     LEFT JOIN gatekeeper.examples e ON e.project = in_project AND e.digest = m.digest
                     WHERE e.digest IS NULL) THEN 'unknown-examples'
        END
$$;

-- Revoke an example in the environment of the key.
CREATE OR REPLACE FUNCTION gatekeeper.save_example_revocation(principal gatekeeper.principal, in_digest text, in_reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    INSERT INTO gatekeeper.example_revocations (project, environment, digest, by, reason)
    VALUES (principal.project, principal.environment, in_digest, principal.subject, in_reason)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM gatekeeper.append_audit(principal.project, 'example.revoked', principal.subject, jsonb_build_object(
            'example', in_digest, 'environment', principal.environment, 'key_id', principal.key_id)
            || gatekeeper.save_reason(principal.project, in_reason));
    END IF;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.revoke_example(api_key text, in_digest text, in_reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'review');
BEGIN
    PERFORM gatekeeper.lock_project(principal.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.examples e WHERE e.project = principal.project AND e.digest = in_digest) THEN
        PERFORM gatekeeper.refuse('unknown-example', 'there is no such example in this project');
    END IF;
    PERFORM gatekeeper.save_example_revocation(principal, in_digest, in_reason);
END $$;
