"""The socket folder must belong to us, whatever exists at its path."""

import os
import stat
from pathlib import Path

import pytest

from ratchet_local.process import StartFailed
from ratchet_local.socket_folder import make_private, socket_folder

OURS = (os.geteuid(), os.getegid())


def test_folder_is_private_and_may_exist(tmp_path: Path) -> None:
    for _ in range(2):
        make_private(tmp_path / "in" / "run", OURS)
    assert stat.S_IMODE((tmp_path / "in" / "run").stat().st_mode) == 0o700


def test_symlink_is_rejected_and_its_target_unchanged(tmp_path: Path) -> None:
    (victim := tmp_path / "victim").mkdir(mode=0o700)
    (tmp_path / "run").symlink_to(victim)
    before = victim.stat()
    with pytest.raises(StartFailed, match="remove it"):
        make_private(tmp_path / "run", (OURS[0] + 1, OURS[1] + 1))
    after = victim.stat()
    assert (after.st_mode, after.st_uid, after.st_ctime_ns) == (before.st_mode, before.st_uid, before.st_ctime_ns)


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o770, 0o777, 0o1777])
def test_folder_accessible_by_others_is_rejected(tmp_path: Path, mode: int) -> None:
    (open_one := tmp_path / "run").mkdir()
    open_one.chmod(mode)
    with pytest.raises(StartFailed, match="accessible to others"):
        make_private(open_one, OURS)


def test_file_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(StartFailed, match="remove it"):
        make_private(tmp_path / "run", OURS)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders of others")
def test_folder_of_another_user_is_rejected(tmp_path: Path) -> None:
    (theirs := tmp_path / "run").mkdir(mode=0o700)
    os.chown(theirs, 4242, 4242)
    with pytest.raises(StartFailed, match="another user"):
        make_private(theirs, OURS)


def test_path_length_is_in_bytes_and_substitute_is_deterministic() -> None:
    fits, long = Path("/" + "ä" * 42), Path("/" + "ä" * 43)
    assert socket_folder(fits) == fits
    assert socket_folder(long) == socket_folder(long) != long
    assert len(os.fsencode(socket_folder(long))) <= 85
