-- Gradual rollouts. See docs/decisions/0045.

-- Plans by their digest; a decision binds one, or none for all traffic at once.
CREATE TABLE gatekeeper.rollout_plans (
    project   text NOT NULL REFERENCES gatekeeper.projects,
    digest    text NOT NULL,
    canonical text NOT NULL CHECK (length(canonical) <= 20000),
    PRIMARY KEY (project, digest),
    CHECK (digest = 'sha256:' || gatekeeper.sha256_hex(canonical))
);
SELECT gatekeeper.make_immutable('gatekeeper.rollout_plans');
ALTER TABLE gatekeeper.decisions ADD CONSTRAINT fk_decisions_rollout_plan
    FOREIGN KEY (project, rollout_plan) REFERENCES gatekeeper.rollout_plans,
    ADD CONSTRAINT ck_decisions_rollout_plan CHECK (rollout_plan IS NULL OR verdict = 'approved' AND base_digest IS NOT NULL);

CREATE TABLE gatekeeper.rollouts (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    decision_id      uuid NOT NULL UNIQUE,
    proposal_id      uuid NOT NULL REFERENCES gatekeeper.proposals,
    project          text NOT NULL,
    environment      text NOT NULL,
    name             text NOT NULL,
    target           text NOT NULL,
    base_digest      text NOT NULL,
    candidate_digest text NOT NULL,
    plan_digest      text NOT NULL,
    salt             text NOT NULL CHECK (length(salt) BETWEEN 16 AND 64),
    started_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    verdict          text GENERATED ALWAYS AS ('approved') STORED,
    UNIQUE (id, project, environment, name),
    FOREIGN KEY (project, plan_digest) REFERENCES gatekeeper.rollout_plans,
    FOREIGN KEY (project, base_digest) REFERENCES gatekeeper.prompt_versions,
    FOREIGN KEY (decision_id, project, environment, name, candidate_digest, verdict)
        REFERENCES gatekeeper.decisions (id, project, environment, name, digest, verdict)
);
CREATE INDEX ix_rollouts_name ON gatekeeper.rollouts (project, environment, name, started_at);
SELECT gatekeeper.make_immutable('gatekeeper.rollouts');

-- What happened to a rollout. `key_id` is null for what the gatekeeper did by itself; `weight`: the candidate's buckets
-- of 10,000 from then on.
CREATE TABLE gatekeeper.rollout_changes (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    rollout_id  uuid NOT NULL,
    revision    integer NOT NULL CHECK (revision > 0),
    project     text NOT NULL,
    environment text NOT NULL,
    name        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('started', 'advanced', 'completed', 'paused', 'resumed', 'rolled_back', 'superseded')),
    step        integer NOT NULL,
    weight      integer NOT NULL CHECK (weight BETWEEN 0 AND 10000),
    by          text NOT NULL,
    key_id      text REFERENCES gatekeeper.api_keys,
    reason      text NOT NULL CHECK (length(reason) <= 200),
    message     text NOT NULL CHECK (length(message) <= 5000),
    verdict     jsonb NOT NULL,
    audit_seq   bigint NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (rollout_id, revision),
    UNIQUE (id, project, environment, name),
    FOREIGN KEY (rollout_id, project, environment, name) REFERENCES gatekeeper.rollouts (id, project, environment, name),
    FOREIGN KEY (project, audit_seq) REFERENCES gatekeeper.audit
);
SELECT gatekeeper.make_immutable('gatekeeper.rollout_changes');

-- Each rollout with its last change. `since`: when its step began.
CREATE VIEW gatekeeper.rollout_states AS
    SELECT r.id, r.decision_id, r.proposal_id, r.project, r.environment, r.name, r.target, r.base_digest,
           r.candidate_digest, r.plan_digest, r.salt, r.started_at, c.id AS change_id, c.revision, c.kind,
           CASE c.kind WHEN 'paused' THEN 'paused' WHEN 'completed' THEN 'live' WHEN 'rolled_back' THEN 'rolled_back'
                       WHEN 'superseded' THEN 'superseded' ELSE 'running' END AS state,
           c.step, c.weight, c.by, c.reason, c.message, c.at AS changed_at,
           (SELECT min(x.at) FROM gatekeeper.rollout_changes x WHERE x.rollout_id = r.id AND x.step = c.step) AS since
    FROM gatekeeper.rollouts r
    JOIN LATERAL (SELECT * FROM gatekeeper.rollout_changes x WHERE x.rollout_id = r.id ORDER BY x.revision DESC LIMIT 1) c
      ON true;

-- Sums of what was measured of each arm in each step, on a scale where more is better. The service writes them.
CREATE TABLE gatekeeper.rollout_measurements (
    rollout_id uuid NOT NULL REFERENCES gatekeeper.rollouts,
    step       integer NOT NULL,
    metric     text NOT NULL,
    arm        text NOT NULL CHECK (arm IN ('base', 'candidate', 'unassigned')),
    bounded    boolean NOT NULL,
    n          bigint NOT NULL,
    total      double precision NOT NULL,
    squares    double precision NOT NULL,
    PRIMARY KEY (rollout_id, step, metric, arm)
);

ALTER TABLE gatekeeper.live_history ADD COLUMN rollout_change_id uuid UNIQUE,
    ADD CONSTRAINT fk_live_history_rollout_change FOREIGN KEY (rollout_change_id, project, environment, name)
        REFERENCES gatekeeper.rollout_changes (id, project, environment, name),
    DROP CONSTRAINT ck_live_history_one_authorisation,
    ADD CONSTRAINT ck_live_history_one_authorisation
        CHECK (num_nonnulls(decision_id, grant_use_id, rollback_id, rollout_change_id) = 1),
    DROP CONSTRAINT ck_live_history_reason,
    ADD CONSTRAINT ck_live_history_reason CHECK (CASE
        WHEN rollout_change_id IS NOT NULL THEN reason IN ('promoted', 'rolled_back')
        ELSE (rollback_id IS NULL) = (reason = 'promoted') END);
CREATE OR REPLACE VIEW gatekeeper.live AS
    SELECT DISTINCT ON (project, environment, name) *
    FROM gatekeeper.live_history
    ORDER BY project, environment, name, sequence DESC;

ALTER TABLE gatekeeper.live_signatures ADD COLUMN rollout_signature text;

REVOKE ALL ON gatekeeper.rollout_plans, gatekeeper.rollouts, gatekeeper.rollout_changes, gatekeeper.rollout_states,
    gatekeeper.rollout_measurements FROM ratchet_gatekeeper, PUBLIC;
GRANT SELECT ON gatekeeper.rollout_plans, gatekeeper.rollouts, gatekeeper.rollout_changes, gatekeeper.rollout_states,
    gatekeeper.rollout_measurements TO ratchet_gatekeeper;
-- Nothing goes live by a plan or a measurement alone.
GRANT INSERT ON gatekeeper.rollout_plans TO ratchet_gatekeeper;
GRANT INSERT, UPDATE ON gatekeeper.rollout_measurements TO ratchet_gatekeeper;

DROP FUNCTION IF EXISTS gatekeeper.decide(text, uuid, text, text, text, interval, text, text);
DROP FUNCTION IF EXISTS gatekeeper.go_live(text, text, text, text, text, text, uuid, uuid, uuid, text, jsonb);
