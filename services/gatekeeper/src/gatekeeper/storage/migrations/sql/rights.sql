-- The service reads all tables. It writes only those by which nothing goes live; for all else it calls functions.

REVOKE ALL ON ALL TABLES IN SCHEMA gatekeeper FROM ratchet_gatekeeper, PUBLIC;
REVOKE USAGE ON TYPE gatekeeper.principal FROM PUBLIC;

GRANT SELECT ON ALL TABLES IN SCHEMA gatekeeper TO ratchet_gatekeeper;
GRANT INSERT, UPDATE, DELETE ON gatekeeper.outbox, gatekeeper.inbox, gatekeeper.dead_letters, gatekeeper.relay_lease,
    gatekeeper.subscriptions, gatekeeper.consumed_positions TO ratchet_gatekeeper;
GRANT INSERT ON gatekeeper.prompt_versions, gatekeeper.examples, gatekeeper.example_sets, gatekeeper.observed,
    gatekeeper.live_signatures, gatekeeper.audit_anchors TO ratchet_gatekeeper;
