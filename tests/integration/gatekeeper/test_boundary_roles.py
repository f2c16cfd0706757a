"""Generated SQL: each service's role × each table, function and view of the boundary × each statement.

Only what `_ALLOWED` names may be possible. Everything else must fail with insufficient privilege, before any other
check; afterwards live versions, keys and guards must be unchanged.
"""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from shared.runtime.roles import ensure_role
from tests.support.databases import as_role
from tests.support.gatekeeper import World, digest, document

ROLES = ("ratchet_collector", "ratchet_analyzer", "ratchet_proposer", "ratchet_evaluator", "ratchet_gatekeeper")
ONE, TWO = document("One"), document("Two")
NO_RIGHT = {"42501"}

_MESSAGING = ("outbox", "inbox", "dead_letters", "relay_lease", "subscriptions", "consumed_positions", "sdk_instances")
_ADDED = (
    "evaluation_requests",
    "prompt_versions",
    "examples",
    "example_sets",
    "observed",
    "live_signatures",
    "audit_anchors",
    "rollout_plans",
)
_ALLOWED = {
    ("ratchet_gatekeeper", table, verb) for table in _MESSAGING for verb in ("INSERT", "UPDATE", "DELETE", "MERGE")
} | {("ratchet_gatekeeper", table, "INSERT") for table in _ADDED}
_ALLOWED |= {
    ("ratchet_gatekeeper", table, verb)
    for table in ("erased_subjects", "acceptance", "rollout_measurements", "rollout_unit_groups")
    for verb in ("INSERT", "UPDATE")
}

