-- Proposals.

-- Only state and revision move, and only away from open.
CREATE OR REPLACE FUNCTION gatekeeper.proposal_moves() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF OLD.state <> 'open' OR NEW.revision <= OLD.revision
       OR to_jsonb(NEW) - '{state,revision}'::text[] <> to_jsonb(OLD) - '{state,revision}'::text[] THEN
        PERFORM gatekeeper.refuse('immutable', 'a proposal is never edited');
    END IF;
    RETURN NEW;
END $$;

-- A service's proposal may arrive late: it is stored, and can't be approved. A repeat of a request answers as before.
CREATE OR REPLACE FUNCTION gatekeeper.proposal_changes_something() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NEW.author_kind = 'person'
       AND (NEW.digest = NEW.base_digest OR gatekeeper.is_served(NEW.project, NEW.environment, NEW.name, NEW.digest))
       AND NOT EXISTS (SELECT FROM gatekeeper.proposals p WHERE p.id = NEW.id) THEN
        PERFORM gatekeeper.refuse('no-change', 'the document is the one that it would replace, or is live already');
    END IF;
    RETURN NEW;
END $$;

-- Stores a proposal. Returns its state: an earlier withdrawal closes it at once; a repeat changes nothing.
CREATE OR REPLACE FUNCTION gatekeeper.store_proposal(
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
CREATE OR REPLACE FUNCTION gatekeeper.open_proposal(
    in_id uuid, in_project text, in_environment text, in_target text, in_name text, in_kind text, in_base text,
    in_digest text, in_author text, in_revision integer, in_content jsonb
) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT gatekeeper.store_proposal(in_id, in_project, in_environment, in_target, in_name, in_kind, in_base,
                                     in_digest, in_author, 'service', in_revision, in_content)
$$;

-- A proposal that a person wrote: the author is whoever the key belongs to.
CREATE OR REPLACE FUNCTION gatekeeper.propose(
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
CREATE OR REPLACE FUNCTION gatekeeper.withdraw(in_id uuid, in_project text, because text, by text) RETURNS integer
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
