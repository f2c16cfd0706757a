-- Proposals, and what people decided about them.

CREATE TABLE gatekeeper.proposals (
    id          uuid PRIMARY KEY,
    project     text NOT NULL REFERENCES gatekeeper.projects,
    environment text NOT NULL,
    target      text NOT NULL,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    kind        text NOT NULL CHECK (kind IN ('restore', 'rollback', 'few_shot', 'edit', 'first_version')),
    base_digest text,
    digest      text NOT NULL,
    author      text NOT NULL,
    author_kind text NOT NULL CHECK (author_kind IN ('person', 'service')),
    content     jsonb NOT NULL,
    state       text NOT NULL DEFAULT 'open'
                CHECK (state IN ('open', 'approved', 'rejected', 'changes_requested', 'withdrawn')),
    revision    integer NOT NULL CHECK (revision > 0),
    opened_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (project, digest) REFERENCES gatekeeper.prompt_versions,
    UNIQUE (id, project, environment, name, digest)
);
CREATE INDEX ix_proposals_open ON gatekeeper.proposals (project, environment, state, opened_at);

-- A withdrawal may come before its proposal: no topic waits for another.
CREATE TABLE gatekeeper.withdrawals (
    proposal_id uuid PRIMARY KEY,
    project     text NOT NULL REFERENCES gatekeeper.projects,
    reason      text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT gatekeeper.freeze('gatekeeper.withdrawals');

-- Only state and revision move, and only away from open.
CREATE FUNCTION gatekeeper.proposal_moves() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF OLD.state <> 'open' OR NEW.revision <= OLD.revision
       OR to_jsonb(NEW) - '{state,revision}'::text[] <> to_jsonb(OLD) - '{state,revision}'::text[] THEN
        PERFORM gatekeeper.refuse('immutable', 'a proposal is never edited');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER proposal_moves BEFORE UPDATE ON gatekeeper.proposals
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.proposal_moves();
CREATE TRIGGER frozen_rows BEFORE DELETE ON gatekeeper.proposals
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.unchangeable();
CREATE TRIGGER frozen_table BEFORE TRUNCATE ON gatekeeper.proposals
    FOR EACH STATEMENT EXECUTE FUNCTION gatekeeper.unchangeable();

CREATE TABLE gatekeeper.decisions (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    proposal_id       uuid NOT NULL UNIQUE,
    project           text NOT NULL,
    environment       text NOT NULL,
    name              text NOT NULL,
    verdict           text NOT NULL CHECK (verdict IN ('approved', 'rejected', 'changes_requested')),
    digest            text NOT NULL,
    base_digest       text,
    rollout_plan      text,
    evaluation_digest text,
    policy_version    text NOT NULL,
    decided_by        text NOT NULL,
    key_id            text NOT NULL REFERENCES gatekeeper.api_keys,
    decided_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at        timestamptz NOT NULL,
    reason            text NOT NULL CHECK (length(reason) <= 2000),
    canonical         text NOT NULL,
    hash              text NOT NULL CHECK (hash = gatekeeper.sha256_hex(canonical)),
    CHECK (expires_at > decided_at AND expires_at <= decided_at + interval '1 day'),
    FOREIGN KEY (proposal_id, project, environment, name, digest)
        REFERENCES gatekeeper.proposals (id, project, environment, name, digest),
    FOREIGN KEY (project, decided_by) REFERENCES gatekeeper.people,
    UNIQUE (id, project, environment, name, digest, verdict)
);
SELECT gatekeeper.freeze('gatekeeper.decisions');

-- What a decision binds, in its versioned canonical form.
CREATE FUNCTION gatekeeper.canonical_decision(d gatekeeper.decisions) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT gatekeeper.canonical(jsonb_build_object(
        'schema', 'ratchet.decision/1', 'id', d.id, 'proposal_id', d.proposal_id, 'project', d.project,
        'environment', d.environment, 'name', d.name, 'verdict', d.verdict, 'digest', d.digest,
        'base_digest', d.base_digest, 'rollout_plan', d.rollout_plan, 'evaluation_digest', d.evaluation_digest,
        'policy_version', d.policy_version, 'by', d.decided_by, 'decided_at', gatekeeper.rfc3339(d.decided_at),
        'expires_at', gatekeeper.rfc3339(d.expires_at), 'uses', 1))
$$;

-- However a decision comes to be, it is a reviewing person's, not the author's, and its form is what it says.
CREATE FUNCTION gatekeeper.decision_is_a_persons() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.key_id = NEW.key_id AND NOT k.revoked
                   AND k.subject_kind = 'person' AND k.subject = NEW.decided_by AND 'review' = ANY (k.scopes)
                   AND k.project = NEW.project AND k.environment = NEW.environment) THEN
        PERFORM gatekeeper.refuse('not-allowed', 'only a person who may review here decides');
    END IF;
    IF EXISTS (SELECT FROM gatekeeper.proposals p WHERE p.id = NEW.proposal_id
               AND p.author_kind = 'person' AND p.author = NEW.decided_by) THEN
        PERFORM gatekeeper.refuse('own-proposal', 'somebody else must decide about your proposal');
    END IF;
    NEW.canonical := gatekeeper.canonical_decision(NEW);
    NEW.hash := gatekeeper.sha256_hex(NEW.canonical);
    RETURN NEW;
END $$;
CREATE TRIGGER decision_is_a_persons BEFORE INSERT ON gatekeeper.decisions
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.decision_is_a_persons();

