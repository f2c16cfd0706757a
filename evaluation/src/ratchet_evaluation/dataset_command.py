"""`ratchet dataset check`: check a file of golden cases, and write its manifest."""

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ratchet.cli.output import AsJson, Exit, as_json, fail, line, table
from ratchet_evaluation import command_options as flags

if TYPE_CHECKING:
    from ratchet_evaluation.domain.golden_set import GoldenSet
    from ratchet_evaluation.golden_files import Manifest

_MOST_PAIRS = 20


def check(
    file: flags.DatasetFile,
    evaluator: flags.Evaluators = None,
    manifest: flags.WriteManifest = False,
    name: flags.ManifestName = None,
    licence: flags.Licence = None,
    json: AsJson = False,
) -> None:
    """Check golden cases: fields, evaluators, duplicates and near-duplicates; with --manifest, describe them in a file.

    The manifest has the digests of file and set, the licence, origins and consent, and the evaluators of cases that
    name none. `ratchet eval` refuses a file that is not the one its manifest describes.

    Exit codes: 0 the cases are valid; 2 one is not, or the manifest describes another file.
    """
    if (name or licence) and not manifest:
        fail("--name and --licence are written with --manifest only", Exit.USAGE)
    golden_set, given = _read(file, evaluator or [], check_manifest=not manifest)
    if manifest:
        given = _write_manifest(file, golden_set, given, name, licence)
    found = _describe(golden_set, given)
    if json:
        as_json(found)
    else:
        _print(found)


def _read(file: Path, evaluators: list[str], check_manifest: bool) -> "tuple[GoldenSet, Manifest]":
    from ratchet_evaluation.domain.case_fields import CaseError
    from ratchet_evaluation.evaluator_flags import parse_evaluator_flags
    from ratchet_evaluation.golden_files import DatasetError, read_golden_set

    try:
        return read_golden_set(file, parse_evaluator_flags(evaluators), check_manifest=check_manifest)
    except (CaseError, DatasetError, OSError) as error:
        fail(str(error), Exit.USAGE)


def _write_manifest(
    file: Path, golden_set: "GoldenSet", given: "Manifest", name: str | None, licence: str | None
) -> "Manifest":
    """Write the manifest and return it. Fields that are not given keep their values."""
    from dataclasses import replace

    from ratchet_evaluation.golden_files import manifest_json, manifest_path

    changed = replace(given, name=name or given.name, licence=licence or given.licence)
    written = json_module.dumps(manifest_json(changed, golden_set, file.read_bytes()), indent=2) + "\n"
    try:
        manifest_path(file).write_text(written, "utf-8")
    except OSError as error:
        fail(str(error), Exit.USAGE)
    return changed


def _describe(golden_set: "GoldenSet", manifest: "Manifest") -> dict[str, Any]:
    from collections import Counter

    from ratchet_evaluation.domain.near_duplicates import find_near_duplicates

    cases = golden_set.cases
    return {
        "name": manifest.name,
        "licence": manifest.licence,
        "digest": golden_set.digest,
        "cases": len(cases),
        "clusters": len(golden_set.clusters),
        "protected": sum(case.protected for case in cases),
        "evaluators": dict(sorted(Counter(spec.name for case in cases for spec in case.evaluators).items())),
        "tags": dict(sorted(Counter(tag for case in cases for tag in case.tags).items())),
        "near_duplicates": [
            {"cases": [pair.first, pair.second], "similarity": pair.similarity} for pair in find_near_duplicates(cases)
        ],
    }


def _print(found: dict[str, Any]) -> None:
    line(f"{found['name']}: {found['cases']} cases, {found['clusters']} independent, {found['protected']} protected")
    line(f"digest {found['digest']}, licence {found['licence'] or 'unknown'}")
    table(("evaluator", "cases"), found["evaluators"].items())
    if found["tags"]:
        table(("tag", "cases"), found["tags"].items())
    pairs = found["near_duplicates"]
    if pairs:
        line(
            f"{len(pairs)} pairs of cases are nearly equal; each counts as an independent case unless one has `parent`:"
        )
        table(("case", "case", "similarity"), [(*pair["cases"], pair["similarity"]) for pair in pairs[:_MOST_PAIRS]])
