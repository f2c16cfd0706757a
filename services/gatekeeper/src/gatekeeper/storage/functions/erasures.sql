-- Erasure of a user from examples and proposals. Digests stay: they are in sets, authorisations and the audit.

-- Return the content of a proposal without the texts and users of erased examples.
CREATE OR REPLACE FUNCTION gatekeeper.without_erased(in_project text, content jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT CASE WHEN jsonb_array_length(jsonb_path_query_array(content, 'lax $.example_sets[*]')) = 0 THEN content
    ELSE jsonb_set(content, '{example_sets}', (
        SELECT jsonb_agg(s.example_set || jsonb_build_object('examples', (
            SELECT coalesce(jsonb_agg(CASE WHEN EXISTS (
                    SELECT FROM gatekeeper.erased_examples x
                    WHERE x.project = in_project AND x.digest = e.example ->> 'digest')
                THEN e.example || '{"input": "[erased]", "output": "[erased]", "user": null, "author": null}'
                ELSE e.example END ORDER BY e.n), '[]')
            FROM jsonb_array_elements(s.example_set -> 'examples') WITH ORDINALITY e(example, n))) ORDER BY s.n)
        FROM jsonb_array_elements(content -> 'example_sets') WITH ORDINALITY s(example_set, n))) END
$$;

-- Trigger: the text of an example can be deleted if it was erased.
CREATE OR REPLACE FUNCTION gatekeeper.check_example_delete() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM gatekeeper.erased_examples x WHERE (x.project, x.digest) = (OLD.project, OLD.digest)) THEN
        PERFORM gatekeeper.refuse('immutable', 'examples can''t be deleted unless their user was erased');
    END IF;
    RETURN OLD;
END $$;

-- Trigger: an erased example is not stored again.
CREATE OR REPLACE FUNCTION gatekeeper.skip_erased_example() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM gatekeeper.erased_examples x WHERE (x.project, x.digest) = (NEW.project, NEW.digest)) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;

-- Trigger: the content of a proposal is stored without erased examples.
CREATE OR REPLACE FUNCTION gatekeeper.erase_proposal_content() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
BEGIN
    NEW.content := gatekeeper.without_erased(NEW.project, NEW.content);
    RETURN NEW;
END $$;

-- Return the digests of the examples that have texts of a user, by the proposals that brought them.
CREATE OR REPLACE FUNCTION gatekeeper.examples_of(in_project text, in_subject text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
    SELECT coalesce(array_agg(DISTINCT e ->> 'digest'), '{}')
    FROM gatekeeper.proposals p, jsonb_path_query(p.content, 'lax $.example_sets[*].examples[*]') e
    WHERE p.project = in_project AND in_subject IN (e ->> 'user', e ->> 'author')
$$;

-- Revoke, withdraw and delete all that has texts of a user. The person who asked for it was authenticated by the
-- collector, perhaps with a key that has ended since. A repeat finds what is left.
CREATE OR REPLACE FUNCTION gatekeeper.erase_subject(in_erasure uuid, in_project text, in_environment text, in_subject text,
                                                    in_by text, in_key text)
RETURNS TABLE (examples integer, proposals integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    digests text[];
    erased text;
    p gatekeeper.proposals;
BEGIN
    PERFORM gatekeeper.lock_project(in_project);
    IF NOT EXISTS (SELECT FROM gatekeeper.api_keys k WHERE k.key_id = in_key AND k.project = in_project
                   AND k.subject = in_by AND k.subject_kind = 'person' AND 'admin' = ANY (k.scopes)) THEN
        PERFORM gatekeeper.refuse('unknown-key', 'the key does not belong to this admin in this project');
    END IF;
    digests := gatekeeper.examples_of(in_project, in_subject);
    examples := cardinality(digests);
    proposals := 0;
    IF NOT EXISTS (SELECT FROM gatekeeper.erasures e WHERE e.id = in_erasure) THEN
        INSERT INTO gatekeeper.erasures (id, project, requested_by, key_id, audit_seq)
        VALUES (in_erasure, in_project, in_by, in_key, gatekeeper.append_audit(in_project, 'erasure.performed', in_by,
            jsonb_build_object('erasure_id', in_erasure, 'environment', in_environment, 'key_id', in_key,
                               'examples', examples)));
    END IF;
    FOREACH erased IN ARRAY digests LOOP
        INSERT INTO gatekeeper.erased_examples (project, digest, erasure_id) VALUES (in_project, erased, in_erasure)
        ON CONFLICT DO NOTHING;
        INSERT INTO gatekeeper.example_revocations (project, environment, digest, by, reason)
        VALUES (in_project, '*', erased, in_by, 'erased') ON CONFLICT DO NOTHING;
        IF FOUND THEN
            PERFORM gatekeeper.append_audit(in_project, 'example.revoked', in_by, jsonb_build_object(
                'example', erased, 'environment', '*', 'key_id', in_key, 'erasure_id', in_erasure));
        END IF;
    END LOOP;
    FOR p IN SELECT * FROM gatekeeper.proposals x WHERE x.project = in_project AND x.state = 'open' AND EXISTS (
                 SELECT FROM jsonb_path_query(x.content, 'lax $.example_sets[*].examples[*]') e
                 WHERE e ->> 'digest' = ANY (digests)) LOOP
        INSERT INTO gatekeeper.withdrawals (proposal_id, project, reason) VALUES (p.id, in_project, 'evidence_erased')
        ON CONFLICT DO NOTHING;
        UPDATE gatekeeper.proposals x SET state = 'withdrawn', revision = p.revision + 1 WHERE x.id = p.id;
        PERFORM gatekeeper.append_audit(in_project, 'proposal.withdrawn', in_by,
            jsonb_build_object('proposal_id', p.id, 'revision', p.revision + 1, 'erasure_id', in_erasure));
        proposals := proposals + 1;
    END LOOP;
    UPDATE gatekeeper.proposals x SET content = gatekeeper.without_erased(in_project, x.content)
    WHERE x.project = in_project AND EXISTS (
        SELECT FROM jsonb_path_query(x.content, 'lax $.example_sets[*].examples[*]') e
        WHERE e ->> 'digest' = ANY (digests) AND e ->> 'input' <> '[erased]');
    DELETE FROM gatekeeper.examples x WHERE x.project = in_project AND x.digest = ANY (digests);
    RETURN NEXT;
END $$;

-- Replace a live version by the same version without revoked examples, by the authority of an erasure.
CREATE OR REPLACE FUNCTION gatekeeper.remove_erased(in_erasure uuid, in_environment text, in_name text, in_digest text)
RETURNS SETOF gatekeeper.live_history
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, gatekeeper, pg_temp AS $$
DECLARE
    e gatekeeper.erasures;
    now_live text;
BEGIN
    SELECT * INTO e FROM gatekeeper.erasures x WHERE x.id = in_erasure;
    IF e.id IS NULL THEN
        PERFORM gatekeeper.refuse('unknown-erasure', 'there is no such erasure');
    END IF;
    SELECT l.digest INTO now_live FROM gatekeeper.live l
    WHERE (l.project, l.environment, l.name) = (e.project, in_environment, in_name);
    IF now_live IS NOT DISTINCT FROM in_digest THEN
        PERFORM gatekeeper.refuse('no-change', 'this version is already live');
    END IF;
    RETURN QUERY SELECT * FROM gatekeeper.save_rollback(
        ROW(e.key_id, e.project, in_environment, e.requested_by, 'person', '{admin}')::gatekeeper.principal,
        in_environment, in_name, 'example_revoked', now_live, in_digest, '');
END $$;
