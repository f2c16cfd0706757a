-- Triggers, and the view that calls functions.

CREATE TRIGGER proposal_moves BEFORE UPDATE ON gatekeeper.proposals
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.proposal_moves();
CREATE TRIGGER frozen_rows BEFORE DELETE ON gatekeeper.proposals
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.unchangeable();
CREATE TRIGGER frozen_table BEFORE TRUNCATE ON gatekeeper.proposals
    FOR EACH STATEMENT EXECUTE FUNCTION gatekeeper.unchangeable();
CREATE TRIGGER decision_is_a_persons BEFORE INSERT ON gatekeeper.decisions
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.decision_is_a_persons();
CREATE TRIGGER grant_is_a_persons BEFORE INSERT ON gatekeeper.grants
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.grant_is_a_persons();
CREATE TRIGGER grant_use_is_covered BEFORE INSERT ON gatekeeper.grant_uses
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.grant_use_is_covered();
CREATE TRIGGER rollback_leads_back BEFORE INSERT ON gatekeeper.rollbacks
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.rollback_leads_back();
CREATE TRIGGER live_is_authorised BEFORE INSERT ON gatekeeper.live_history
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.live_is_authorised();
CREATE TRIGGER announced_is_live BEFORE INSERT OR UPDATE OF topic, payload ON gatekeeper.outbox
    FOR EACH ROW WHEN (NEW.topic = 'prompt.live') EXECUTE FUNCTION gatekeeper.announced_is_live();
CREATE TRIGGER add_loop_gate AFTER INSERT ON gatekeeper.projects
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.add_loop_gate();
CREATE CONSTRAINT TRIGGER not_halted_at_commit AFTER INSERT ON gatekeeper.live_history
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.rollback_id IS NULL)
    EXECUTE FUNCTION gatekeeper.not_halted_at_commit();
CREATE TRIGGER proposal_changes_something BEFORE INSERT ON gatekeeper.proposals
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.proposal_changes_something();
CREATE TRIGGER decision_changes_something BEFORE INSERT ON gatekeeper.decisions
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.decision_changes_something();
CREATE TRIGGER rollback_changes_something BEFORE INSERT ON gatekeeper.rollbacks
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.rollback_changes_something();
CREATE TRIGGER person_is_distinct BEFORE INSERT ON gatekeeper.people
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.person_is_distinct();

-- The live versions that serve a revoked example.
CREATE VIEW gatekeeper.tainted AS
    SELECT l.project, l.environment, l.name, l.target, l.digest
    FROM gatekeeper.live l
    WHERE EXISTS (SELECT FROM gatekeeper.slots_of(l.project, l.digest) s,
                              gatekeeper.examples_of(l.project, s.set_digest) e
                  JOIN gatekeeper.example_revocations r ON r.project = l.project AND r.digest = e.digest
                  WHERE r.environment IN ('*', l.environment));
