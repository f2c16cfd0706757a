"""Golden sets in files: cases as JSON lines, with a manifest next to them that describes the file."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from ratchet_evaluation.domain.case_fields import CaseError, json_object, known_fields, name
from ratchet_evaluation.domain.cases import EvaluatorSpec, GoldenCase, parse_case, parse_evaluators
from ratchet_evaluation.domain.evaluators.catalog import check_case, check_spec
from ratchet_evaluation.domain.golden_set import GoldenSet, check_new, parent_circle

SCHEMA = "ratchet.golden-set-manifest/1"
_FIELDS = ("schema", "name", "licence", "evaluators", "digest", "file", "cases", "clusters", "protected", "origins",
           "consent")  # fmt: skip
_MAX_LINE = 1_000_000
_HOW = ": if the cases are right, run `ratchet dataset --manifest`"


class DatasetError(ValueError):
    """A file of cases or its manifest is invalid; the message names the file, the line and the field."""


@dataclass(frozen=True)
class Manifest:
    """What a manifest says about a set. `evaluators` are those of cases that name none."""

    name: str
    licence: str | None = None
    evaluators: tuple[EvaluatorSpec, ...] = ()
    digest: str | None = None
    file_digest: str | None = None


def manifest_path(dataset: Path) -> Path:
    """Return the path of a set's manifest: `cases.jsonl` has `cases.manifest.json`."""
    return dataset.with_name(f"{dataset.stem}.manifest.json")


def read_golden_set(
    path: Path, evaluators: Sequence[EvaluatorSpec] = (), *, check_manifest: bool = True
) -> tuple[GoldenSet, Manifest]:
    """Return the cases of a file and its manifest, which is optional and verified unless it is to be rewritten.

    `evaluators` are for cases that name none, instead of the manifest's. Raises DatasetError or OSError.
    """
    content = path.read_bytes()
    manifest = read_manifest(path)
    if check_manifest and manifest.file_digest not in (None, file_digest(content)):
        raise DatasetError(f"{manifest_path(path)}: file: is not the digest of {path.name}{_HOW}")
    defaults = tuple(evaluators) or manifest.evaluators
    golden_set = GoldenSet(tuple(_cases(path.name, content, defaults)))
    if not golden_set.cases:
        raise DatasetError(f"{path}: has no cases")
    circle = parent_circle(golden_set.cases)
    if circle is not None:
        raise DatasetError(f"{path}: parent: the case {circle} is derived from itself")
    if check_manifest and not evaluators and manifest.digest not in (None, golden_set.digest):
        raise DatasetError(f"{manifest_path(path)}: digest: is not that of the cases{_HOW}")
    return golden_set, replace(manifest, evaluators=defaults)


def read_manifest(dataset: Path) -> Manifest:
    """Return the manifest next to a file, or one with the name of the file. Raises DatasetError or OSError."""
    path = manifest_path(dataset)
    if not path.exists():
        return Manifest(dataset.stem)
    try:
        fields = known_fields(_parse_json(path.read_bytes()), _FIELDS)
        if fields.get("schema") != SCHEMA:
            raise CaseError("schema", f"must be {SCHEMA}")
        evaluators = parse_evaluators(fields.get("evaluators") or [], "evaluators")
        for i, spec in enumerate(evaluators):
            check_spec(spec, f"evaluators[{i}]")
        licence, digest, file = (_optional_name(fields.get(key), key) for key in ("licence", "digest", "file"))
        return Manifest(name(fields.get("name"), "name"), licence, evaluators, digest, file)
    except CaseError as error:
        raise DatasetError(f"{path}: {error}") from None


def manifest_json(manifest: Manifest, golden_set: GoldenSet, content: bytes) -> dict[str, Any]:
    """Return the manifest of a set and the bytes of its file."""
    cases = golden_set.cases
    consent = Counter(_consent_word(case.consent, "learning") for case in cases)
    return {
        "schema": SCHEMA,
        "name": manifest.name,
        "licence": manifest.licence,
        "evaluators": [spec.to_json() for spec in manifest.evaluators],
        "digest": golden_set.digest,
        "file": file_digest(content),
        "cases": len(cases),
        "clusters": len(golden_set.clusters),
        "protected": sum(case.protected for case in cases),
        "origins": dict(sorted(Counter(case.origin or "unknown" for case in cases).items())),
        "consent": {"learning": {word: consent[word] for word in ("yes", "no", "unknown")}},
    }


def file_digest(content: bytes) -> str:
    """Return the SHA-256 of a file's bytes, as `sha256sum` computes it, with the prefix of digests."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _cases(file: str, content: bytes, evaluators: Sequence[EvaluatorSpec]) -> Iterator[GoldenCase]:
    lines_by_id: dict[str, int] = {}
    lines_by_digest: dict[str, int] = {}
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            case = parse_case(json_object(_parse_json(line), ""), evaluators)
            check_case(case)
            check_new(case, lines_by_id, lines_by_digest)
        except CaseError as error:
            raise DatasetError(f"{file} line {number}: {error.field or 'case'}: {error.reason}") from None
        lines_by_id[case.id] = lines_by_digest[case.digest] = number
        yield case


def _parse_json(content: bytes) -> object:
    """Return a JSON value. Raises CaseError, also for duplicate keys, NaN and lines over 1 MB."""
    if len(content) > _MAX_LINE:
        raise CaseError("", f"is longer than {_MAX_LINE:,} bytes")
    try:
        return json.loads(content.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except CaseError:
        raise
    except json.JSONDecodeError as error:
        raise CaseError("", f"is not valid JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError):  # not UTF-8, or a number or depth that Python does not parse
        raise CaseError("", "is not valid JSON in UTF-8") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise CaseError(key[:64].encode("ascii", "backslashreplace").decode(), "is a duplicate key")
        found[key] = value
    return found


def _no_constant(constant: str) -> NoReturn:
    raise CaseError("", f"must not contain {constant}")


def _optional_name(value: object, field: str) -> str | None:
    return None if value is None else name(value, field)


def _consent_word(consent: Any, purpose: str) -> str:
    found = consent.get(purpose) if consent else None
    return "unknown" if found is None else "yes" if found else "no"
