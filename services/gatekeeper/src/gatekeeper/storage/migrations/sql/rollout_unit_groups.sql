-- Sums of the values of each arm by groups of users or sessions (a hash of the id, 0 to 1,023), for plans by unit.
-- See docs/decisions/0046. The service writes them.
CREATE TABLE gatekeeper.rollout_unit_groups (
    rollout_id uuid NOT NULL,
    step       integer NOT NULL,
    metric     text NOT NULL,
    arm        text NOT NULL CHECK (arm IN ('base', 'candidate')),
    unit_group smallint NOT NULL CHECK (unit_group BETWEEN 0 AND 1023),
    n          bigint NOT NULL,
    total      double precision NOT NULL,
    PRIMARY KEY (rollout_id, step, metric, arm, unit_group),
    FOREIGN KEY (rollout_id, step, metric, arm) REFERENCES gatekeeper.rollout_measurements
);
REVOKE ALL ON gatekeeper.rollout_unit_groups FROM ratchet_gatekeeper, PUBLIC;
GRANT SELECT, INSERT, UPDATE ON gatekeeper.rollout_unit_groups TO ratchet_gatekeeper;