# Every statement that writes, locks, re-owns or redefines a table. {t} is the table, {c} a column, {r} the role.
_ON_TABLES = {
    "INSERT": "INSERT INTO gatekeeper.{t} DEFAULT VALUES",
    "UPDATE": "UPDATE gatekeeper.{t} SET {c} = {c}",
    "DELETE": "DELETE FROM gatekeeper.{t}",
    "MERGE": "MERGE INTO gatekeeper.{t} x USING (SELECT 1) s ON false WHEN MATCHED THEN DELETE"
    " WHEN NOT MATCHED THEN INSERT DEFAULT VALUES",
    "TRUNCATE": "TRUNCATE gatekeeper.{t} CASCADE",
    "COPY": "COPY gatekeeper.{t} FROM PROGRAM 'echo 1'",
    "DROP": "DROP TABLE gatekeeper.{t} CASCADE",
    "DISABLE TRIGGER": "ALTER TABLE gatekeeper.{t} DISABLE TRIGGER ALL",
    "DISABLE USER TRIGGER": "ALTER TABLE gatekeeper.{t} DISABLE TRIGGER USER",
    "DROP COLUMN": "ALTER TABLE gatekeeper.{t} DROP COLUMN {c} CASCADE",
    "ADD COLUMN": "ALTER TABLE gatekeeper.{t} ADD COLUMN evil text",
    "DEFAULT": "ALTER TABLE gatekeeper.{t} ALTER COLUMN {c} DROP NOT NULL",
    "OWNER": "ALTER TABLE gatekeeper.{t} OWNER TO {r}",
    "RENAME": "ALTER TABLE gatekeeper.{t} RENAME TO evil",
    "SCHEMA": "ALTER TABLE gatekeeper.{t} SET SCHEMA public",
    "INHERIT": "CREATE TEMP TABLE evil () INHERITS (gatekeeper.{t})",
    "TRIGGER": "CREATE TRIGGER evil BEFORE INSERT ON gatekeeper.{t} FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "RULE": "CREATE RULE evil AS ON INSERT TO gatekeeper.{t} DO INSTEAD NOTHING",
    "POLICY": "CREATE POLICY evil ON gatekeeper.{t}",
    "ROW SECURITY": "ALTER TABLE gatekeeper.{t} ENABLE ROW LEVEL SECURITY",
    "INDEX": "CREATE INDEX evil ON gatekeeper.{t} ({c})",
    "GRANT": "GRANT ALL ON gatekeeper.{t} TO {r}",
}
_ON_VIEWS = {
    "INSERT": "INSERT INTO gatekeeper.{t} DEFAULT VALUES",
    "UPDATE": "UPDATE gatekeeper.{t} SET {c} = {c}",
    "DELETE": "DELETE FROM gatekeeper.{t}",
    "DROP": "DROP VIEW gatekeeper.{t} CASCADE",
    "REPLACE": "CREATE OR REPLACE VIEW gatekeeper.{t} AS SELECT 1",
    "OWNER": "ALTER VIEW gatekeeper.{t} OWNER TO {r}",
}
_ON_FUNCTIONS = {
    "DROP": "DROP FUNCTION {f} CASCADE",
    "OWNER": "ALTER FUNCTION {f} OWNER TO {r}",
    "INVOKER": "ALTER FUNCTION {f} SECURITY INVOKER",
    "DEFINER": "ALTER FUNCTION {f} SECURITY DEFINER",
    "SEARCH PATH": "ALTER FUNCTION {f} SET search_path = pg_temp",
    "RESET": "ALTER FUNCTION {f} RESET ALL",
    "GRANT": "GRANT EXECUTE ON FUNCTION {f} TO {r}",
    "RENAME": "ALTER FUNCTION {f} RENAME TO evil",
}
_AT_LARGE = (
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "SET session_replication_role = replica",
    "ALTER ROLE {r} SUPERUSER",
    "ALTER ROLE {r} CREATEROLE",
    "ALTER ROLE postgres PASSWORD 'evil'",
    "CREATE ROLE evil",
    "GRANT postgres TO {r}",
    "GRANT ratchet_gatekeeper TO ratchet_proposer",
    "SET ROLE pg_write_all_data",
    "GRANT pg_write_all_data TO {r}",
    "CREATE SCHEMA evil",
    "DROP SCHEMA gatekeeper CASCADE",
    "ALTER SCHEMA gatekeeper OWNER TO {r}",
    "ALTER SCHEMA gatekeeper RENAME TO evil",
    "GRANT ALL ON SCHEMA gatekeeper TO {r}",
    "CREATE TABLE gatekeeper.evil ()",
    "CREATE TABLE public.evil ()",
    "CREATE FUNCTION gatekeeper.evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION public.evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_catalog.sha256(bytea, int) RETURNS bytea LANGUAGE sql AS 'SELECT $1'",
    "CREATE OPERATOR gatekeeper.= (LEFTARG = text, RIGHTARG = text, FUNCTION = textne)",
    "CREATE EVENT TRIGGER evil ON ddl_command_start EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()",
    "CREATE EXTENSION dblink",
    "CREATE LANGUAGE plperlu",
    "ALTER SYSTEM SET session_replication_role = 'replica'",
    "ALTER ROLE {r} SET session_replication_role = 'replica'",
    "ALTER DATABASE {d} SET session_replication_role = 'replica'",
    "ALTER DATABASE {d} OWNER TO {r}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT ALL ON TABLES TO {r}",
    "REASSIGN OWNED BY postgres TO {r}",
    "DROP OWNED BY postgres",
    "UPDATE pg_catalog.pg_trigger SET tgenabled = 'D'",
    "UPDATE pg_catalog.pg_authid SET rolsuper = true",
    "DELETE FROM pg_catalog.pg_constraint",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
)

