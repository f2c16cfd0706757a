-- Contents of versions, reviews of observed digests, and archived prompts.

-- Return the slots of a version with the digests of their example sets (null if empty).
CREATE OR REPLACE FUNCTION gatekeeper.version_slots(in_project text, version text)
RETURNS TABLE (slot text, set_digest text)
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT s.key, s.value ->> 'set'
    FROM gatekeeper.prompt_versions v, jsonb_each(coalesce(v.canonical::jsonb -> 'slots', '{}')) s
    WHERE v.project = in_project AND v.digest = version
$$;

-- Return the digests of the examples of a set, in order.
CREATE OR REPLACE FUNCTION gatekeeper.set_examples(in_project text, set_digest text)
RETURNS TABLE (ordinal bigint, digest text)
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT e.ordinal, e.digest
    FROM gatekeeper.example_sets s,
         jsonb_array_elements_text(s.canonical::jsonb -> 'examples') WITH ORDINALITY e (digest, ordinal)
    WHERE s.project = in_project AND s.digest = set_digest
$$;

-- Return whether `after` equals `before` byte for byte, except for the set digest of one slot.
CREATE OR REPLACE FUNCTION gatekeeper.only_slot_differs(before text, after text, slot text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    ordinal text[] := ARRAY['slots', slot, 'set'];
    -- A JSON string has no unescaped quote, so this token is always a member.
    old_token text := '"set":' || coalesce(before::jsonb #> ordinal, '""')::text;
    new_token text := '"set":' || coalesce(after::jsonb #> ordinal, '""')::text;
    part text[] := string_to_array(before, old_token);
BEGIN
    IF before::jsonb #> ordinal IS NULL OR (before::jsonb #- ordinal) <> (after::jsonb #- ordinal) THEN
        RETURN false;
    END IF;
    FOR i IN 1 .. cardinality(part) - 1 LOOP
        IF array_to_string(part[1:i], old_token) || new_token || array_to_string(part[i + 1:], old_token) = after THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;

-- Mark an observed digest as reviewed. Return who reviewed it first, and when.
CREATE OR REPLACE FUNCTION gatekeeper.review_observed(api_key text, in_name text, in_digest text)
RETURNS TABLE (by text, at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
#variable_conflict use_column
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'review');
BEGIN
    PERFORM gatekeeper.lock_project(principal.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.observed o WHERE (o.project, o.environment, o.name, o.digest)
                   = (principal.project, principal.environment, in_name, in_digest)) THEN
        PERFORM gatekeeper.refuse('unknown-observation', 'this digest was not observed under this name');
    END IF;
    IF NOT EXISTS (SELECT FROM gatekeeper.reviews r WHERE (r.project, r.environment, r.name, r.digest)
                   = (principal.project, principal.environment, in_name, in_digest)) THEN
        INSERT INTO gatekeeper.reviews (project, environment, name, digest, by, key_id, audit_seq)
        VALUES (principal.project, principal.environment, in_name, in_digest, principal.subject, principal.key_id,
                gatekeeper.append_audit(principal.project, 'observed.reviewed', principal.subject, jsonb_build_object(
                    'key_id', principal.key_id, 'environment', principal.environment, 'name', in_name, 'digest', in_digest)));
    END IF;
    RETURN QUERY SELECT r.by, r.at FROM gatekeeper.reviews r
                 WHERE (r.project, r.environment, r.name, r.digest)
                 = (principal.project, principal.environment, in_name, in_digest);
END $$;

-- Archive a prompt. Return who archived it first, and when.
CREATE OR REPLACE FUNCTION gatekeeper.archive_prompt(api_key text, in_name text, in_reason text)
RETURNS TABLE (by text, at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
#variable_conflict use_column
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'review');
    now_live bigint;
BEGIN
    PERFORM gatekeeper.lock_project(principal.project);
    now_live := coalesce((SELECT l.sequence FROM gatekeeper.live l WHERE (l.project, l.environment, l.name)
                          = (principal.project, principal.environment, in_name)), 0);
    IF now_live = 0 AND NOT EXISTS (SELECT FROM gatekeeper.observed o WHERE (o.project, o.environment, o.name)
                                    = (principal.project, principal.environment, in_name)) THEN
        PERFORM gatekeeper.refuse('unknown-prompt', 'there is no prompt of this name here');
    END IF;
    IF NOT EXISTS (SELECT FROM gatekeeper.archived a WHERE (a.project, a.environment, a.name, a.sequence)
                   = (principal.project, principal.environment, in_name, now_live)) THEN
        INSERT INTO gatekeeper.archived (project, environment, name, sequence, by, key_id, reason, audit_seq)
        VALUES (principal.project, principal.environment, in_name, now_live, principal.subject, principal.key_id, in_reason,
                gatekeeper.append_audit(principal.project, 'prompt.archived', principal.subject, jsonb_build_object(
                    'key_id', principal.key_id, 'environment', principal.environment, 'name', in_name, 'sequence', now_live)
                    || gatekeeper.save_reason(principal.project, in_reason)));
    END IF;
    RETURN QUERY SELECT a.by, a.at FROM gatekeeper.archived a
                 WHERE (a.project, a.environment, a.name, a.sequence)
                 = (principal.project, principal.environment, in_name, now_live);
END $$;
