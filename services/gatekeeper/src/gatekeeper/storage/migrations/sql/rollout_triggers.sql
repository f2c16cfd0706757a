-- Triggers of rollouts.

CREATE TRIGGER check_rollout_insert BEFORE INSERT ON gatekeeper.rollouts
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.check_rollout_insert();
CREATE TRIGGER check_rollout_change_insert BEFORE INSERT ON gatekeeper.rollout_changes
    FOR EACH ROW EXECUTE FUNCTION gatekeeper.check_rollout_change_insert();
CREATE TRIGGER supersede_rollout AFTER INSERT ON gatekeeper.live_history
    FOR EACH ROW WHEN (NEW.rollout_change_id IS NULL) EXECUTE FUNCTION gatekeeper.supersede_rollout();
-- The end of a rollout by harm or by a person works while halted, as every rollback.
DROP TRIGGER check_not_halted ON gatekeeper.live_history;
CREATE CONSTRAINT TRIGGER check_not_halted AFTER INSERT ON gatekeeper.live_history
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.rollback_id IS NULL AND NEW.reason = 'promoted')
    EXECUTE FUNCTION gatekeeper.check_not_halted();
