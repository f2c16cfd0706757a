-- Canonical text, digests, refusals and immutable rows.

-- RFC 8785 of a flat object whose values are texts, whole numbers, booleans or null.
CREATE OR REPLACE FUNCTION gatekeeper.canonical(flat jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '{' || string_agg(to_json(key)::text || ':' || value::text, ',' ORDER BY key COLLATE "C") || '}'
    FROM jsonb_each(flat)
$$;

-- Hexadecimal SHA-256 of a text's UTF-8 bytes.
CREATE OR REPLACE FUNCTION gatekeeper.sha256_hex(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to(content, 'UTF8')), 'hex')
$$;

-- A moment as canonical forms write it: RFC 3339, UTC, microseconds.
CREATE OR REPLACE FUNCTION gatekeeper.rfc3339(moment timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- Ends the transaction with a code that the API answers with. SQLSTATE RG001 is ours alone.
CREATE OR REPLACE FUNCTION gatekeeper.refuse(code text, because text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'RG001', MESSAGE = code, DETAIL = because;
END $$;

CREATE OR REPLACE FUNCTION gatekeeper.unchangeable() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    PERFORM gatekeeper.refuse('immutable', format('rows of %s are never changed or removed', TG_TABLE_NAME));
    RETURN NULL;
END $$;

-- Guards a table's rows, and the whole table against TRUNCATE.
CREATE OR REPLACE FUNCTION gatekeeper.freeze(frozen regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER frozen_rows BEFORE UPDATE OR DELETE ON %s
                    FOR EACH ROW EXECUTE FUNCTION gatekeeper.unchangeable()', frozen);
    EXECUTE format('CREATE TRIGGER frozen_table BEFORE TRUNCATE ON %s
                    FOR EACH STATEMENT EXECUTE FUNCTION gatekeeper.unchangeable()', frozen);
END $$;
