"""Makes a version of a dataset from its accepted cases: the golden set, its file, and the manifest of the file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.domain.datasets import GoldenDataset
from ratchet.prompt.canonical import canonical_bytes
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.golden_files import Manifest, manifest_json


@dataclass(frozen=True, slots=True)
class Publication:
    """What is stored of a version: `content` is a file of JSON lines, `manifest` the file next to it."""

    golden_set: GoldenSet
    content: bytes
    manifest: str


def make_publication(dataset: GoldenDataset, accepted: Sequence[GoldenCase]) -> Publication:
    """Return the version of these cases, in their order; `ratchet dataset` reads its files."""
    golden_set = GoldenSet(tuple(accepted))
    content = b"".join(canonical_bytes(case.to_json()) + b"\n" for case in accepted)
    manifest = manifest_json(Manifest(dataset.key.name, dataset.licence), golden_set, content)
    return Publication(golden_set, content, json.dumps(manifest, indent=2) + "\n")
