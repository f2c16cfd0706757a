-- What is live. A row of `live_history` comes to be only by one unused authorisation; `live` is its newest rows.

CREATE TABLE gatekeeper.rollbacks (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project     text NOT NULL,
    environment text NOT NULL,
    name        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('rolled_back', 'example_revoked')),
    from_digest text NOT NULL,
    to_digest   text NOT NULL,
    digest      text NOT NULL,
    rolled_by   text NOT NULL,
    key_id      text NOT NULL REFERENCES gatekeeper.api_keys,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason      text NOT NULL CHECK (length(reason) <= 2000),
    canonical   text NOT NULL,
    hash        text NOT NULL CHECK (hash = gatekeeper.sha256_hex(canonical)),
    FOREIGN KEY (project, rolled_by) REFERENCES gatekeeper.people,
    UNIQUE (id, project, environment, name, digest, kind)
);
SELECT gatekeeper.freeze('gatekeeper.rollbacks');

CREATE TABLE gatekeeper.live_history (
    project      text NOT NULL,
    environment  text NOT NULL,
    name         text NOT NULL,
    sequence     bigint NOT NULL CHECK (sequence > 0),
    target       text NOT NULL,
    digest       text NOT NULL,
    base_digest  text,
    reason       text NOT NULL CHECK (reason IN ('promoted', 'rolled_back', 'example_revoked')),
    decision_id  uuid UNIQUE,
    grant_use_id uuid UNIQUE,
    rollback_id  uuid UNIQUE,
    by           text NOT NULL,
    audit_seq    bigint NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- A decision covers only as an approval, a rollback only as what it says it is.
    verdict      text GENERATED ALWAYS AS (CASE WHEN decision_id IS NOT NULL THEN 'approved' END) STORED,
    PRIMARY KEY (project, environment, name, sequence),
    UNIQUE (project, environment, name, sequence, digest),
    CONSTRAINT ck_live_history_one_authorisation CHECK (num_nonnulls(decision_id, grant_use_id, rollback_id) = 1),
    CONSTRAINT ck_live_history_reason CHECK ((rollback_id IS NULL) = (reason = 'promoted')),
    CONSTRAINT fk_live_history_version FOREIGN KEY (project, digest) REFERENCES gatekeeper.prompt_versions,
    CONSTRAINT fk_live_history_audit FOREIGN KEY (project, audit_seq) REFERENCES gatekeeper.audit,
    CONSTRAINT fk_live_history_decision FOREIGN KEY (decision_id, project, environment, name, digest, verdict)
        REFERENCES gatekeeper.decisions (id, project, environment, name, digest, verdict),
    CONSTRAINT fk_live_history_grant_use FOREIGN KEY (grant_use_id, project, environment, name, digest)
        REFERENCES gatekeeper.grant_uses (id, project, environment, name, digest),
    CONSTRAINT fk_live_history_rollback FOREIGN KEY (rollback_id, project, environment, name, digest, reason)
        REFERENCES gatekeeper.rollbacks (id, project, environment, name, digest, kind)
);
CREATE INDEX ix_live_history_at ON gatekeeper.live_history (at);
SELECT gatekeeper.freeze('gatekeeper.live_history');

-- A view, so that what is live can't differ from how it came to be.
CREATE VIEW gatekeeper.live AS
    SELECT DISTINCT ON (project, environment, name) *
    FROM gatekeeper.live_history
    ORDER BY project, environment, name, sequence DESC;

-- The signature that clients check; written by the service in the transaction of the promotion.
CREATE TABLE gatekeeper.live_signatures (
    project     text NOT NULL,
    environment text NOT NULL,
    name        text NOT NULL,
    sequence    bigint NOT NULL,
    key_id      text NOT NULL REFERENCES gatekeeper.signing_keys,
    signature   text NOT NULL,
    PRIMARY KEY (project, environment, name, sequence),
    FOREIGN KEY (project, environment, name, sequence) REFERENCES gatekeeper.live_history
);
SELECT gatekeeper.freeze('gatekeeper.live_signatures');

