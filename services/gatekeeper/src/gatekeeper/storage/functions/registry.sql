-- Contents of versions, reviews of observed digests, and archived prompts.

-- The slots of a version: name → digest of the example set in it, or null.
CREATE OR REPLACE FUNCTION gatekeeper.slots_of(in_project text, version text)
RETURNS TABLE (slot text, set_digest text)
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT s.key, s.value ->> 'set'
    FROM gatekeeper.prompt_versions v, jsonb_each(coalesce(v.canonical::jsonb -> 'slots', '{}')) s
    WHERE v.project = in_project AND v.digest = version
$$;

-- The examples of a set, in order, each by the digest of its content.
CREATE OR REPLACE FUNCTION gatekeeper.examples_of(in_project text, set_digest text)
RETURNS TABLE (place bigint, digest text)
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT e.place, e.digest
    FROM gatekeeper.example_sets s,
         jsonb_array_elements_text(s.canonical::jsonb -> 'examples') WITH ORDINALITY e (digest, place)
    WHERE s.project = in_project AND s.digest = set_digest
$$;

-- Whether `after` is `before` byte for byte, but for the digest of the example set in this one slot.
CREATE OR REPLACE FUNCTION gatekeeper.only_slot_differs(before text, after text, slot text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    place text[] := ARRAY['slots', slot, 'set'];
    -- In JSON text an unescaped quote can't stand inside a string, so this token is always a member.
    old_token text := '"set":' || coalesce(before::jsonb #> place, '""')::text;
    new_token text := '"set":' || coalesce(after::jsonb #> place, '""')::text;
    part text[] := string_to_array(before, old_token);
BEGIN
    IF before::jsonb #> place IS NULL OR (before::jsonb #- place) <> (after::jsonb #- place) THEN
        RETURN false;
    END IF;
    FOR i IN 1 .. cardinality(part) - 1 LOOP
        IF array_to_string(part[1:i], old_token) || new_token || array_to_string(part[i + 1:], old_token) = after THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;

-- The first look counts; who looks again is told who did.
CREATE OR REPLACE FUNCTION gatekeeper.review_observed(raw text, in_name text, in_digest text)
RETURNS TABLE (by text, at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
#variable_conflict use_column
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'review');
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.observed o WHERE (o.project, o.environment, o.name, o.digest)
                   = (who.project, who.environment, in_name, in_digest)) THEN
        PERFORM gatekeeper.refuse('unknown-observation', 'this digest was never seen in use under this name');
    END IF;
    IF NOT EXISTS (SELECT FROM gatekeeper.reviews r WHERE (r.project, r.environment, r.name, r.digest)
                   = (who.project, who.environment, in_name, in_digest)) THEN
        INSERT INTO gatekeeper.reviews (project, environment, name, digest, by, key_id, audit_seq)
        VALUES (who.project, who.environment, in_name, in_digest, who.subject, who.key_id,
                gatekeeper.append_audit(who.project, 'observed.reviewed', who.subject, jsonb_build_object(
                    'key_id', who.key_id, 'environment', who.environment, 'name', in_name, 'digest', in_digest)));
    END IF;
    RETURN QUERY SELECT r.by, r.at FROM gatekeeper.reviews r
                 WHERE (r.project, r.environment, r.name, r.digest)
                 = (who.project, who.environment, in_name, in_digest);
END $$;

-- The first time counts; a repeat answers with it.
CREATE OR REPLACE FUNCTION gatekeeper.archive_prompt(raw text, in_name text, in_reason text)
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
