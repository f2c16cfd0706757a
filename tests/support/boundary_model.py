"""Legitimacy of live versions, verified from the rows alone, without any check of the database itself."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

import rfc8785
from sqlalchemy.ext.asyncio import AsyncConnection

from ratchet.prompt import parse, with_slot

Row = Mapping[str, Any]
_TABLES = (
    "live_history",
    "decisions",
    "grants",
    "grant_uses",
    "grant_revocations",
    "rollbacks",
    "proposals",
    "prompt_versions",
    "example_sets",
    "example_revocations",
    "api_keys",
    "observed",
    "kill_switch_changes",
)


@dataclass(frozen=True)
class Tables:
    """All rows of the tables that authorisations are based on."""

    tables: Mapping[str, Sequence[Row]]

    @classmethod
    async def read(cls, conn: AsyncConnection) -> "Tables":
        found: dict[str, Sequence[Row]] = {}
        for table in _TABLES:
            rows = await conn.exec_driver_sql(f"SELECT * FROM gatekeeper.{table}")
            found[table] = [dict(row) for row in rows.mappings()]
        return cls(found)

    def by(self, table: str, column: str, value: object) -> Row | None:
        return next((row for row in self.tables[table] if row[column] == value), None)

    def text(self, project: str, digest: str | None) -> dict[str, Any] | None:
        rows = [row for row in self.tables["prompt_versions"] if (row["project"], row["digest"]) == (project, digest)]
        return dict(json.loads(rows[0]["canonical"])) if rows else None


async def violations(conn: AsyncConnection) -> list[str]:
    """Return every row of the history that is not based on exactly one valid authorisation; [] if all are."""
    return table_violations(await Tables.read(conn))


def table_violations(tables: Tables) -> list[str]:
    """Like `violations`, for given tables."""
    history = sorted(tables.tables["live_history"], key=lambda row: (row["environment"], row["name"], row["sequence"]))
    found = [f"{row['name']} {row['sequence']}: {what}" for row in history for what in _row(tables, history, row)]
    for column in ("decision_id", "grant_use_id", "rollback_id"):
        used = [row[column] for row in history if row[column] is not None]
        if len(used) != len(set(used)):
            found.append(f"a {column} is cited twice")
    return found


def _row(tables: Tables, history: Sequence[Row], row: Row) -> Iterable[str]:
    key_columns = ("project", "environment", "name")
    before = [other for other in history if all(other[p] == row[p] for p in key_columns)][: row["sequence"] - 1]
    if len(before) != row["sequence"] - 1:
        yield "its sequence leaves a gap"
    live = before[-1]["digest"] if before else None
    cited = [kind for kind in ("decision_id", "grant_use_id", "rollback_id") if row[kind] is not None]
    if len(cited) != 1:
        yield f"cites {len(cited)} authorisations"
        return
    check = {"decision_id": _decision, "grant_use_id": _grant_use, "rollback_id": _rollback}[cited[0]]
    yield from check(tables, row, live, before)
    if row["rollback_id"] is None and _halted(tables, row):
        yield "went live while halted"
    if tables.text(row["project"], row["digest"]) is None:
        yield "its content is not known"


def _decision(tables: Tables, row: Row, live: str | None, _: Sequence[Row]) -> Iterable[str]:
    decision = tables.by("decisions", "id", row["decision_id"])
    if decision is None:
        yield "cites no decision that there is"
        return
    proposal = tables.by("proposals", "id", decision["proposal_id"])
    if decision["verdict"] != "approved":
        yield "rests on a decision that says no"
    if any(decision[part] != row[part] for part in ("project", "environment", "name", "digest")):
        yield "rests on a decision about something else"
    if proposal is None or any(decision[p] != proposal[p] for p in ("digest", "base_digest", "environment", "name")):
        yield "rests on a decision about no such proposal"
    elif (proposal["author_kind"], proposal["author"]) == ("person", decision["decided_by"]):
        yield "was approved by its author"
    if row["at"] >= decision["expires_at"]:
        yield "rests on a decision past its time"
    if not _persons(tables, decision["key_id"], decision["decided_by"], row):
        yield "is based on a decision by a person without permission"
    if not _base_fits(tables, decision["base_digest"], live, row):
        yield "replaced something else than was approved"
    if not _hash_matches(decision, canonical_decision(decision)):
        yield "rests on an altered decision"


def _grant_use(tables: Tables, row: Row, live: str | None, _: Sequence[Row]) -> Iterable[str]:
    use = tables.by("grant_uses", "id", row["grant_use_id"])
    grant = tables.by("grants", "id", use["grant_id"]) if use is not None else None
    if use is None or grant is None:
        yield "cites no grant that there is"
        return
    ended = tables.by("grant_revocations", "grant_id", grant["id"])
    uses = [other for other in tables.tables["grant_uses"] if other["grant_id"] == grant["id"]]
    hour = [o for o in uses if use["used_at"] - timedelta(hours=1) < o["used_at"] <= use["used_at"]]
    if any(grant[part] != row[part] for part in ("project", "environment", "name")) or use["digest"] != row["digest"]:
        yield "rests on a grant for something else"
    if len(uses) > grant["uses"] or len(hour) > grant["per_hour"]:
        yield "rests on a grant that was used too often"
    if use["used_at"] >= grant["expires_at"] or (ended is not None and ended["at"] < use["used_at"]):
        yield "rests on a grant past its time"
    if not _persons(tables, grant["key_id"], grant["given_by"], row):
        yield "is based on a grant by a person without permission"
    old, new = tables.text(row["project"], live), tables.text(row["project"], row["digest"])
    if old is None or new is None or not _only_slot(old, new, grant["slot"]):
        yield "changed more than the grant's slot"


def _rollback(tables: Tables, row: Row, live: str | None, before: Sequence[Row]) -> Iterable[str]:
    record = tables.by("rollbacks", "id", row["rollback_id"])
    if record is None:
        yield "cites no rollback that there is"
        return
    ran = {digest for other in before for digest in (other["digest"], other["base_digest"])}
    if record["digest"] != row["digest"] or record["from_digest"] != live or record["to_digest"] not in ran:
        yield "went where it never was"
    if record["digest"] != record["to_digest"] and not _without_revoked(tables, record):
        yield "changed more than examples that were revoked"
    if not _persons(tables, record["key_id"], record["rolled_by"], row):
        yield "rolled back by a person without permission"


def _persons(tables: Tables, key_id: str, subject: str, row: Row) -> bool:
    key = tables.by("api_keys", "key_id", key_id)
    return key is not None and (key["subject_kind"], key["subject"], key["project"]) == (
        "person",
        subject,
        row["project"],
    ) and key["environment"] == row["environment"] and "review" in key["scopes"]  # fmt: skip


def _base_fits(tables: Tables, base: str | None, live: str | None, row: Row) -> bool:
    if live is not None or base is None:
        return base == live
    seen = {(o["environment"], o["name"], o["digest"]) for o in tables.tables["observed"]}
    return (row["environment"], row["name"], base) in seen


def _halted(tables: Tables, row: Row) -> bool:
    return any(_last_switched(tables, row, environment) for environment in ("*", row["environment"]))


def _last_switched(tables: Tables, row: Row, environment: str) -> bool:
    scope = (row["project"], environment)
    turns = [t for t in tables.tables["kill_switch_changes"] if (t["project"], t["environment"]) == scope]
    former = [turn for turn in sorted(turns, key=lambda turn: turn["revision"]) if turn["at"] < row["at"]]
    return bool(former and former[-1]["halted"])


def _only_slot(old: dict[str, Any], new: dict[str, Any], slot: str) -> bool:
    if slot not in old["slots"] or slot not in new["slots"]:
        return False
    return with_slot(parse(new), slot, old["slots"][slot]["set"]).digest == parse(old).digest


def _without_revoked(tables: Tables, record: Row) -> bool:
    old, new = (tables.text(record["project"], record[which]) for which in ("to_digest", "digest"))
    here = ("*", record["environment"])
    gone = {row["digest"] for row in tables.tables["example_revocations"] if row["environment"] in here}
    assert old is not None
    assert new is not None
    for name, slot in old["slots"].items():
        kept = [member for member in _members(tables, slot["set"]) if member not in gone]
        if kept != _members(tables, new["slots"][name]["set"]):
            return False
        new["slots"][name]["set"] = slot["set"]
    return bool(old == new)


def _members(tables: Tables, digest: str | None) -> list[str]:
    row = tables.by("example_sets", "digest", digest)
    return [] if row is None else list(json.loads(row["canonical"])["examples"])


def _hash_matches(row: Row, expected: bytes) -> bool:
    return bool(row["canonical"].encode() == expected and row["hash"] == sha256(expected).hexdigest())


def canonical_decision(row: Row) -> bytes:
    """Return the versioned canonical form of a decision, computed here from its columns: RFC 8785, with nulls."""
    same = ("proposal_id", "project", "environment", "name", "verdict", "digest", "base_digest", "rollout_plan")
    return rfc8785.dumps(
        {
            "schema": f"ratchet.decision/{row['form']}",
            "id": str(row["id"]),
            **{key: str(row[key]) if key == "proposal_id" else row[key] for key in same},
            "evaluation_digest": row["evaluation_digest"],
            "policy_version": row["policy_version"],
            "by": row["decided_by"],
            "decided_at": _rfc3339(row["decided_at"]),
            "expires_at": _rfc3339(row["expires_at"]),
            "uses": 1,
            "reason_digest": f"sha256:{sha256(row['reason'].encode()).hexdigest()}" if row["reason"] else None,
            "evidence_digest": row["evidence_digest"],
            "evaluation_rule": row["evaluation_rule"],
        }
    )


def _rfc3339(value: Any) -> str:
    return str(value.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
