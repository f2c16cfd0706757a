-- The service reads all, writes what nobody goes live by, and else only calls the doors below.

REVOKE ALL ON ALL TABLES IN SCHEMA gatekeeper FROM ratchet_gatekeeper, PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA gatekeeper FROM ratchet_gatekeeper, PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA gatekeeper REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE USAGE ON TYPE gatekeeper.speaker FROM PUBLIC;

GRANT SELECT ON ALL TABLES IN SCHEMA gatekeeper TO ratchet_gatekeeper;
GRANT INSERT, UPDATE, DELETE ON gatekeeper.outbox, gatekeeper.inbox, gatekeeper.dead_letters,
    gatekeeper.relay_lease, gatekeeper.subscriptions TO ratchet_gatekeeper;
GRANT INSERT ON gatekeeper.prompt_versions, gatekeeper.examples, gatekeeper.example_sets, gatekeeper.observed,
    gatekeeper.live_signatures, gatekeeper.audit_anchors TO ratchet_gatekeeper;

-- Checks on the tables above run as who inserts, and the view `tainted` reads by them.
GRANT EXECUTE ON FUNCTION gatekeeper.canonical(jsonb), gatekeeper.sha256_hex(text), gatekeeper.rfc3339(timestamptz),
    gatekeeper.refuse(text, text), gatekeeper.slots_of(text, text), gatekeeper.examples_of(text, text),
    gatekeeper.kept_examples(text, text)
    TO ratchet_gatekeeper;

-- The doors. Where a person must have spoken, the person's key comes as the first argument.
GRANT EXECUTE ON FUNCTION
    gatekeeper.open_proposal(uuid, text, text, text, text, text, text, text, text, integer, jsonb),
    gatekeeper.propose(text, uuid, text, text, text, text, text, jsonb),
    gatekeeper.withdraw(uuid, text, text, text),
    gatekeeper.decide(text, uuid, text, text, text, interval, text),
    gatekeeper.promote(uuid),
    gatekeeper.use_grant(uuid),
    gatekeeper.give_grant(text, text, text, integer, integer, timestamptz),
    gatekeeper.revoke_grant(text, uuid),
    gatekeeper.revoke_example(text, text, text),
    gatekeeper.roll_back(text, text, text, text, text),
    gatekeeper.cleanse(text, text, text, text),
    gatekeeper.halt(text, text),
    gatekeeper.resume(text, text)
    TO ratchet_gatekeeper;