CREATE FUNCTION gatekeeper.canonical_rollback(r gatekeeper.rollbacks) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT gatekeeper.canonical(jsonb_build_object(
        'schema', 'ratchet.rollback/1', 'id', r.id, 'project', r.project, 'environment', r.environment,
        'name', r.name, 'kind', r.kind, 'from_digest', r.from_digest, 'to_digest', r.to_digest, 'digest', r.digest,
        'by', r.rolled_by, 'at', gatekeeper.rfc3339(r.at), 'uses', 1))
$$;

-- Going back leads to what ran here before, or to the same without examples that were taken back; nowhere else.
CREATE FUNCTION gatekeeper.rollback_leads_back() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM gatekeeper.lock_project(NEW.project);
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.key_id = NEW.key_id AND NOT k.revoked
                   AND k.subject_kind = 'person' AND k.subject = NEW.rolled_by AND 'review' = ANY (k.scopes)
                   AND k.project = NEW.project) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'only a person who may review goes back');
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
    IF NEW.digest <> NEW.to_digest AND NOT gatekeeper.is_cleansed(NEW.project, NEW.to_digest, NEW.digest) THEN
        PERFORM gatekeeper.refuse('digest-mismatch', 'differs by more than the examples that were taken back');
    END IF;
    NEW.canonical := gatekeeper.canonical_rollback(NEW);
    NEW.hash := gatekeeper.sha256_hex(NEW.canonical);
    RETURN NEW;
END $$;
CREATE TRIGGER rollback_leads_back BEFORE INSERT ON gatekeeper.rollbacks
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.rollback_leads_back();

-- Refuses a decision that does not cover what is about to go live over `present`.
CREATE FUNCTION gatekeeper.check_decision(wanted gatekeeper.live_history, present gatekeeper.live, halted boolean)
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    d gatekeeper.decisions;
BEGIN
    SELECT * INTO d FROM gatekeeper.decisions x WHERE x.id = wanted.decision_id;
    PERFORM gatekeeper.refuse(code, 'the decision does not cover this promotion') FROM (SELECT CASE
        WHEN d.id IS NULL THEN 'unknown-decision'
        WHEN d.hash <> gatekeeper.sha256_hex(gatekeeper.canonical_decision(d)) THEN 'altered'
        WHEN d.verdict <> 'approved' THEN 'not-approved'
        WHEN d.digest <> wanted.digest THEN 'digest-mismatch'
        WHEN (d.project, d.environment, d.name) <> (wanted.project, wanted.environment, wanted.name) THEN 'other-environment'
        WHEN EXISTS (SELECT FROM gatekeeper.live_history h WHERE h.decision_id = d.id) THEN 'already-used'
        WHEN clock_timestamp() >= d.expires_at THEN 'expired'
        WHEN halted THEN 'halted'
        WHEN present.digest IS NOT NULL AND d.base_digest IS DISTINCT FROM present.digest THEN 'base-changed'
        WHEN present.digest IS NULL AND d.base_digest IS NOT NULL AND NOT EXISTS (
            SELECT FROM gatekeeper.observed o WHERE (o.project, o.environment, o.name, o.digest)
            = (d.project, d.environment, d.name, d.base_digest)) THEN 'base-changed'
        END AS code) verdict WHERE code IS NOT NULL;
    RETURN d.base_digest;
END $$;

CREATE FUNCTION gatekeeper.check_grant_use(wanted gatekeeper.live_history, present gatekeeper.live, halted boolean)
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    u gatekeeper.grant_uses;
BEGIN
    SELECT * INTO u FROM gatekeeper.grant_uses x WHERE x.id = wanted.grant_use_id;
    PERFORM gatekeeper.refuse(code, 'the grant does not cover this promotion') FROM (SELECT CASE
        WHEN u.id IS NULL THEN 'unknown-grant'
        WHEN u.digest <> wanted.digest THEN 'digest-mismatch'
        WHEN EXISTS (SELECT FROM gatekeeper.live_history h WHERE h.grant_use_id = u.id) THEN 'already-used'
        WHEN clock_timestamp() >= u.used_at + interval '1 minute' THEN 'expired'
        WHEN halted THEN 'halted'
        WHEN u.base_digest IS DISTINCT FROM present.digest THEN 'base-changed'
        END AS code) verdict WHERE code IS NOT NULL;
    RETURN u.base_digest;
