"""Golden cases and prompts that commands name: files, or contents on the server. Slow imports are made when needed."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

from ratchet.cli.output import Exit, fail
from ratchet.cli.session import Session, get, session

if TYPE_CHECKING:
    from ratchet.prompt import Prompt
    from ratchet_evaluation.domain.cases import EvaluatorSpec
    from ratchet_evaluation.domain.golden_set import GoldenSet
    from ratchet_evaluation.golden_files import Manifest

_DIGEST = "sha256:"


def read_cases(dataset: str, evaluators: list[str]) -> "tuple[GoldenSet, Manifest]":
    """Return the golden cases of a file, or of a dataset's published version; what is invalid ends the command.

    A dataset is named as NAME, for its latest version, or as NAME@DIGEST. There a file goes before a dataset.
    """
    from ratchet_evaluation.domain.case_fields import CaseError
    from ratchet_evaluation.evaluator_flags import parse_evaluator_flags
    from ratchet_evaluation.golden_files import DatasetError, read_golden_set

    name, _, digest = dataset.partition("@")
    try:
        specs: tuple[EvaluatorSpec, ...] = parse_evaluator_flags(evaluators)
        if Path(dataset).is_file():
            return read_golden_set(Path(dataset), specs)
        if not name or name.endswith(".jsonl") or "/" in name or "\\" in name:
            fail(f"--dataset: there is no file {dataset}", Exit.USAGE)
        return _fetch_cases(name, digest, specs)
    except (CaseError, DatasetError, OSError) as error:
        fail(str(error), Exit.USAGE)


def _fetch_cases(name: str, digest: str, specs: "tuple[EvaluatorSpec, ...]") -> "tuple[GoldenSet, Manifest]":
    """Return a published version: it is verified as a pulled file is."""
    from ratchet_evaluation.golden_files import manifest_path, read_golden_set

    with TemporaryDirectory() as folder, session("maker") as server:
        path = Path(folder) / f"{name}.jsonl"
        content, manifest = download_version(server, name, digest or latest_digest(server, name))
        path.write_bytes(content)
        manifest_path(path).write_bytes(manifest)
        return read_golden_set(path, specs)


def download_version(server: Session, name: str, digest: str) -> tuple[bytes, bytes]:
    """Return the two files of a published version: cases, and manifest."""
    version = f"{dataset_path(name)}/versions/{quote(digest)}"
    cases, manifest = (b"".join(server.stream(f"{version}/{part}")) for part in ("export", "manifest"))
    return cases, manifest


def latest_digest(server: Session, name: str) -> str:
    """Return the digest of the version that was published last; ends the command without one."""
    latest = server.get(dataset_path(name))["latest"]
    if latest is None:
        fail(f"{name} has no published version: ratchet dataset publish {name}", Exit.NOT_FOUND)
    return str(latest["digest"])


def dataset_path(name: str) -> str:
    """Return the path of a dataset on the server."""
    return f"/v1/datasets/{quote(name, safe='')}"


def read_prompt(source: str, flag: str) -> "Prompt":
    """Return the prompt of a file, or of a digest that the server knows; an invalid one ends the command."""
    from ratchet.client.prompts import default_prompt
    from ratchet.prompt import PromptError, parse

    try:
        if not source.startswith(_DIGEST) or Path(source).is_file():
            return default_prompt(Path(source))
        found = parse(get("maker", f"/v1/versions/{quote(source)}").get("document"))
    except (PromptError, OSError, ValueError) as error:
        fail(f"{flag}: {source}: {error}", Exit.USAGE)
    if found.digest != source:
        fail(f"{flag}: the server's document has the digest {found.digest}, not {source}")
    return found