-- Stores a proposal. Returns its state: an earlier withdrawal closes it at once; a repeat changes nothing.
CREATE FUNCTION gatekeeper.store_proposal(
    in_id uuid, in_project text, in_environment text, in_target text, in_name text, in_kind text, in_base text,
    in_digest text, in_author text, in_author_kind text, in_revision integer, in_content jsonb
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    first_state text := CASE WHEN EXISTS (SELECT FROM gatekeeper.withdrawals w WHERE w.proposal_id = in_id)
                             THEN 'withdrawn' ELSE 'open' END;
    stored text;
BEGIN
    PERFORM gatekeeper.lock_project(in_project);
    INSERT INTO gatekeeper.proposals (id, project, environment, target, name, kind, base_digest, digest, author,
                                      author_kind, content, state, revision)
    VALUES (in_id, in_project, in_environment, in_target, in_name, in_kind, in_base, in_digest, in_author,
            in_author_kind, in_content, first_state, in_revision)
    ON CONFLICT (id) DO NOTHING RETURNING state INTO stored;
    IF stored IS NOT NULL THEN
        PERFORM gatekeeper.append_audit(in_project, 'proposal.opened', in_author, jsonb_build_object(
            'proposal_id', in_id, 'environment', in_environment, 'name', in_name, 'proposal_kind', in_kind,
            'base_digest', in_base, 'digest', in_digest));
    END IF;
    RETURN coalesce(stored, (SELECT state FROM gatekeeper.proposals p WHERE p.id = in_id));
END $$;

-- A proposal that a service drafted.
CREATE FUNCTION gatekeeper.open_proposal(
    in_id uuid, in_project text, in_environment text, in_target text, in_name text, in_kind text, in_base text,
    in_digest text, in_author text, in_revision integer, in_content jsonb
) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT gatekeeper.store_proposal(in_id, in_project, in_environment, in_target, in_name, in_kind, in_base,
                                     in_digest, in_author, 'service', in_revision, in_content)
$$;

-- A proposal that a person wrote: the author is whoever the key belongs to.
CREATE FUNCTION gatekeeper.propose(
    raw text, in_id uuid, in_target text, in_name text, in_kind text, in_base text, in_digest text, in_content jsonb
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'tune');
BEGIN
    RETURN gatekeeper.store_proposal(in_id, who.project, who.environment, in_target, in_name, in_kind, in_base,
                                     in_digest, who.subject, 'person', 1, in_content);
END $$;

-- Closes an open proposal; remembered where the proposal has not come yet. Returns the new revision, or null.
CREATE FUNCTION gatekeeper.withdraw(in_id uuid, in_project text, because text, by text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    now_revision integer;
BEGIN
    PERFORM gatekeeper.lock_project(in_project);
    INSERT INTO gatekeeper.withdrawals (proposal_id, project, reason) VALUES (in_id, in_project, because)
    ON CONFLICT DO NOTHING;
    UPDATE gatekeeper.proposals p SET state = 'withdrawn', revision = p.revision + 1
    WHERE p.id = in_id AND p.project = in_project AND p.author_kind = 'service' AND p.state = 'open'
    RETURNING p.revision INTO now_revision;
    IF now_revision IS NOT NULL THEN
        PERFORM gatekeeper.append_audit(in_project, 'proposal.withdrawn', by,
            jsonb_build_object('proposal_id', in_id, 'revision', now_revision));
    END IF;
    RETURN now_revision;
END $$;

-- A person's yes, no, or changes requested about exactly this digest.
CREATE FUNCTION gatekeeper.decide(
    raw text, in_proposal uuid, in_verdict text, in_digest text, in_reason text, lifetime interval, policy text
) RETURNS TABLE (decision_id uuid, revision integer, by text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    who gatekeeper.speaker := gatekeeper.person_of(raw, 'review');
    p gatekeeper.proposals;
    d gatekeeper.decisions;
    moment timestamptz;
BEGIN
    PERFORM gatekeeper.lock_project(who.project);
    SELECT * INTO p FROM gatekeeper.proposals x WHERE x.id = in_proposal AND x.project = who.project;
    IF p.id IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-proposal', 'there is no such proposal in this project');
    ELSIF p.environment <> who.environment THEN
        PERFORM gatekeeper.refuse('other-environment', 'the proposal belongs to another environment than the key');
    ELSIF p.state = 'withdrawn' THEN
        PERFORM gatekeeper.refuse('withdrawn', 'the proposal no longer stands');
    ELSIF p.state <> 'open' THEN
        PERFORM gatekeeper.refuse('already-decided', 'the proposal was decided before');
    ELSIF p.digest IS DISTINCT FROM in_digest THEN
        PERFORM gatekeeper.refuse('digest-mismatch', 'the decision is about another content than the proposal');
    END IF;
    moment := clock_timestamp();
    INSERT INTO gatekeeper.decisions (proposal_id, project, environment, name, verdict, digest, base_digest,
                                      policy_version, decided_by, key_id, decided_at, expires_at, reason)
    VALUES (p.id, p.project, p.environment, p.name, in_verdict, p.digest, p.base_digest,
            policy, who.subject, who.key_id, moment, moment + lifetime, in_reason)
    RETURNING * INTO d;
    UPDATE gatekeeper.proposals x SET state = in_verdict, revision = p.revision + 1 WHERE x.id = p.id;
    PERFORM gatekeeper.append_audit(d.project, 'proposal.decided', d.decided_by, jsonb_build_object(
        'proposal_id', p.id, 'decision_id', d.id, 'decision_hash', d.hash, 'verdict', d.verdict,
        'environment', d.environment, 'name', d.name, 'base_digest', d.base_digest, 'digest', d.digest,
        'key_id', d.key_id));
    RETURN QUERY SELECT d.id, p.revision + 1, d.decided_by;
END $$;
