"""`ratchet dataset export-pairs` and `export-sft`: rows for training elsewhere. No command starts a training."""

import json as json_text
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ratchet.cli.output import AsJson, Exit, as_json, fail, line
from ratchet.cli.session import Session, session
from ratchet_evaluation import command_options as flags
from ratchet_evaluation.command_inputs import read_cases

if TYPE_CHECKING:
    from ratchet_evaluation.domain.golden_set import GoldenSet
    from ratchet_evaluation.domain.training_data import TrainingData
    from ratchet_evaluation.training_files import TrainingKind


def export_pairs(
    file: flags.TrainingFile,
    target: flags.OfTarget = None,
    since: flags.Since = None,
    until: flags.Until = None,
    score: flags.JudgedBy = None,
    gap: flags.JudgedGap = 0.5,
    hold_out: flags.HeldOut = None,
    licence: flags.TrainingLicence = None,
    force: flags.Overwrite = False,
    json: AsJson = False,
) -> None:
    """Write preference pairs (prompt, chosen, rejected) of preferences, corrections and, with --score, judged answers.

    Only of executions whose users agreed to learning, and that pass the other gates, which the datasheet names; beside
    the file are its manifest and its datasheet. Nothing is trained.
    """
    from ratchet_evaluation.domain.training_data import collect_pairs

    _check_free(file, force)
    sets = {name: read_cases(name, [])[0] for name in hold_out or ()}
    judged = None if score is None else (score.removeprefix("score."), gap)
    with session("maker") as server:
        filters = {"target": target, "since": since, "until": until}
        executions = _executions(server, filters, judged is not None)
        candidates = {each["feedback_id"]: each for each in _candidates(server)}
    data = collect_pairs(executions.values(), candidates, judged, _is_held_out(sets))
    _write(file, "pairs", data, {**filters, "score": score, "gap": str(gap) if score else None}, sets, licence, json)


def export_sft(
    file: flags.TrainingFile,
    target: flags.OfTarget = None,
    hold_out: flags.HeldOut = None,
    licence: flags.TrainingLicence = None,
    force: flags.Overwrite = False,
    json: AsJson = False,
) -> None:
    """Write examples (prompt, completion) of the last 30 days that users liked or corrected, with their consent.

    Beside the file are its manifest and its datasheet, which names the gates. Nothing is trained.
    """
    from ratchet_evaluation.domain.training_data import collect_examples

    _check_free(file, force)
    sets = {name: read_cases(name, [])[0] for name in hold_out or ()}
    with session("maker") as server:
        data = collect_examples(_candidates(server), target, _is_held_out(sets))
    _write(file, "sft", data, {"target": target}, sets, licence, json)


def _check_free(file: Path, force: bool) -> None:
    from ratchet_evaluation.training_files import beside

    paths = (file, beside(file, "manifest.json"), beside(file, "datasheet.md"))
    if existing := [str(each) for each in paths if each.exists() and not force]:
        fail(f"{' and '.join(existing)} exists: pass --force to replace it", Exit.USAGE)


def _executions(server: Session, filters: dict[str, str | None], judged: bool) -> dict[str, dict[str, Any]]:
    """Return executions by id: those with a preference or correction, or with any scores for judged pairs."""
    wanted: tuple[str | None, ...] = (None,) if judged else ("preference", "correction")
    found: dict[str, dict[str, Any]] = {}
    for feedback in wanted:
        content = b"".join(server.stream("/v1/executions/export", **filters, feedback=feedback))
        for text in content.splitlines():
            execution = json_text.loads(text)
            found[execution["id"]] = execution
    return found


def _candidates(server: Session) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        page = server.get("/v1/candidates", limit=100, cursor=cursor)
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return


def _is_held_out(sets: "dict[str, GoldenSet]") -> Any:
    from ratchet_evaluation.domain.near_duplicates import TextIndex

    index = TextIndex([case for golden_set in sets.values() for case in golden_set.cases])
    return index.has_like


def _write(
    file: Path,
    kind: "TrainingKind",
    data: "TrainingData",
    selection: dict[str, str | None],
    sets: "dict[str, GoldenSet]",
    licence: str | None,
    json: bool,
) -> None:
    from ratchet_evaluation.training_files import TrainingAbout, write_training_files

    held_out = {name: golden_set.digest for name, golden_set in sets.items()}
    about = TrainingAbout(kind, selection, held_out, licence, datetime.now(UTC).isoformat(timespec="seconds"))
    try:
        digest = write_training_files(file, data, about)
    except OSError as error:
        fail(str(error))
    left_out = dict(sorted(data.left_out.items()))
    if json:
        as_json({"file": str(file), "digest": digest, "rows": len(data.rows), "left_out": left_out})
        return
    line(f"{file}: {len(data.rows)} rows, digest {digest}; manifest and datasheet next to it")
    for reason, count in left_out.items():
        line(f"left out: {count}, {reason}")
