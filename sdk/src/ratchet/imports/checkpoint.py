"""Progress of the import of a file, kept in a file next to the rejected rows."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A file that holds the number of the last row for which the server has answered.

    `import_id` identifies what is imported: the file, the mapping and the server.
    """

    path: Path
    import_id: str

    def load(self) -> int | None:
        """Return the number of the last row that was sent; None without a checkpoint of this import."""
        try:
            stored = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        known = isinstance(stored, dict) and stored.get("import") == self.import_id
        return stored["row"] if known and isinstance(stored.get("row"), int) else None

    def save(self, row: int) -> None:
        """Store the number of the last row that was sent; readers see the former or the new one."""
        beside = self.path.with_name(self.path.name + ".new")
        beside.write_text(json.dumps({"import": self.import_id, "row": row}), "utf-8")
        os.replace(beside, self.path)

    def delete(self) -> None:
        """Delete the checkpoint: the import is complete."""
        self.path.unlink(missing_ok=True)


def import_id(file: Path, url: str, mapping: Mapping[str, Any]) -> str:
    """Return an id that changes with the file's content, the server and the mapping."""
    found = file.stat()
    facts = [str(file.resolve()), found.st_size, found.st_mtime_ns, url, mapping]
    return blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()