# What must not change: the rows that authorisations are based on, and the guards.
_STATE = """
SELECT 'history', h::text FROM gatekeeper.live_history h
UNION ALL SELECT 'live', l::text FROM gatekeeper.live l
UNION ALL SELECT 'decisions', d::text FROM gatekeeper.decisions d
UNION ALL SELECT 'grants', g::text FROM gatekeeper.grants g
UNION ALL SELECT 'uses', u::text FROM gatekeeper.grant_uses u
UNION ALL SELECT 'rollbacks', r::text FROM gatekeeper.rollbacks r
UNION ALL SELECT 'keys', k::text FROM gatekeeper.api_keys k
UNION ALL SELECT 'people', p::text FROM gatekeeper.people p
UNION ALL SELECT 'projects', p::text FROM gatekeeper.projects p
UNION ALL SELECT 'proposals', p::text FROM gatekeeper.proposals p
UNION ALL SELECT 'audit', a::text FROM gatekeeper.audit a
UNION ALL SELECT 'heads', a::text FROM gatekeeper.audit_heads a
UNION ALL SELECT 'signers', s::text FROM gatekeeper.signing_keys s
UNION ALL SELECT 'trigger', concat_ws(' ', t.tgrelid::regclass, t.tgname, t.tgenabled) FROM pg_trigger t
UNION ALL SELECT 'constraint', concat_ws(' ', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
          FROM pg_constraint c WHERE c.connamespace = 'gatekeeper'::regnamespace
UNION ALL SELECT 'function', concat_ws(' ', f.oid::regprocedure, f.proowner, f.prosecdef, f.prosrc,
                                              f.proconfig, f.proacl)
          FROM pg_proc f WHERE f.pronamespace = 'gatekeeper'::regnamespace
UNION ALL SELECT 'relation', concat_ws(' ', c.relname, c.relowner, c.relkind, c.relacl)
          FROM pg_class c WHERE c.relnamespace = 'gatekeeper'::regnamespace AND c.relkind IN ('r', 'v')
UNION ALL SELECT 'role', concat_ws(' ', r.rolname, r.rolsuper, r.rolcreaterole, r.rolbypassrls) FROM pg_roles r
UNION ALL SELECT 'schema', concat_ws(' ', n.nspname, n.nspowner, n.nspacl) FROM pg_namespace n
          WHERE n.nspname NOT LIKE 'pg\\_%'
ORDER BY 1, 2"""


@pytest.fixture
async def stage(gate: World) -> World:
    """ONE is live; the roles of all services exist."""
    await gate.promote(ONE)
    await gate.propose(TWO, digest(ONE))
    async with gate.owner.begin() as conn:
        for role in ROLES:
            await conn.run_sync(ensure_role, role.removeprefix("ratchet_"))
    return gate


@pytest.fixture(params=ROLES)
async def service_session(request: pytest.FixtureRequest, stage: World) -> AsyncIterator["ServiceSession"]:
    """A session with one service's role."""
    conn = await asyncpg.connect(as_role(stage.dsn, request.param))
    yield ServiceSession(stage, request.param, conn)
    await conn.close()


class ServiceSession:
    """Runs statements, each in its own transaction, which is committed if possible."""

    def __init__(self, gate: World, role: str, conn: Any) -> None:
        self.gate = gate
        self.role = role
        self.conn = conn

    async def attempt(self, statement: str) -> str:
        """Return the statement's SQLSTATE; "" if it succeeded."""
        try:
            await self.conn.execute(statement)
        except asyncpg.PostgresError as error:
            return str(error.sqlstate)
        return ""

    async def state(self) -> list[Any]:
        return await self.gate.sql(_STATE)


def refusals(statement: str) -> set[str]:
    """A GRANT without the grant option is only a warning that changes nothing."""
    return NO_RIGHT | {""} if statement.startswith("GRANT") else NO_RIGHT


async def _relations(gate: World, kind: str) -> dict[str, str]:
    rows = await gate.sql(
        """SELECT c.relname, (SELECT attname FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0
                              AND attgenerated = '' AND attidentity = '' ORDER BY attnum LIMIT 1)
           FROM pg_class c WHERE c.relnamespace = 'gatekeeper'::regnamespace AND CAST(c.relkind AS text) = :kind
           ORDER BY 1""",
        kind=kind,
    )
    return {row[0]: row[1] for row in rows}


async def test_roles_have_only_the_listed_table_privileges(service_session: ServiceSession) -> None:
    before, tried = await service_session.state(), 0
    for kind, statements in (("r", _ON_TABLES), ("v", _ON_VIEWS)):
        for relation, column in (await _relations(service_session.gate, kind)).items():
            for verb, statement in statements.items():
                if (service_session.role, relation, verb) in _ALLOWED:
                    continue
                sqlstate = await service_session.attempt(statement.format(t=relation, c=column, r=service_session.role))
                # 55000: such a view is not updatable by anyone.
                allowed = refusals(verb) | ({"55000"} if kind == "v" else set())
                assert sqlstate in allowed, f"{verb} on {relation} as {service_session.role}: {sqlstate or 'succeeded'}"
                tried += 1
    assert await service_session.state() == before
    assert tried > 400


