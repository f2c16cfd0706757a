-- One person, one subject: names are kept in one form, and none may be mistaken for another's.

-- NFC, without blanks around it, and with one blank for each run of them.
CREATE FUNCTION gatekeeper.clean_subject(raw text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT btrim(regexp_replace(normalize(raw, NFC),
        '[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', ' ', 'g'))
$$;

-- What two subjects have in common that people read as the same: letter case, compatibility forms (NFKC), and letters
-- of Cyrillic, Greek and digits that look like Latin ones (after Unicode TR 39). For comparing only.
CREATE FUNCTION gatekeeper.subject_key(raw text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT translate(lower(normalize(gatekeeper.clean_subject(raw), NFKC) COLLATE "pg_c_utf8"),
        'авекмнорстухіјѕһԁԛԝѵӏαβεικνορτυχηγ01ıɑɡ', 'abekmhopctyxijshdqwvlabeikvoptuxnyoliag')
$$;

CREATE FUNCTION gatekeeper.check_subject(subject text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    scripts text[] := ARRAY[
        '[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]', '[\u0370-\u03ff\u1f00-\u1fff]',
        '[\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f]', '[\u0530-\u058f]', '[\u10a0-\u10ff\u1c90-\u1cbf]',
        '[\u13a0-\u13ff\uab70-\uabbf]', '[\u2c80-\u2cff]', '[\ua4d0-\ua4ff]'];
BEGIN
    IF subject IS DISTINCT FROM gatekeeper.clean_subject(subject) OR length(subject) NOT BETWEEN 1 AND 200 THEN
        PERFORM gatekeeper.refuse('subject-invalid', 'a subject has 1 to 200 characters, no blanks around it, and is in NFC');
    ELSIF subject ~ '[\u0001-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f]'
       OR subject ~ '[\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000E0000-\U000E0FFF]' THEN
        PERFORM gatekeeper.refuse('subject-invalid', 'a subject has no characters that can''t be seen');
    ELSIF (SELECT count(*) FROM unnest(scripts) s WHERE normalize(subject, NFKC) ~ s) > 1 THEN
        PERFORM gatekeeper.refuse('subject-confusable', 'a subject mixes no letters of Latin, Greek, Cyrillic and the like');
    END IF;
END $$;

-- How somebody of the project is called that is meant by this subject, or the subject itself where it is new.
-- Letter case and blanks don't matter; what only looks like somebody is refused.
CREATE FUNCTION gatekeeper.known_subject(in_project text, raw text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    wanted text := gatekeeper.clean_subject(raw);
    found text;
BEGIN
    SELECT p.subject INTO found FROM gatekeeper.people p
    WHERE p.project = in_project AND gatekeeper.subject_key(p.subject) = gatekeeper.subject_key(wanted)
    ORDER BY p.subject = wanted DESC, p.added_at LIMIT 1;
    IF found IS NOT NULL
       AND lower(found COLLATE "pg_c_utf8") <> lower(wanted COLLATE "pg_c_utf8") THEN
        PERFORM gatekeeper.refuse('subject-confusable', 'it looks like somebody else of this project');
    END IF;
    RETURN coalesce(found, wanted);
END $$;

CREATE FUNCTION gatekeeper.person_is_distinct() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    -- One at a time, so that two names that look alike don't come at once.
    PERFORM gatekeeper.lock_project(NEW.project);
    IF EXISTS (SELECT FROM gatekeeper.people p WHERE (p.project, p.subject) = (NEW.project, NEW.subject)) THEN
        RETURN NEW;
    END IF;
    PERFORM gatekeeper.check_subject(NEW.subject);
    IF gatekeeper.known_subject(NEW.project, NEW.subject) <> NEW.subject THEN
        PERFORM gatekeeper.refuse('subject-confusable', 'somebody of this project is called so, in other letters');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER person_is_distinct BEFORE INSERT ON gatekeeper.people
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.person_is_distinct();

-- Who made the links by which the session of a key came to be: that of its own link, of the maker's session, and so on.
-- Links of the database's owner have no maker.
CREATE FUNCTION gatekeeper.link_makers(in_key text) RETURNS SETOF text
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

CREATE OR REPLACE FUNCTION gatekeeper.decision_is_a_persons() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    author_key text := (SELECT gatekeeper.subject_key(p.author) FROM gatekeeper.proposals p
                        WHERE p.id = NEW.proposal_id AND p.author_kind = 'person');
BEGIN
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.key_id = NEW.key_id AND NOT k.revoked
                   AND k.subject_kind = 'person' AND k.subject = NEW.decided_by AND 'review' = ANY (k.scopes)
                   AND k.project = NEW.project AND k.environment = NEW.environment) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'only a person who may review here decides');
    END IF;
    IF author_key = gatekeeper.subject_key(NEW.decided_by) THEN
        PERFORM gatekeeper.refuse('own-proposal', 'somebody else must decide about your proposal');
    END IF;
    IF EXISTS (SELECT FROM gatekeeper.link_makers(NEW.key_id) m WHERE gatekeeper.subject_key(m) = author_key) THEN
        PERFORM gatekeeper.refuse('author-made-link', 'the author of the proposal made the link of this session');
    END IF;
    NEW.form := 2;
    NEW.canonical := gatekeeper.canonical_decision(NEW);
    NEW.hash := gatekeeper.sha256_hex(NEW.canonical);
    RETURN NEW;
END $$;

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

CREATE OR REPLACE FUNCTION gatekeeper.issue_key(raw text, in_subject text, in_scopes text[], new_id text, hash text)
RETURNS SETOF gatekeeper.api_keys
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'admin');
    named text := gatekeeper.clean_subject(in_subject);
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    PERFORM gatekeeper.check_subject(named);
    PERFORM gatekeeper.check_scopes(who, in_scopes, ARRAY['ingest', 'browser-ingest']);
    IF NOT in_scopes <@ ARRAY['ingest', 'browser-ingest', 'read', 'operate'] THEN
        PERFORM gatekeeper.refuse('not-allowed', 'a service gets no scope of a person');
    END IF;
    RETURN NEXT gatekeeper.add_key(ROW(new_id, who.project, who.environment, named, 'service',
                                       in_scopes)::gatekeeper.speaker, hash, NULL, who.subject);
END $$;
