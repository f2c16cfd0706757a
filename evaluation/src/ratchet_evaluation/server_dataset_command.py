"""`ratchet dataset push`, `publish` and `pull`: exchange golden cases with a dataset on the server."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ratchet.cli.confirmation import Yes, confirm
from ratchet.cli.output import AsJson, Exit, as_json, fail, line, table
from ratchet.cli.session import Session, session
from ratchet_evaluation import command_options as flags
from ratchet_evaluation.command_inputs import dataset_path, download_version, latest_digest

if TYPE_CHECKING:
    from ratchet_evaluation.domain.golden_set import GoldenSet
    from ratchet_evaluation.golden_files import Manifest

_MOST_CASES, _MOST_BYTES = 500, 1_000_000
"""Of a request."""
_MOST_SHOWN = 20


class _Pushed(NamedTuple):
    """What became of the cases of a file. `problems` have the id of their case."""

    added: int
    repeated: int
    problems: list[dict[str, Any]]
    near_duplicates: list[dict[str, Any]]


def push(
    file: flags.DatasetFile,
    name: flags.ServerDataset,
    target: flags.DatasetTarget,
    description: flags.DatasetDescription = None,
    evaluator: flags.Evaluators = None,
    accept: flags.AcceptCases = False,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Propose the cases of a file for a dataset on the server, which is created if there is none of this name.

    Cases that the dataset has already stay as they are. A person accepts or rejects proposed cases, in the console or
    with --accept, before they enter a version. The licence of the file's manifest becomes that of the dataset.

    Exit codes: 0 all cases are in the dataset; 1 some were refused; 2 the file is wrong.
    """
    golden_set, manifest = _read(file, evaluator or [])
    if accept:
        confirm(f"Accept the cases of {file.name} for {name}, in your name?", yes)
    about = {"target": target, "description": description, "licence": manifest.licence}
    with session("maker") as server:
        server.put(dataset_path(name), {field: value for field, value in about.items() if value is not None})
        pushed = _push(server, name, golden_set)
        accepted = _accept(server, name, golden_set) if accept else 0
    found = {"dataset": name, **pushed._asdict(), "accepted": accepted}
    if json:
        as_json(found)
    else:
        _print_pushed(name, pushed, accepted)
    if pushed.problems:
        fail(f"{len(pushed.problems)} cases were refused", Exit.FAILED)


def augment(name: flags.ServerDataset, kind: flags.AugmentationKinds, yes: Yes = False, json: AsJson = False) -> None:
    """Propose cases that ask the same as accepted ones of a dataset on the server, written otherwise.

    No model is used. Each counts as one independent case together with the case that it was made from, and enters a
    version after a person has accepted it.
    """
    from ratchet_evaluation.domain.augmentation import KINDS

    if unknown := [each for each in kind if each not in KINDS]:
        fail(f"--kind: {unknown[0]} is none of {', '.join(KINDS)}", Exit.USAGE)
    with session("maker") as server:
        accepted = server.get(dataset_path(name))["cases"]["accepted"]
        confirm(f"Propose variants ({', '.join(kind)}) of {accepted} accepted cases of {name}?", yes)
        found = server.post(f"{dataset_path(name)}/augmentations", {"kinds": kind}, timeout=120.0)
    if json:
        as_json(found)
        return
    line(f"{name}: {found['added']} cases proposed, {found['repeated']} were there already")
    if found["problems"]:
        fail(f"{len(found['problems'])} cases were refused: {found['problems'][0]['reason']}", Exit.FAILED)


def publish(name: flags.ServerDataset, yes: Yes = False, json: AsJson = False) -> None:
    """Publish the accepted cases of a dataset on the server as an immutable version.

    Evaluations of proposals for the dataset's target use it from then on. There is no new version if the latest one has
    the same cases.
    """
    with session("maker") as server:
        found = server.get(dataset_path(name))
        counts = found["cases"]
        confirm(f"Publish {counts['accepted']} accepted cases of {name} for {found['target']}?", yes)
        version = server.post(f"{dataset_path(name)}/versions", {})
    if json:
        as_json(version)
    else:
        line(f"{name} version {version['version']}: {version['cases']} cases, {version['clusters']} independent")
        line(f"digest {version['digest']}")
        if counts["proposed"]:
            line(f"{counts['proposed']} cases wait for a review")


