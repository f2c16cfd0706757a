-- Proposals.

-- Trigger: only state and revision of an open proposal can change; and texts of erased examples are removed.
CREATE OR REPLACE FUNCTION gatekeeper.check_proposal_update() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NEW.content <> OLD.content AND to_jsonb(NEW) - 'content' = to_jsonb(OLD) - 'content'
       AND NEW.content = gatekeeper.without_erased(OLD.project, OLD.content) THEN
        RETURN NEW;
    END IF;
    IF OLD.state <> 'open' OR NEW.revision <= OLD.revision
       OR to_jsonb(NEW) - '{state,revision}'::text[] <> to_jsonb(OLD) - '{state,revision}'::text[] THEN
        PERFORM gatekeeper.refuse('immutable', 'only state and revision of an open proposal can change');
    END IF;
    RETURN NEW;
END $$;

-- Trigger: refuse a person's proposal without a change. A service's one is stored, and can't be approved.
CREATE OR REPLACE FUNCTION gatekeeper.check_proposal_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NEW.author_kind = 'person'
       AND (NEW.digest = NEW.base_digest OR gatekeeper.is_served(NEW.project, NEW.environment, NEW.name, NEW.digest))
       AND NOT EXISTS (SELECT FROM gatekeeper.proposals p WHERE p.id = NEW.id) THEN
        PERFORM gatekeeper.refuse('no-change', 'the document equals its base or is already live');
    END IF;
    RETURN NEW;
END $$;

-- Store a proposal. Return its state: an earlier withdrawal closes it at once; a repeat changes nothing.
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

-- Store the proposal of a service.
CREATE OR REPLACE FUNCTION gatekeeper.open_proposal(
    in_id uuid, in_project text, in_environment text, in_target text, in_name text, in_kind text, in_base text,
    in_digest text, in_author text, in_revision integer, in_content jsonb
) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT gatekeeper.store_proposal(in_id, in_project, in_environment, in_target, in_name, in_kind, in_base,
                                     in_digest, in_author, 'service', in_revision, in_content)
$$;

-- Store the proposal of a person, whom the key identifies.
CREATE OR REPLACE FUNCTION gatekeeper.propose(
    api_key text, in_id uuid, in_target text, in_name text, in_kind text, in_base text, in_digest text, in_content jsonb
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    principal gatekeeper.principal := gatekeeper.authorise_person(api_key, 'tune');
BEGIN
    RETURN gatekeeper.store_proposal(in_id, principal.project, principal.environment, in_target, in_name, in_kind, in_base,
                                     in_digest, principal.subject, 'person', 1, in_content);
END $$;

-- Close an open proposal, or one that has not arrived yet on arrival. Return the new revision, or null.
CREATE OR REPLACE FUNCTION gatekeeper.withdraw(in_id uuid, in_project text, reason_text text, by text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    now_revision integer;
BEGIN
    PERFORM gatekeeper.lock_project(in_project);
    INSERT INTO gatekeeper.withdrawals (proposal_id, project, reason) VALUES (in_id, in_project, reason_text)
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
