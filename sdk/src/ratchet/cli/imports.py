"""`ratchet import`: send the executions and feedback of a file, with their own times."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TextIO

from ratchet.cli import import_options as options
from ratchet.cli.import_progress import ImportProgress, import_progress
from ratchet.cli.output import AsJson, Exit, as_json, fail, line
from ratchet.cli.session import credentials, new_client
from ratchet.client.recorded_items import RecordedItem
from ratchet.client.transport import BatchPoster
from ratchet.imports.checkpoint import Checkpoint, import_id
from ratchet.imports.column_map import ColumnMapping, parse_pairs, read_mapping_file
from ratchet.imports.rows import UnreadableRow
from ratchet.imports.source import Formats, ImportSource, NumberedRow, SkippedLines
from ratchet.imports.upload import ServerUnavailable, UploadCounts, Uploader
from ratchet.tables import BadFile

_TIMEOUT_S = 30.0


def import_file(
    file: options.File,
    target: options.Target = "",
    map_: options.Columns = None,
    set_: options.Constants = None,
    mapping: options.MappingFile = None,
    time_format: options.TimeFormatName = None,
    timezone: options.Timezone = None,
    rejected: options.RejectedFile = None,
    dry_run: options.DryRun = False,
    restart: options.Restart = False,
    json: AsJson = False,
) -> None:
    """Send a file's executions and feedback with their own times and ids. Sending it again counts nothing twice.

    Columns named like a field (input, output, model, feedback.thumb …) are used; others need --map. Rows that can't be
    read or are refused go to a file of their own, with their numbers, and the rest is sent. An interrupted import goes
    on where it stopped.
    """
    try:
        given = _given_mapping(target, map_ or (), set_ or (), mapping)
        source = ImportSource(file, given, Formats(time_format, timezone))
    except (BadFile, OSError, ValueError) as error:
        fail(str(error), Exit.USAGE)
    rejects = RejectedRows(rejected or Path(f"{file.name}.rejected.jsonl"))
    if not rejects.path.parent.is_dir():
        fail(f"--rejected: {rejects.path.parent} is not a directory", Exit.USAGE)
    _describe(source, err=json)
    with rejects.opened():
        report = _preview(source, rejects) if dry_run else _upload(source, file, rejects, restart)
    _print_report({**report, "rejected": rejects.n}, rejects, source.unit, json)


def _given_mapping(target: str, columns: Sequence[str], constants: Sequence[str], file: Path | None) -> ColumnMapping:
    """Return the mapping of the options, which take precedence over those of the file. Raises BadFile."""
    stored = read_mapping_file(file) if file else ColumnMapping()
    named, fixed = parse_pairs("--map", columns), parse_pairs("--set", constants)
    if target:
        fixed["target"] = target
    return ColumnMapping(
        {name: column for name, column in stored.columns.items() if name not in fixed} | named,
        {name: value for name, value in stored.constants.items() if name not in named} | fixed,
    )


def _describe(source: ImportSource, err: bool) -> None:
    for name, column in sorted(source.mapping.columns.items()):
        line(f"{name} ← {column}", err=err)
    for name, value in sorted(source.mapping.constants.items()):
        line(f"{name} = {value}", err=err)
    if source.unused:
        line(f"not imported: {', '.join(source.unused)}", err=err)
    for note in source.notes:
        line(note, err=err)


@dataclass
class RejectedRows:
    """Writes rows that were not imported to a file, which is created with the first one."""

    path: Path
    n: int = 0
    append: bool = False
    _file: TextIO | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Close the file at the end."""
        with self._stack:
            yield

    def keep_until(self, row: int) -> None:
        """Keep the rows of an interrupted import up to number `row`; the others are imported again."""
        try:
            found = self.path.read_text("utf-8").splitlines(keepends=True)
        except FileNotFoundError:
            found = []
        kept = [text for text in found if json.loads(text)["row"] <= row]
        self.path.write_text("".join(kept), "utf-8")
        self.append, self.n = True, len(kept)

    def add(self, number: int, reason: str, row: Mapping[str, Any] | None = None) -> None:
        """Write a row's number, the reason, and its cells."""
        if self._file is None:
            self._file = self._stack.enter_context(self.path.open("a" if self.append else "w", encoding="utf-8"))
        found = {"row": number, "reason": reason, "cells": row}
        self._file.write(json.dumps(found, ensure_ascii=False, default=str) + "\n")
        self._file.flush()
        self.n += 1


