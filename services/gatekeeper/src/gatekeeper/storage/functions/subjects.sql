-- Names of people and services, compared so that none can be mistaken for another.

-- Return a subject in NFC without surrounding blanks; runs of blanks become one.
CREATE OR REPLACE FUNCTION gatekeeper.clean_subject(raw text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT btrim(regexp_replace(normalize(raw, NFC),
        '[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', ' ', 'g'))
$$;

-- Return a key that is equal for subjects that look the same. Ignores letter case, compatibility forms (NFKC), letters of
-- Cyrillic and Greek that look like Latin ones (after Unicode TR 39), digits and signs that stand for letters (0 o, 1 l i,
-- 3 e, 4 a, 5 s, 7 t, 8 b), `rn` and `m`, `vv` and `w`, blanks and punctuation.
CREATE OR REPLACE FUNCTION gatekeeper.subject_key(raw text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT replace(replace(regexp_replace(
        translate(lower(normalize(gatekeeper.clean_subject(raw), NFKC) COLLATE "pg_c_utf8"),
            'авекмнорстухіјѕһԁԛԝѵӏαβεικνορτυχηγıɑɡ0134578l|!$', 'abekmhopctyxijshdqwviabeikvoptuxnyiagoieastbiiis')
            COLLATE "pg_c_utf8",
        '[[:punct:][:space:]]', '', 'g'), 'rn', 'm'), 'vv', 'w')
$$;

CREATE OR REPLACE FUNCTION gatekeeper.check_subject(subject text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    scripts text[] := ARRAY[
        '[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]', '[\u0370-\u03ff\u1f00-\u1fff]',
        '[\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f]', '[\u0530-\u058f]', '[\u10a0-\u10ff\u1c90-\u1cbf]',
        '[\u13a0-\u13ff\uab70-\uabbf]', '[\u2c80-\u2cff]', '[\ua4d0-\ua4ff]'];
BEGIN
    IF subject IS DISTINCT FROM gatekeeper.clean_subject(subject) OR length(subject) NOT BETWEEN 1 AND 200 THEN
        PERFORM gatekeeper.refuse('subject-invalid', 'a subject must have 1 to 200 characters, no blanks around it, and be in NFC');
    ELSIF subject ~ '[\u0001-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f]'
       OR subject ~ '[\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000E0000-\U000E0FFF]' THEN
        PERFORM gatekeeper.refuse('subject-invalid', 'a subject must not have invisible characters');
    ELSIF (SELECT count(*) FROM unnest(scripts) s WHERE normalize(subject, NFKC) ~ s) > 1 THEN
        PERFORM gatekeeper.refuse('subject-confusable', 'a subject must not mix letters of several scripts');
    END IF;
END $$;

-- Return the existing person whose name differs by letter case or blanks only, or the subject itself if it is new.
-- Refuse a subject that only looks like a person's.
CREATE OR REPLACE FUNCTION gatekeeper.existing_subject(in_project text, raw text) RETURNS text
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
            'it looks like %s, a person of this project; digits and punctuation don''t distinguish names', found));
    END IF;
    RETURN coalesce(found, wanted);
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.check_person_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    service text;
BEGIN
    -- The lock serialises inserts, so that two similar names can't be added at once.
    PERFORM gatekeeper.lock_project(NEW.project);
    IF EXISTS (SELECT FROM gatekeeper.people p WHERE (p.project, p.subject) = (NEW.project, NEW.subject)) THEN
        RETURN NEW;
    END IF;
    PERFORM gatekeeper.check_subject(NEW.subject);
    IF gatekeeper.subject_key(NEW.subject) = '' THEN
        PERFORM gatekeeper.refuse('subject-invalid', 'a subject must have a letter or a digit');
    END IF;
    IF gatekeeper.existing_subject(NEW.project, NEW.subject) <> NEW.subject THEN
        PERFORM gatekeeper.refuse('subject-confusable', 'a person of this project has this name in other letters');
    END IF;
    SELECT k.subject INTO service FROM gatekeeper.api_keys k
    WHERE k.project = NEW.project AND k.subject_kind = 'service' AND NOT k.revoked
      AND gatekeeper.subject_key(k.subject) = gatekeeper.subject_key(NEW.subject) LIMIT 1;
    IF service IS NOT NULL THEN
        PERFORM gatekeeper.refuse('subject-confusable', format('it looks like %s, a service of this project', service));
    END IF;
    RETURN NEW;
END $$;

-- Refuse a service's name that looks like that of a person or of another service.
CREATE OR REPLACE FUNCTION gatekeeper.check_service(in_project text, named text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    wanted text := gatekeeper.subject_key(named);
    found text;
BEGIN
    PERFORM gatekeeper.check_subject(named);
    IF wanted = '' THEN
        PERFORM gatekeeper.refuse('subject-invalid', 'a subject must have a letter or a digit');
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
