-- Which functions the service may call. Applied after each change of a function.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA gatekeeper FROM ratchet_gatekeeper, PUBLIC;

-- Check constraints of tables that the service writes, and the view `live_with_revoked`, run with the caller's rights.
GRANT EXECUTE ON FUNCTION gatekeeper.canonical, gatekeeper.sha256_hex, gatekeeper.rfc3339, gatekeeper.refuse,
    gatekeeper.version_slots, gatekeeper.set_examples, gatekeeper.remaining_examples
    TO ratchet_gatekeeper;

-- They take the API key of a person or service as the first argument and verify it.
GRANT EXECUTE ON FUNCTION gatekeeper.propose, gatekeeper.decide, gatekeeper.give_grant, gatekeeper.revoke_grant,
    gatekeeper.revoke_example, gatekeeper.roll_back, gatekeeper.remove_revoked, gatekeeper.halt, gatekeeper.resume,
    gatekeeper.make_link, gatekeeper.close_session, gatekeeper.issue_key, gatekeeper.revoke_key,
    gatekeeper.review_observed, gatekeeper.archive_prompt
    TO ratchet_gatekeeper;

-- They need no key: they use up an authorisation, exchange a sign-in token, or record events of other services.
GRANT EXECUTE ON FUNCTION gatekeeper.promote, gatekeeper.use_grant, gatekeeper.open_session, gatekeeper.open_proposal,
    gatekeeper.withdraw, gatekeeper.audit_kill_switch, gatekeeper.record_settlement, gatekeeper.record_operation,
    gatekeeper.record_declaration
    TO ratchet_gatekeeper;

-- Functions of later migrations, which the first one does not have yet: the trigger of the outbox, which runs with the
-- caller's rights, and those of evaluations, erasures and rollouts.
DO $$
DECLARE
    later text;
BEGIN
    FOREACH later IN ARRAY ARRAY['unpack_messages', 'record_dataset', 'record_evaluation', 'set_evaluation_rule',
                                 'evaluation_rule', 'target_evaluation_rule', 'erase_subject', 'remove_erased',
                                 'start_rollout', 'change_rollout', 'steer_rollout', 'has_arms_of'] LOOP
        IF to_regproc('gatekeeper.' || later) IS NOT NULL THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION gatekeeper.%I TO ratchet_gatekeeper', later);
        END IF;
    END LOOP;
END $$;
