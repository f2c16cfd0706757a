-- Canonical text, digests, refusals and immutable rows.

-- Return RFC 8785 of a flat object whose values are texts, integers, booleans or null.
CREATE OR REPLACE FUNCTION gatekeeper.canonical(flat jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '{' || string_agg(to_json(key)::text || ':' || value::text, ',' ORDER BY key COLLATE "C") || '}'
    FROM jsonb_each(flat)
$$;

-- Return the hexadecimal SHA-256 of a text's UTF-8 bytes.
CREATE OR REPLACE FUNCTION gatekeeper.sha256_hex(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to(content, 'UTF8')), 'hex')
$$;

-- Return a time in the format of canonical forms: RFC 3339, UTC, microseconds.
CREATE OR REPLACE FUNCTION gatekeeper.rfc3339(moment timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- Abort the transaction with a code that the API answers with, as SQLSTATE RG001.
CREATE OR REPLACE FUNCTION gatekeeper.refuse(code text, reason_text text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'RG001', MESSAGE = code, DETAIL = reason_text;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM gatekeeper.refuse('immutable', format('rows of %s can''t be changed or deleted', TG_TABLE_NAME));
    RETURN NULL;
END $$;

-- Add triggers that refuse UPDATE, DELETE and TRUNCATE of a table.
CREATE OR REPLACE FUNCTION gatekeeper.make_immutable(frozen regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER frozen_rows BEFORE UPDATE OR DELETE ON %s
                    FOR EACH ROW EXECUTE FUNCTION gatekeeper.refuse_change()', frozen);
    EXECUTE format('CREATE TRIGGER frozen_table BEFORE TRUNCATE ON %s
                    FOR EACH STATEMENT EXECUTE FUNCTION gatekeeper.refuse_change()', frozen);
END $$;
