-- Revoked examples, and versions without them.

-- What of a slot's set is left when the examples revoked in an environment are gone.
CREATE OR REPLACE FUNCTION gatekeeper.kept_examples(in_project text, in_environment text, set_digest text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT coalesce(array_agg(e.digest ORDER BY e.place), '{}')
    FROM gatekeeper.examples_of(in_project, set_digest) e
    WHERE NOT EXISTS (SELECT FROM gatekeeper.example_revocations r WHERE r.project = in_project
                      AND r.digest = e.digest AND r.environment IN ('*', in_environment))
$$;

-- Whether `after` is `before` without the examples revoked in the environment, and otherwise the same.
CREATE OR REPLACE FUNCTION gatekeeper.is_cleansed(in_project text, in_environment text, before text, after text) RETURNS boolean
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
CREATE OR REPLACE FUNCTION gatekeeper.serving_gap(in_project text, in_environment text, version text) RETURNS text
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

-- Revokes one example in the environment of the key.
CREATE OR REPLACE FUNCTION gatekeeper.take_back(who gatekeeper.speaker, in_digest text, in_reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    INSERT INTO gatekeeper.example_revocations (project, environment, digest, by, reason)
    VALUES (who.project, who.environment, in_digest, who.subject, in_reason)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM gatekeeper.append_audit(who.project, 'example.revoked', who.subject, jsonb_build_object(
            'example', in_digest, 'environment', who.environment, 'key_id', who.key_id)
            || gatekeeper.keep_reason(who.project, in_reason));
    END IF;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.revoke_example(raw text, in_digest text, in_reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'review');
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.examples e WHERE e.project = who.project AND e.digest = in_digest) THEN
        PERFORM gatekeeper.refuse('unknown-example', 'there is no such example in this project');
    END IF;
    PERFORM gatekeeper.take_back(who, in_digest, in_reason);
END $$;
