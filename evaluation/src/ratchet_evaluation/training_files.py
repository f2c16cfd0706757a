"""Files of training data: rows as JSON lines, with a manifest and a datasheet next to them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ratchet_evaluation.domain.training_data import GATES, TrainingData
from ratchet_evaluation.golden_files import file_digest

SCHEMA = "ratchet.training-data/1"
TrainingKind = Literal["pairs", "sft"]
_FORMS: dict[TrainingKind, str] = {
    "pairs": "preference pairs (`prompt`, `chosen`, `rejected`), as DPO trainers read them",
    "sft": "examples (`prompt`, `completion`), as trainers of supervised fine-tuning read them",
}


@dataclass(frozen=True, slots=True)
class TrainingAbout:
    """What a file is about. `held_out`: digests of the golden sets whose cases are left out, by name."""

    kind: TrainingKind
    selection: Mapping[str, str | None]
    held_out: Mapping[str, str]
    licence: str | None
    written_at: str


def beside(path: Path, ending: str) -> Path:
    """Return the path of a file next to the rows: `pairs.jsonl` has `pairs.manifest.json` and `pairs.datasheet.md`."""
    return path.with_name(f"{path.stem}.{ending}")


def write_training_files(path: Path, data: TrainingData, about: TrainingAbout) -> str:
    """Write rows, manifest and datasheet; return the digest of the rows. Raises OSError."""
    content = "".join(json.dumps(row.to_json(), ensure_ascii=False) + "\n" for row in data.rows).encode()
    digest = file_digest(content)
    manifest = {
        "schema": SCHEMA,
        "kind": about.kind,
        "file": digest,
        "rows": len(data.rows),
        "sources": data.count_sources(),
        "left_out": dict(sorted(data.left_out.items())),
        "gates": [*GATES],
        "held_out": {**about.held_out},
        "selection": {**about.selection},
        "licence": about.licence,
        "written_at": about.written_at,
    }
    path.write_bytes(content)
    beside(path, "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
    beside(path, "datasheet.md").write_text(render_datasheet(data, about, digest), "utf-8")
    return digest


_DATASHEET = """# Datasheet

## Composition

{rows}: {sources}. Licence: {licence}.
Written {written_at}. SHA-256 of the file: `{digest}`.

Each row has a `source`, and as `origin` the ids of the executions and feedback that it comes from; no users.

## Collection

Answers of an app to its users, selected by: {chosen}. What people judged is their own choice of what to judge, so it is
no fair sample of the traffic.

A row was kept only if:

{gates}
Left out:

{left_out}
## Golden sets that were held out

{held_out}
A model that was trained on what a golden set asks can't be judged by that set.

## Uses

Ratchet starts no training, and knows no model that was trained on this file. Names and postal addresses are not
recognised as personal data: read a sample before you use it.

## Maintenance

If a user is erased later, remove the rows whose `origin` names an execution of theirs, and what was trained on them.
Export again rather than keep old files.
"""


def render_datasheet(data: TrainingData, about: TrainingAbout, digest: str) -> str:
    """Return a datasheet after Gebru et al. (2021), Datasheets for Datasets, Communications of the ACM 64(12)."""
    chosen = ", ".join(f"{name} {value}" for name, value in about.selection.items() if value) or "everything"
    sources = ", ".join(f"{count} {name}" for name, count in data.count_sources().items()) or "none"
    left_out = "".join(f"- {count} × {reason}\n" for reason, count in sorted(data.left_out.items())) or "- nothing\n"
    held_out = "".join(f"- {name}, {each}\n" for name, each in about.held_out.items()) or "- none\n"
    gates = "".join(f"- {gate}\n" for gate in GATES)
    return _DATASHEET.format(
        rows=f"{len(data.rows)} {_FORMS[about.kind]}",
        sources=sources,
        licence=about.licence or "not stated",
        written_at=about.written_at,
        digest=digest,
        chosen=chosen,
        gates=gates,
        left_out=left_out,
        held_out=held_out,
    )