def pull(
    name: flags.ServerDataset,
    file: flags.PulledFile = None,
    digest: flags.VersionDigest = None,
    force: flags.Overwrite = False,
    json: AsJson = False,
) -> None:
    """Write a published version of a dataset as a file of cases, with its manifest next to it; by default the latest.

    `ratchet eval --dataset` reads both.
    """
    from ratchet_evaluation.golden_files import DatasetError, manifest_path, read_golden_set

    path = file or Path(f"{name}.jsonl")
    beside = manifest_path(path)
    if existing := [str(each) for each in (path, beside) if each.exists() and not force]:
        fail(f"{' and '.join(existing)} exists: pass --force to replace it", Exit.USAGE)
    with session("maker") as server:
        content, manifest = download_version(server, name, digest or latest_digest(server, name))
    try:
        path.write_bytes(content)
        beside.write_bytes(manifest)
        golden_set, _ = read_golden_set(path)
    except (OSError, DatasetError) as error:
        fail(str(error))
    found = {"file": str(path), "manifest": str(beside), "digest": golden_set.digest, "cases": len(golden_set.cases)}
    if json:
        as_json(found)
    else:
        line(f"{path}: {len(golden_set.cases)} cases, digest {golden_set.digest}; manifest in {beside}")


def _read(file: Path, evaluators: list[str]) -> "tuple[GoldenSet, Manifest]":
    from ratchet_evaluation.domain.case_fields import CaseError
    from ratchet_evaluation.evaluator_flags import parse_evaluator_flags
    from ratchet_evaluation.golden_files import DatasetError, read_golden_set

    try:
        return read_golden_set(file, parse_evaluator_flags(evaluators))
    except (CaseError, DatasetError, OSError) as error:
        fail(str(error), Exit.USAGE)


def _push(server: Session, name: str, golden_set: "GoldenSet") -> _Pushed:
    added = repeated = 0
    problems: list[dict[str, Any]] = []
    pairs: list[dict[str, Any]] = []
    for part in _parts([case.to_json() for case in golden_set.cases]):
        answer = server.post(f"{dataset_path(name)}/cases", {"cases": part}, timeout=120.0)
        added, repeated = added + answer["added"], repeated + answer["repeated"]
        problems += [
            {"case": part[it["line"] - 1]["id"], "field": it["field"], "reason": it["reason"]}
            for it in answer["problems"]
        ]
        pairs += answer["near_duplicates"]
    return _Pushed(added, repeated, problems, pairs)


def _parts(cases: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the cases in parts that fit into a request."""
    from ratchet.prompt.canonical import canonical_bytes

    part: list[dict[str, Any]] = []
    size = 0
    for case in cases:
        length = len(canonical_bytes(case))
        if part and (len(part) == _MOST_CASES or size + length > _MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(case)
        size += length
    if part:
        yield part


def _accept(server: Session, name: str, golden_set: "GoldenSet") -> int:
    """Accept the cases of a file that are proposed, and return their number; rejected ones stay rejected."""
    pushed = {case.id for case in golden_set.cases}
    waiting = [case_id for case_id in _proposed(server, name) if case_id in pushed]
    changed = 0
    for start in range(0, len(waiting), _MOST_CASES):
        ids = waiting[start : start + _MOST_CASES]
        changed += server.post(f"{dataset_path(name)}/reviews", {"state": "accepted", "cases": ids})["changed"]
    return changed


def _proposed(server: Session, name: str) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = server.get(f"{dataset_path(name)}/cases", state="proposed", limit=100, cursor=cursor)
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return found


def _print_pushed(name: str, pushed: _Pushed, accepted: int) -> None:
    line(f"{name}: {pushed.added} cases proposed, {pushed.repeated} were there already, {accepted} accepted")
    if pushed.problems:
        table(
            ("case", "field", "reason"),
            [(it["case"], it["field"], it["reason"]) for it in pushed.problems[:_MOST_SHOWN]],
        )
    if pushed.near_duplicates:
        line("nearly equal cases; each counts as an independent case unless one has `parent`:")
        pairs = pushed.near_duplicates[:_MOST_SHOWN]
        table(("case", "case", "similarity"), [(it["first"], it["second"], it["similarity"]) for it in pairs])