END $$;

-- Works while halted: going back is always allowed.
CREATE FUNCTION gatekeeper.check_rollback(wanted gatekeeper.live_history, present gatekeeper.live) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    r gatekeeper.rollbacks;
BEGIN
    SELECT * INTO r FROM gatekeeper.rollbacks x WHERE x.id = wanted.rollback_id;
    PERFORM gatekeeper.refuse(code, 'the rollback record does not cover this') FROM (SELECT CASE
        WHEN r.id IS NULL THEN 'unknown-rollback'
        WHEN r.hash <> gatekeeper.sha256_hex(gatekeeper.canonical_rollback(r)) THEN 'altered'
        WHEN r.digest <> wanted.digest OR r.kind <> wanted.reason THEN 'digest-mismatch'
        WHEN EXISTS (SELECT FROM gatekeeper.live_history h WHERE h.rollback_id = r.id) THEN 'already-used'
        WHEN clock_timestamp() >= r.at + interval '1 minute' THEN 'expired'
        WHEN r.from_digest IS DISTINCT FROM present.digest THEN 'base-changed'
        END AS code) verdict WHERE code IS NOT NULL;
    RETURN r.from_digest;
END $$;

-- The boundary itself: holds for every INSERT, whoever sends it and by whatever function.
CREATE FUNCTION gatekeeper.live_is_authorised() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    halted boolean := gatekeeper.lock_project(NEW.project);
    present gatekeeper.live;
BEGIN
    SELECT * INTO present FROM gatekeeper.live l
    WHERE (l.project, l.environment, l.name) = (NEW.project, NEW.environment, NEW.name);
    IF NEW.sequence <> coalesce(present.sequence, 0) + 1 THEN
        PERFORM gatekeeper.refuse('sequence', 'sequences go up by one');
    END IF;
    PERFORM gatekeeper.refuse(gap, 'this version can''t be served')
    FROM gatekeeper.serving_gap(NEW.project, NEW.digest) gap WHERE gap IS NOT NULL;
    NEW.base_digest := CASE
        WHEN NEW.decision_id IS NOT NULL THEN gatekeeper.check_decision(NEW, present, halted)
        WHEN NEW.grant_use_id IS NOT NULL THEN gatekeeper.check_grant_use(NEW, present, halted)
        ELSE gatekeeper.check_rollback(NEW, present) END;
    RETURN NEW;
END $$;
CREATE TRIGGER live_is_authorised BEFORE INSERT ON gatekeeper.live_history
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.live_is_authorised();

-- Nothing may say that it is live, unless it is: the bus gets only what the history holds.
CREATE FUNCTION gatekeeper.announced_is_live() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    said jsonb := convert_from(NEW.payload, 'UTF8')::jsonb;
BEGIN
    IF NOT EXISTS (SELECT FROM gatekeeper.live_history h JOIN gatekeeper.prompt_versions v USING (project, digest)
                   WHERE (h.project, h.environment, h.name, h.sequence, h.digest) = (said ->> 'project',
                       said ->> 'environment', said ->> 'name', (said ->> 'sequence')::bigint, said ->> 'digest')
                   AND v.canonical::jsonb = said -> 'document') THEN
        PERFORM gatekeeper.refuse('not-live', 'prompt.live may only say what the history of live versions holds');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER announced_is_live BEFORE INSERT OR UPDATE OF topic, payload ON gatekeeper.outbox
    FOR EACH ROW WHEN (NEW.topic = 'prompt.live') EXECUTE FUNCTION gatekeeper.announced_is_live();
