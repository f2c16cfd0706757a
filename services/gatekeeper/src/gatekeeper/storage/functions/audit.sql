-- The hash-chained audit log.

-- Append an entry. The caller holds the project's lock.
CREATE OR REPLACE FUNCTION gatekeeper.append_entry(in_project text, kind text, by text, facts jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    head gatekeeper.audit_heads;
    next_seq bigint;
    content text;
BEGIN
    SELECT * INTO head FROM gatekeeper.audit_heads h WHERE h.project = in_project;
    next_seq := coalesce(head.seq, 0) + 1;
    content := gatekeeper.canonical(facts || jsonb_build_object(
        'schema', 'ratchet.audit/1', 'project', in_project, 'seq', next_seq, 'kind', kind, 'by', by,
        'at', gatekeeper.rfc3339(clock_timestamp()), 'previous', coalesce(head.hash, repeat('0', 64))));
    INSERT INTO gatekeeper.audit (project, seq, kind, entry, previous, hash)
    VALUES (in_project, next_seq, kind, content, coalesce(head.hash, repeat('0', 64)), gatekeeper.sha256_hex(content));
    INSERT INTO gatekeeper.audit_heads (project, seq, hash)
    VALUES (in_project, next_seq, gatekeeper.sha256_hex(content))
    ON CONFLICT (project) DO UPDATE SET seq = excluded.seq, hash = excluded.hash;
    RETURN next_seq;
END $$;

-- Append an entry. `facts` is flat and has ids, digests and numbers, never text of users.
CREATE OR REPLACE FUNCTION gatekeeper.append_audit(in_project text, kind text, by text, facts jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM gatekeeper.lock_project(in_project);
    PERFORM gatekeeper.audit_kill_switch(in_project);
    RETURN gatekeeper.append_entry(in_project, kind, by, facts);
END $$;

-- Store a reason. Return the part of an audit entry that names it; null without a reason.
CREATE OR REPLACE FUNCTION gatekeeper.save_reason(in_project text, reason_text text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    reason_digest text := 'sha256:' || gatekeeper.sha256_hex(nullif(reason_text, ''));
BEGIN
    IF reason_digest IS NOT NULL THEN
        INSERT INTO gatekeeper.reasons (project, digest, content) VALUES (in_project, reason_digest, reason_text)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN jsonb_build_object('reason_digest', reason_digest);
END $$;

-- Append an entry for an operator action in another service, once per event. The key must belong to the subject.
CREATE OR REPLACE FUNCTION gatekeeper.append_operator_action(in_event uuid, in_project text, kind text, in_by text, in_key text,
                                           facts jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM gatekeeper.lock_project(in_project);
    IF EXISTS (SELECT FROM gatekeeper.reported_acts r WHERE r.event_id = in_event) THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k
                   WHERE k.key_id = in_key AND k.project = in_project AND k.subject = in_by) THEN
        PERFORM gatekeeper.refuse('unknown-key', 'the key does not belong to this subject in this project');
    END IF;
    INSERT INTO gatekeeper.reported_acts (event_id, project, audit_seq)
    VALUES (in_event, in_project, gatekeeper.append_audit(in_project, kind, in_by,
        jsonb_strip_nulls(facts) || jsonb_build_object('key_id', in_key)));
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.record_settlement(in_event uuid, in_project text, letter uuid, service text, consumer text,
                                           topic text, outcome text, in_by text, in_key text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM gatekeeper.lock_project(in_project);
    IF EXISTS (SELECT FROM gatekeeper.letter_settlements s WHERE s.event_id = in_event) THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k
                   WHERE k.key_id = in_key AND k.project = in_project AND k.subject = in_by) THEN
        PERFORM gatekeeper.refuse('unknown-key', 'the key does not belong to this subject in this project');
    END IF;
    IF outcome NOT IN ('replayed', 'discarded')
       OR NOT (service || ' ' || consumer || ' ' || topic) ~ '^([A-Za-z0-9._-]{1,100}( |$)){3}$' THEN
        PERFORM gatekeeper.refuse('not-ids', 'the audit stores ids only');
    END IF;
    INSERT INTO gatekeeper.letter_settlements (event_id, project, audit_seq)
    VALUES (in_event, in_project, gatekeeper.append_audit(in_project, 'dead-letter.' || outcome, in_by,
        jsonb_build_object('key_id', in_key, 'letter_id', letter, 'service', service, 'consumer', consumer,
                           'topic', topic)));
END $$;

-- `consumer` is null for a republish; `events`, `topic`, `since` and `lacking` are null for a resumed consumer.
CREATE OR REPLACE FUNCTION gatekeeper.record_operation(in_event uuid, in_project text, environment text, operation text,
                                          service text, consumer text, events integer, topic text, since timestamptz,
                                          lacking boolean, in_by text, in_key text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF coalesce(operation NOT IN ('events_republished', 'consumer_resumed'), true)
       OR coalesce(service !~ '^[A-Za-z0-9._-]{1,100}$', true)
       OR consumer !~ '^[A-Za-z0-9._-]{1,100}$' OR topic !~ '^[A-Za-z0-9._-]{1,100}$' THEN
        PERFORM gatekeeper.refuse('not-ids', 'the audit stores ids only');
    END IF;
    PERFORM gatekeeper.append_operator_action(in_event, in_project, 'operation.' || operation, in_by, in_key,
        jsonb_build_object('environment', environment, 'service', service, 'consumer', consumer, 'events', events,
                           'topic', topic, 'since', gatekeeper.rfc3339(since), 'lacking', lacking));
END $$;

-- `target` is null for all targets. Labels are covered by the digest only: people wrote them.
CREATE OR REPLACE FUNCTION gatekeeper.record_declaration(in_event uuid, in_project text, environment text, target text, metric text,
                                            revision integer, digest text, direction text, scale_low double precision,
                                            scale_high double precision, labels integer, withdrawn boolean,
                                            in_by text, in_key text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF coalesce(digest !~ '^sha256:[0-9a-f]{64}$', true) OR direction NOT IN ('higher_is_better', 'lower_is_better')
       OR coalesce(length(metric) NOT BETWEEN 1 AND 300, true) OR length(target) > 200 THEN
        PERFORM gatekeeper.refuse('not-ids', 'the audit stores ids only');
    END IF;
    PERFORM gatekeeper.append_operator_action(in_event, in_project,
        CASE WHEN withdrawn THEN 'metric.withdrawn' ELSE 'metric.declared' END, in_by, in_key,
        jsonb_build_object('environment', environment, 'target', target, 'metric', metric, 'revision', revision,
                           'digest', digest, 'direction', direction, 'scale_low', scale_low::text,
                           'scale_high', scale_high::text, 'labels', labels));
END $$;
