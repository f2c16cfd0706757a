-- Proposals and decisions.

CREATE TABLE gatekeeper.proposals (
    id          uuid PRIMARY KEY,
    project     text NOT NULL REFERENCES gatekeeper.projects,
    environment text NOT NULL,
    target      text NOT NULL,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    kind        text NOT NULL CHECK (kind IN ('restore', 'rollback', 'few_shot', 'edit', 'first_version')),
    base_digest text,
    digest      text NOT NULL,
    author      text NOT NULL,
    author_kind text NOT NULL CHECK (author_kind IN ('person', 'service')),
    content     jsonb NOT NULL,
    state       text NOT NULL DEFAULT 'open'
                CHECK (state IN ('open', 'approved', 'rejected', 'changes_requested', 'withdrawn')),
    revision    integer NOT NULL CHECK (revision > 0),
    opened_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (project, digest) REFERENCES gatekeeper.prompt_versions,
    UNIQUE (id, project, environment, name, digest)
);
CREATE INDEX ix_proposals_open ON gatekeeper.proposals (project, environment, state, opened_at);

-- A withdrawal may arrive before its proposal: topics are not ordered with each other.
CREATE TABLE gatekeeper.withdrawals (
    proposal_id uuid PRIMARY KEY,
    project     text NOT NULL REFERENCES gatekeeper.projects,
    reason      text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT gatekeeper.make_immutable('gatekeeper.withdrawals');

CREATE TABLE gatekeeper.decisions (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    proposal_id       uuid NOT NULL UNIQUE,
    project           text NOT NULL,
    environment       text NOT NULL,
    name              text NOT NULL,
    verdict           text NOT NULL CHECK (verdict IN ('approved', 'rejected', 'changes_requested')),
    digest            text NOT NULL,
    base_digest       text,
    rollout_plan      text,
    evaluation_digest text,
    policy_version    text NOT NULL,
    decided_by        text NOT NULL,
    key_id            text NOT NULL REFERENCES gatekeeper.api_keys,
    decided_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at        timestamptz NOT NULL,
    reason            text NOT NULL CHECK (length(reason) <= 2000),
    canonical         text NOT NULL,
    hash              text NOT NULL CHECK (hash = gatekeeper.sha256_hex(canonical)),
    form              smallint NOT NULL DEFAULT 1,
    CHECK (expires_at > decided_at AND expires_at <= decided_at + interval '1 day'),
    FOREIGN KEY (proposal_id, project, environment, name, digest)
        REFERENCES gatekeeper.proposals (id, project, environment, name, digest),
    FOREIGN KEY (project, decided_by) REFERENCES gatekeeper.people,
    UNIQUE (id, project, environment, name, digest, verdict)
);
SELECT gatekeeper.make_immutable('gatekeeper.decisions');
