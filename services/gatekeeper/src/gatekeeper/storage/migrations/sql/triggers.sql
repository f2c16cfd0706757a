-- Triggers, and the view that calls functions.

CREATE TRIGGER check_proposal_update BEFORE UPDATE ON gatekeeper.proposals
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.check_proposal_update();
CREATE TRIGGER frozen_rows BEFORE DELETE ON gatekeeper.proposals
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.refuse_change();
CREATE TRIGGER frozen_table BEFORE TRUNCATE ON gatekeeper.proposals
    FOR EACH STATEMENT EXECUTE FUNCTION gatekeeper.refuse_change();
CREATE TRIGGER check_decision_insert BEFORE INSERT ON gatekeeper.decisions
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.check_decision_insert();
CREATE TRIGGER check_grant_insert BEFORE INSERT ON gatekeeper.grants
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.check_grant_insert();
CREATE TRIGGER check_grant_use_insert BEFORE INSERT ON gatekeeper.grant_uses
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.check_grant_use_insert();
CREATE TRIGGER check_rollback_target BEFORE INSERT ON gatekeeper.rollbacks
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.check_rollback_target();
CREATE TRIGGER live_is_authorised BEFORE INSERT ON gatekeeper.live_history
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.live_is_authorised();
CREATE TRIGGER check_prompt_live_event BEFORE INSERT OR UPDATE OF topic, payload ON gatekeeper.outbox
    FOR EACH ROW WHEN (NEW.topic = 'prompt.live') EXECUTE FUNCTION gatekeeper.check_prompt_live_event();
CREATE TRIGGER add_kill_switch_lock AFTER INSERT ON gatekeeper.projects
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.add_kill_switch_lock();
CREATE CONSTRAINT TRIGGER check_not_halted AFTER INSERT ON gatekeeper.live_history
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.rollback_id IS NULL)
    EXECUTE FUNCTION gatekeeper.check_not_halted();
CREATE TRIGGER check_proposal_change BEFORE INSERT ON gatekeeper.proposals
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.check_proposal_change();
CREATE TRIGGER check_decision_change BEFORE INSERT ON gatekeeper.decisions
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.check_decision_change();
CREATE TRIGGER check_rollback_change BEFORE INSERT ON gatekeeper.rollbacks
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.check_rollback_change();
CREATE TRIGGER check_person_insert BEFORE INSERT ON gatekeeper.people
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.check_person_insert();

-- The live versions that serve a revoked example.
CREATE VIEW gatekeeper.live_with_revoked AS
    SELECT l.project, l.environment, l.name, l.target, l.digest
    FROM gatekeeper.live l
    WHERE EXISTS (SELECT FROM gatekeeper.version_slots(l.project, l.digest) s,
                              gatekeeper.set_examples(l.project, s.set_digest) e
                  JOIN gatekeeper.example_revocations r ON r.project = l.project AND r.digest = e.digest
                  WHERE r.environment IN ('*', l.environment));
