"""Raw copies of pulled items: a file of JSON lines for each pull and day, and the erasure of a user from them."""

import os
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from collector.domain.pulls.pulled_item import PulledItem


def append_raw(folder: Path, pull: str, items: Sequence[PulledItem]) -> None:
    """Append items to `<folder>/<pull>/<day>.jsonl`, readable by this user only, and sync. Raises OSError.

    Texts are as the source has them: not scrubbed. After a crash some lines may stand twice.
    """
    by_day: dict[str, list[bytes]] = {}
    for item in items:
        line = to_json({**item.raw, "flags": item.flags}) + b"\n"
        by_day.setdefault(item.at.date().isoformat(), []).append(line)
    directory = folder / pull
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(directory):
        _append(directory, by_day)


def erase_raw(folder: Path, pull: str, is_theirs: Callable[[str], bool]) -> int:
    """Delete the lines of a user's traces and of the scores of these; return their number. Raises OSError.

    `is_theirs` decides by the source's id of a user. Each file is replaced as a whole, so a crash leaves it old or new.
    """
    directory = folder / pull
    if not directory.is_dir():
        return 0
    with _locked(directory):
        files = sorted(directory.glob("*.jsonl"))
        traces = {line["trace_id"] for file in files for line in _lines(file) if _is_trace_of(line, is_theirs)}
        return sum(_erase_file(file, traces) for file in files) if traces else 0


def _is_trace_of(line: dict[str, Any], is_theirs: Callable[[str], bool]) -> bool:
    user = line.get("user_id")
    return user is not None and is_theirs(str(user))


def _erase_file(file: Path, traces: Container[str]) -> int:
    kept, erased = [], 0
    for line in _lines(file):
        if line.get("trace_id") in traces:
            erased += 1
        else:
            kept.append(to_json(line) + b"\n")
    if erased:
        new = file.with_suffix(".new")
        _write(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, kept)
        new.replace(file)
    return erased


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines; one that a crash has cut is left out."""
    with file.open("rb") as lines:
        for line in lines:
            with suppress(ValueError):
                yield from_json(line)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the lock of a pull's folder: nothing is appended to a file that is being replaced. Blocks."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        flock(handle, LOCK_EX)
        yield
    finally:
        os.close(handle)


def _append(directory: Path, by_day: Mapping[str, Sequence[bytes]]) -> None:
    for day, lines in by_day.items():
        _write(directory / f"{day}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, lines)


def _write(path: Path, flags: int, lines: Sequence[bytes]) -> None:
    opened = os.open(path, flags, 0o600)
    with os.fdopen(opened, "ab") as file:
        file.write(b"".join(lines))
        file.flush()
        os.fsync(opened)
