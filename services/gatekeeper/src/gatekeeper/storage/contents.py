"""Read and store contents by digest: versions, examples and example sets."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.content import Content
from gatekeeper.domain.registry import KnownVersion
from ratchet.prompt import Prompt, PromptError, parse

_VERSION = text(
    "SELECT digest, canonical, added_at FROM gatekeeper.prompt_versions WHERE project = :project AND digest = :digest"
)
_SETS = text("SELECT digest, canonical FROM gatekeeper.example_sets WHERE project = :project AND digest = ANY (:sets)")
_EXAMPLES = text(
    "SELECT digest, canonical FROM gatekeeper.examples WHERE project = :project AND digest = ANY (:digests)"
)
_REVOKED = text(
    """SELECT digest FROM gatekeeper.example_revocations
       WHERE project = :project AND environment IN ('*', :environment)"""
)


class ContentRepository:
    """Contents of a project in the transaction of `conn`. A stored content is never changed."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_versions(self, project: str, versions: Iterable[Content]) -> None:
        """Store prompt documents, unless they are stored."""
        await self._save("prompt_versions", project, versions)

    async def save_examples(self, project: str, examples: Iterable[Content]) -> None:
        """Store few-shot examples, unless they are stored."""
        await self._save("examples", project, examples)

    async def save_example_sets(self, project: str, sets: Iterable[Content]) -> None:
        """Store example sets, unless they are stored."""
        await self._save("example_sets", project, sets)

    async def get_version(self, project: str, digest: str) -> KnownVersion | None:
        """Return the document of a stored version and when it was added; None if it is unknown."""
        row = (await self._conn.execute(_VERSION, {"project": project, "digest": digest})).one_or_none()
        return None if row is None else KnownVersion(row.digest, json.loads(row.canonical), row.added_at)

    async def get_prompt(self, project: str, digest: str) -> Prompt | None:
        """Return a stored version; None if its content is unknown or not a valid prompt document."""
        version = await self.get_version(project, digest)
        try:
            return None if version is None else parse(version.document)
        except PromptError:
            return None

    async def list_set_members(self, project: str, sets: Iterable[str]) -> dict[str, list[str]]:
        """Return set digest → digests of its examples in order, for the known sets."""
        wanted = list(sets)
        found = await self._conn.execute(_SETS, {"project": project, "sets": wanted}) if wanted else ()
        return {row.digest: json.loads(row.canonical)["examples"] for row in found}

    async def list_slot_examples(
        self, project: str, documents: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, list[dict[str, str]]]]:
        """Return slot → examples of each document, for its filled slots. Raises KeyError if a text is not stored."""
        filled = [_filled_slots(document) for document in documents]
        sets = await self.list_set_members(project, {digest for slots in filled for digest in slots.values()})
        digests = [digest for members in sets.values() for digest in members]
        found = (await self._conn.execute(_EXAMPLES, {"project": project, "digests": digests})).all() if digests else []
        texts = {row.digest: _example(row.canonical) for row in found}
        return [
            {slot: [texts[member] for member in sets[digest]] for slot, digest in slots.items()} for slots in filled
        ]

    async def list_revoked_examples(self, project: str, environment: str) -> set[str]:
        """Return the digests of the examples that were revoked in an environment or the whole project."""
        found = await self._conn.execute(_REVOKED, {"project": project, "environment": environment})
        return set(found.scalars())

    async def _save(self, table: str, project: str, contents: Iterable[Content]) -> None:
        rows = [{"project": project, "digest": c.digest, "canonical": c.canonical} for c in contents]
        if rows:
            statement = f"""INSERT INTO gatekeeper.{table} (project, digest, canonical)
                            VALUES (:project, :digest, :canonical) ON CONFLICT DO NOTHING"""
            await self._conn.execute(text(statement), rows)


def _filled_slots(document: Mapping[str, Any]) -> dict[str, str]:
    """Return slot → digest of its example set, for the slots that hold one."""
    return {name: slot["set"] for name, slot in document.get("slots", {}).items() if slot["set"] is not None}


def _example(canonical: str) -> dict[str, str]:
    example = json.loads(canonical)
    return {"input": example["input"], "output": example["output"]}
