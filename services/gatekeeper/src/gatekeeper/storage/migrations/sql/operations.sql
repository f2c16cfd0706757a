-- Acts in other services that belong into the audit: operators' acts on a service, and declarations of metrics.

-- One row an event that a service sent. What it says stands in the audit: ids, digests and numbers.
CREATE TABLE gatekeeper.reported_acts (
    event_id  uuid PRIMARY KEY,
    project   text NOT NULL,
    audit_seq bigint NOT NULL,
    FOREIGN KEY (project, audit_seq) REFERENCES gatekeeper.audit (project, seq)
);
SELECT gatekeeper.freeze('gatekeeper.reported_acts');

-- Appends an entry for a reported act, once an event. Whoever is named must have a key of the project.
CREATE FUNCTION gatekeeper.append_reported(in_event uuid, in_project text, kind text, in_by text, in_key text,
                                           facts jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM gatekeeper.lock_project(in_project);
    IF EXISTS (SELECT FROM gatekeeper.reported_acts r WHERE r.event_id = in_event) THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k
                   WHERE k.key_id = in_key AND k.project = in_project AND k.subject = in_by) THEN
        PERFORM gatekeeper.refuse('unknown-key', 'no key of this project belongs to who is named');
    END IF;
    INSERT INTO gatekeeper.reported_acts (event_id, project, audit_seq)
    VALUES (in_event, in_project, gatekeeper.append_audit(in_project, kind, in_by,
        jsonb_strip_nulls(facts) || jsonb_build_object('key_id', in_key)));
END $$;

-- `consumer` is null for a republish; `events`, `topic`, `since` and `lacking` are null for a resumed consumer.
CREATE FUNCTION gatekeeper.note_operation(in_event uuid, in_project text, environment text, operation text,
                                          service text, consumer text, events integer, topic text, since timestamptz,
                                          lacking boolean, in_by text, in_key text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF coalesce(operation NOT IN ('events_republished', 'consumer_resumed'), true)
       OR coalesce(service !~ '^[A-Za-z0-9._-]{1,100}$', true)
       OR consumer !~ '^[A-Za-z0-9._-]{1,100}$' OR topic !~ '^[A-Za-z0-9._-]{1,100}$' THEN
        PERFORM gatekeeper.refuse('not-ids', 'the audit takes ids only');
    END IF;
    PERFORM gatekeeper.append_reported(in_event, in_project, 'operation.' || operation, in_by, in_key,
        jsonb_build_object('environment', environment, 'service', service, 'consumer', consumer, 'events', events,
                           'topic', topic, 'since', gatekeeper.rfc3339(since), 'lacking', lacking));
END $$;

-- `target` is null for all targets. What the words of labels mean is in the digest only: people wrote them.
CREATE FUNCTION gatekeeper.note_declaration(in_event uuid, in_project text, environment text, target text, metric text,
                                            revision integer, digest text, direction text, scale_low double precision,
                                            scale_high double precision, labels integer, withdrawn boolean,
                                            in_by text, in_key text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF coalesce(digest !~ '^sha256:[0-9a-f]{64}$', true) OR direction NOT IN ('higher_is_better', 'lower_is_better')
       OR coalesce(length(metric) NOT BETWEEN 1 AND 300, true) OR length(target) > 200 THEN
        PERFORM gatekeeper.refuse('not-ids', 'the audit takes ids only');
    END IF;
    PERFORM gatekeeper.append_reported(in_event, in_project,
        CASE WHEN withdrawn THEN 'metric.withdrawn' ELSE 'metric.declared' END, in_by, in_key,
        jsonb_build_object('environment', environment, 'target', target, 'metric', metric, 'revision', revision,
                           'digest', digest, 'direction', direction, 'scale_low', scale_low::text,
                           'scale_high', scale_high::text, 'labels', labels));
END $$;

REVOKE ALL ON gatekeeper.reported_acts FROM PUBLIC;
GRANT SELECT ON gatekeeper.reported_acts TO ratchet_gatekeeper;
REVOKE ALL ON FUNCTION
    gatekeeper.append_reported(uuid, text, text, text, text, jsonb),
    gatekeeper.note_operation(uuid, text, text, text, text, text, integer, text, timestamptz, boolean, text, text),
    gatekeeper.note_declaration(uuid, text, text, text, text, integer, text, text, double precision, double precision,
                                integer, boolean, text, text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    gatekeeper.note_operation(uuid, text, text, text, text, text, integer, text, timestamptz, boolean, text, text),
    gatekeeper.note_declaration(uuid, text, text, text, text, integer, text, text, double precision, double precision,
                                integer, boolean, text, text)
    TO ratchet_gatekeeper;