def _batches(
    source: ImportSource, rejects: RejectedRows, after: int, progress: ImportProgress
) -> Iterator[tuple[Sequence[NumberedRow], list[tuple[int, RecordedItem]]]]:
    """Yield the rows after number `after` and their items; rows that can't be read are rejected."""
    skipped = SkippedLines()
    for rows in source.batches(skipped, progress.advance):
        for number, reason in skipped.pop():
            if number > after:
                rejects.add(number, reason)
        left = [numbered for numbered in rows if numbered[0] > after]
        yield left, _items(source, left, rejects)
        progress.add_rows(len(left))
    for number, reason in skipped.pop():
        rejects.add(number, reason)


def _items(source: ImportSource, rows: Sequence[NumberedRow], rejects: RejectedRows) -> list[tuple[int, RecordedItem]]:
    now, items = datetime.now(UTC), []
    for number, row in rows:
        try:
            items += [(number, item) for item in source.converter.convert(number, row, now)]
        except UnreadableRow as error:
            rejects.add(number, str(error), row)
    return items


def _preview(source: ImportSource, rejects: RejectedRows) -> dict[str, Any]:
    found = {"executions": 0, "feedback": 0}
    shown: dict[str, str] = {}
    with import_progress(source.size) as progress:
        for _, items in _batches(source, rejects, -1, progress):
            for _, item in items:
                found[item.route] += 1
                shown.setdefault(item.route, item.encoded.decode())
    for text in shown.values():
        line(text, err=True)
    return {"sent": False, **found}


def _upload(source: ImportSource, file: Path, rejects: RejectedRows, restart: bool) -> dict[str, Any]:
    found = credentials("ingest")
    facts = {"columns": dict(source.mapping.columns), "constants": dict(source.mapping.constants)}
    checkpoint = Checkpoint(Path(f"{file.name}.import.json"), import_id(file, found.url, facts))
    before = None if restart else checkpoint.load()
    if before is not None:
        rejects.keep_until(before)
        line(f"continuing after {source.unit} {before}", err=True)
    try:
        with closing(BatchPoster(lambda: new_client(found), _TIMEOUT_S, amends=False)) as poster:
            counts = _upload_rows(source, rejects, poster, checkpoint, -1 if before is None else before)
    except ServerUnavailable as error:
        _unavailable(found.url, error)
    except KeyboardInterrupt:
        _interrupted(checkpoint, source.unit)
    checkpoint.delete()
    return {"executions": counts.executions, "feedback": counts.feedback, "duplicates": counts.duplicates}


def _upload_rows(
    source: ImportSource, rejects: RejectedRows, poster: BatchPoster, checkpoint: Checkpoint, after: int
) -> UploadCounts:
    """Upload the rows after number `after`. Raises ServerUnavailable."""
    current: dict[int, Mapping[str, Any]] = {}
    uploader = Uploader(poster, lambda number, reason: rejects.add(number, reason, current.get(number)))
    with import_progress(source.size) as progress:
        for rows, items in _batches(source, rejects, after, progress):
            current = dict(rows)
            uploader.upload_all(items)
            if rows:
                checkpoint.save(rows[-1][0])
    return uploader.counts


def _interrupted(checkpoint: Checkpoint, unit: str) -> NoReturn:
    """End the command and say where the same command resumes."""
    row = checkpoint.load()
    where = "before the first rows were sent" if row is None else f"after {unit} {row}"
    fail(f"stopped {where}; run the same command again to go on there", Exit.INTERRUPTED)


def _unavailable(url: str, error: ServerUnavailable) -> NoReturn:
    """End the command; the same command resumes where it stopped."""
    if str(error).endswith((" 401", " 403")):
        fail(f"{error}: set RATCHET_KEY to a key with the scope ingest, and run the command again", Exit.NOT_AUTHORISED)
    fail(f"{url} can't be reached: {error}; run the command again to go on where it stopped", Exit.UNREACHABLE)


def _print_report(report: dict[str, Any], rejects: RejectedRows, unit: str, json: bool) -> None:
    if json:
        as_json(report)
    elif "sent" in report:
        line("{executions} executions and {feedback} feedback can be sent; nothing was sent".format_map(report))
    else:
        line("{executions} executions and {feedback} feedback new, {duplicates} known before".format_map(report))
    if rejects.n:
        fail(f"not imported: {rejects.n}; {rejects.path} has the {unit} and the reason of each")
