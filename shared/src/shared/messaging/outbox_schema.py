"""SQL objects of the outbox besides its table: a function that unpacks a row, and a view of single messages."""


def outbox_objects(schema: str) -> list[str]:
    """Return statements that create the function `unpack_messages` and the view `outbox_messages` of a schema."""
    return [_UNPACK.format(schema=schema), _VIEW.format(schema=schema)]


# Same format as `shared.messaging.packed_messages`. Like `unpack` there, it fails unless the row holds exactly one
# message for each event id: a trigger that checks what it returns must see all that the relay will send.
_UNPACK = """
CREATE OR REPLACE FUNCTION {schema}.unpack_messages(event_ids bytea, messages bytea)
RETURNS TABLE (n integer, event_id uuid, headers bytea, payload bytea)
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    next_at bigint := 1;
    row_end bigint := octet_length(messages);
    header_size bigint;
    size bigint;
BEGIN
    FOR i IN 1 .. octet_length(event_ids) / 16 LOOP
        IF next_at + 7 > row_end THEN
            RAISE EXCEPTION 'message % has no sizes', i USING ERRCODE = 'data_corrupted';
        END IF;
        header_size := ('x' || encode(substring(messages FROM next_at::int FOR 4), 'hex'))::bit(32)::bigint;
        size := ('x' || encode(substring(messages FROM next_at::int + 4 FOR 4), 'hex'))::bit(32)::bigint;
        IF next_at + 7 + header_size + size > row_end THEN
            RAISE EXCEPTION 'message % is longer than its row', i USING ERRCODE = 'data_corrupted';
        END IF;
        n := i;
        event_id := encode(substring(event_ids FROM i * 16 - 15 FOR 16), 'hex')::uuid;
        headers := substring(messages FROM next_at::int + 8 FOR header_size::int);
        payload := substring(messages FROM (next_at + 8 + header_size)::int FOR size::int);
        next_at := next_at + 8 + header_size + size;
        RETURN NEXT;
    END LOOP;
    IF next_at <> row_end + 1 OR octet_length(event_ids) % 16 <> 0 THEN
        RAISE EXCEPTION 'the row has more messages than event ids' USING ERRCODE = 'data_corrupted';
    END IF;
END $$"""

_VIEW = """
CREATE OR REPLACE VIEW {schema}.outbox_messages AS
    SELECT o.id, m.n, o.shard, o.topic, o.key, m.event_id, m.headers, m.payload, o.created_at, o.sent_at,
           o.sent_at IS NOT NULL OR m.n <= o.sent AS is_sent
    FROM {schema}.outbox AS o CROSS JOIN LATERAL {schema}.unpack_messages(o.event_ids, o.messages) AS m"""
