-- A change changes something: no proposal, decision or rollback leads to what is live under the name already. Triggers,
-- so that it holds whichever function writes the row.

-- Whether apps are served this digest under the name.
CREATE FUNCTION gatekeeper.is_served(in_project text, in_environment text, in_name text, in_digest text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT EXISTS (SELECT FROM gatekeeper.live l WHERE (l.project, l.environment, l.name, l.digest)
                   = (in_project, in_environment, in_name, in_digest))
$$;

-- A service's proposal may arrive late: it is stored, and can't be approved. A repeat of a request answers as before.
CREATE FUNCTION gatekeeper.proposal_changes_something() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NEW.author_kind = 'person'
       AND (NEW.digest = NEW.base_digest OR gatekeeper.is_served(NEW.project, NEW.environment, NEW.name, NEW.digest))
       AND NOT EXISTS (SELECT FROM gatekeeper.proposals p WHERE p.id = NEW.id) THEN
        PERFORM gatekeeper.refuse('no-change', 'the document is the one that it would replace, or is live already');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER proposal_changes_something BEFORE INSERT ON gatekeeper.proposals
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.proposal_changes_something();

CREATE FUNCTION gatekeeper.decision_changes_something() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NEW.verdict = 'approved' AND gatekeeper.is_served(NEW.project, NEW.environment, NEW.name, NEW.digest) THEN
        PERFORM gatekeeper.refuse('no-change', 'the document is live already');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER decision_changes_something BEFORE INSERT ON gatekeeper.decisions
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.decision_changes_something();

CREATE FUNCTION gatekeeper.rollback_changes_something() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NEW.kind = 'rolled_back' AND gatekeeper.is_served(NEW.project, NEW.environment, NEW.name, NEW.digest) THEN
        PERFORM gatekeeper.refuse('no-change', 'this version is live already');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER rollback_changes_something BEFORE INSERT ON gatekeeper.rollbacks
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.rollback_changes_something();

REVOKE ALL ON FUNCTION gatekeeper.is_served(text, text, text, text), gatekeeper.proposal_changes_something(),
    gatekeeper.decision_changes_something(), gatekeeper.rollback_changes_something() FROM PUBLIC;
