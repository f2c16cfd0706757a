-- Names that only look different: punctuation and digits set nobody apart, and a service is not called like a person.

-- What two subjects have in common that people read as the same: letter case, compatibility forms (NFKC), letters of
-- Cyrillic and Greek that look like Latin ones (after Unicode TR 39), digits and signs that stand for letters (0 o, 1 l i,
-- 3 e, 4 a, 5 s, 7 t, 8 b), `rn` and `m`, `vv` and `w`, blanks and punctuation. For comparing only.
CREATE OR REPLACE FUNCTION gatekeeper.subject_key(raw text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT replace(replace(regexp_replace(
        translate(lower(normalize(gatekeeper.clean_subject(raw), NFKC) COLLATE "pg_c_utf8"),
            'авекмнорстухіјѕһԁԛԝѵӏαβεικνορτυχηγıɑɡ0134578l|!$', 'abekmhopctyxijshdqwviabeikvoptuxnyiagoieastbiiis')
            COLLATE "pg_c_utf8",
        '[[:punct:][:space:]]', '', 'g'), 'rn', 'm'), 'vv', 'w')
$$;

CREATE OR REPLACE FUNCTION gatekeeper.known_subject(in_project text, raw text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    wanted text := gatekeeper.clean_subject(raw);
    found text;
BEGIN
    SELECT p.subject INTO found FROM gatekeeper.people p
    WHERE p.project = in_project AND gatekeeper.subject_key(p.subject) = gatekeeper.subject_key(wanted)
    ORDER BY p.subject = wanted DESC, lower(p.subject COLLATE "pg_c_utf8") = lower(wanted COLLATE "pg_c_utf8") DESC,
             p.added_at LIMIT 1;
    IF found IS NOT NULL
       AND lower(found COLLATE "pg_c_utf8") <> lower(wanted COLLATE "pg_c_utf8") THEN
        PERFORM gatekeeper.refuse('subject-confusable', format(
            'it looks like %s, a person of this project; digits and punctuation don''t set names apart', found));
    END IF;
    RETURN coalesce(found, wanted);
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.person_is_distinct() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    service text;
BEGIN
    -- One at a time, so that two names that look alike don't come at once.
    PERFORM gatekeeper.lock_project(NEW.project);
    IF EXISTS (SELECT FROM gatekeeper.people p WHERE (p.project, p.subject) = (NEW.project, NEW.subject)) THEN
        RETURN NEW;
    END IF;
    PERFORM gatekeeper.check_subject(NEW.subject);
    IF gatekeeper.subject_key(NEW.subject) = '' THEN
        PERFORM gatekeeper.refuse('subject-invalid', 'a subject has a letter or a digit');
    END IF;
    IF gatekeeper.known_subject(NEW.project, NEW.subject) <> NEW.subject THEN
        PERFORM gatekeeper.refuse('subject-confusable', 'somebody of this project is called so, in other letters');
    END IF;
    SELECT k.subject INTO service FROM gatekeeper.api_keys k
    WHERE k.project = NEW.project AND k.subject_kind = 'service' AND NOT k.revoked
      AND gatekeeper.subject_key(k.subject) = gatekeeper.subject_key(NEW.subject) LIMIT 1;
    IF service IS NOT NULL THEN
        PERFORM gatekeeper.refuse('subject-confusable', format('it looks like %s, a service of this project', service));
    END IF;
    RETURN NEW;
END $$;

-- A service is called like no person, and like no other service but itself.
CREATE FUNCTION gatekeeper.check_service(in_project text, named text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    wanted text := gatekeeper.subject_key(named);
    found text;
BEGIN
    PERFORM gatekeeper.check_subject(named);
    IF wanted = '' THEN
        PERFORM gatekeeper.refuse('subject-invalid', 'a subject has a letter or a digit');
    END IF;
    SELECT p.subject INTO found FROM gatekeeper.people p
    WHERE p.project = in_project AND gatekeeper.subject_key(p.subject) = wanted LIMIT 1;
    IF found IS NOT NULL THEN
        PERFORM gatekeeper.refuse('subject-confusable', format('it looks like %s, a person of this project', found));
    END IF;
    SELECT k.subject INTO found FROM gatekeeper.api_keys k
    WHERE k.project = in_project AND k.subject_kind = 'service' AND NOT k.revoked AND k.subject <> named
      AND gatekeeper.subject_key(k.subject) = wanted LIMIT 1;
    IF found IS NOT NULL THEN
        PERFORM gatekeeper.refuse('subject-confusable', format('it looks like %s, a service of this project', found));
    END IF;
END $$;

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
REVOKE ALL ON FUNCTION gatekeeper.check_service(text, text) FROM PUBLIC;
