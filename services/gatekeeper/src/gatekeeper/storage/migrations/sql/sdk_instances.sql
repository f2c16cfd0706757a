-- What each instance of a client reports to serve. Clients report again within 30 s, so a crash may empty it.
CREATE UNLOGGED TABLE gatekeeper.sdk_instances (
    project     text NOT NULL,
    environment text NOT NULL,
    instance    text NOT NULL CHECK (length(instance) BETWEEN 1 AND 100),
    sdk         text NOT NULL CHECK (length(sdk) <= 100),
    stream_id   uuid,
    prompts     jsonb NOT NULL,
    reported_at timestamptz NOT NULL,
    PRIMARY KEY (project, environment, instance)
);
CREATE INDEX ix_sdk_instances_stream ON gatekeeper.sdk_instances (stream_id);
REVOKE ALL ON gatekeeper.sdk_instances FROM ratchet_gatekeeper, PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON gatekeeper.sdk_instances TO ratchet_gatekeeper;