async def test_no_role_can_redefine_a_function(service_session: ServiceSession) -> None:
    before, tried = await service_session.state(), 0
    functions = await service_session.gate.sql(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'gatekeeper'::regnamespace"
    )
    for (function,) in functions:
        for verb, statement in _ON_FUNCTIONS.items():
            sqlstate = await service_session.attempt(statement.format(f=function, r=service_session.role))
            assert sqlstate in refusals(verb), (
                f"{verb} of {function} as {service_session.role}: {sqlstate or 'succeeded'}"
            )
            tried += 1
    assert await service_session.state() == before
    assert tried > 300


async def test_roles_cannot_escalate(service_session: ServiceSession) -> None:
    before = await service_session.state()
    database = service_session.gate.dsn.split("?")[0].rpartition("/")[2]
    for statement in _AT_LARGE:
        sqlstate = await service_session.attempt(statement.format(r=service_session.role, d=database))
        assert sqlstate in refusals(statement) or sqlstate not in {"", *NO_RIGHT}, f"{statement} succeeded"
        await service_session.attempt("RESET ROLE")
        await service_session.attempt("RESET SESSION AUTHORIZATION")
    assert await service_session.state() == before


async def test_only_granted_functions_can_be_called_and_only_by_the_gatekeeper(service_session: ServiceSession) -> None:
    """Call every function with null arguments: without EXECUTE the call must fail."""
    before = await service_session.state()
    functions = {
        "open_proposal", "propose", "withdraw", "decide", "promote", "use_grant", "give_grant", "revoke_grant",
        "revoke_example", "roll_back", "remove_revoked", "halt", "resume",
        "make_link", "open_session", "close_session", "issue_key", "revoke_key",
            "record_settlement", "review_observed", "archive_prompt", "audit_kill_switch",
        "record_operation", "record_declaration", "record_dataset", "record_evaluation", "set_evaluation_rule",
        "erase_subject", "remove_erased", "start_rollout", "change_rollout", "steer_rollout",
    }  # fmt: skip
    helpers = {"canonical", "sha256_hex", "rfc3339", "refuse", "version_slots", "set_examples", "remaining_examples",
                   "unpack_messages", "evaluation_rule", "target_evaluation_rule", "has_arms_of"}  # fmt: skip
    rows = await service_session.gate.sql(
        """SELECT proname, oid::regprocedure::text, prosecdef, proisstrict, proconfig,
                  has_function_privilege(:role, oid, 'EXECUTE')
           FROM pg_proc WHERE pronamespace = 'gatekeeper'::regnamespace AND prorettype <> 'trigger'::regtype""",
        role=service_session.role,
    )
    assert {row[0] for row in rows if row[2]} == functions, "exactly the functions are SECURITY DEFINER"
    for name, signature, _, strict, settings, may_call in rows:
        assert settings, f"{name} has its own search_path"
        assert settings[0].startswith("search_path=pg_catalog"), settings
        assert may_call == (service_session.role == "ratchet_gatekeeper" and name in functions | helpers), name
        types = signature[signature.index("(") + 1 : -1]
        call = ", ".join(f"NULL::{kind}" for kind in types.split(",") if kind)
        sqlstate = await service_session.attempt(f"SELECT gatekeeper.{name}({call})")
        # A strict function with a null argument returns null before EXECUTE is checked.
        assert strict or (sqlstate in NO_RIGHT) == (not may_call), f"{name}: {sqlstate or 'succeeded'}"
    assert await service_session.state() == before


async def test_other_services_see_nothing_of_the_boundary(service_session: ServiceSession) -> None:
    """Exception: the ids in its inbox, which `republish` of other services needs."""
    for relation in await _relations(service_session.gate, "r"):
        sqlstate = await service_session.attempt(f"SELECT * FROM gatekeeper.{relation}")
        seen = service_session.role == "ratchet_gatekeeper" or relation in {"inbox", "subscriptions"}
        assert sqlstate == ("" if seen else "42501"), relation
