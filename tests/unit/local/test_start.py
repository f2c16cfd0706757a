"""Properties that keep the start of `make run` fast."""

import gc
import subprocess
import sys

from ratchet_local.memory import pause_collection, resume_collection


def test_garbage_collection_is_off_during_the_start() -> None:
    threshold = gc.get_threshold()
    try:
        pause_collection()
        assert not gc.isenabled()
        resume_collection()
        assert gc.isenabled()
    finally:
        gc.enable()
        gc.set_threshold(*threshold)


def test_heavy_modules_are_imported_after_the_servers_start() -> None:
    heavy = "{'httpx', 'fastapi', 'sqlalchemy', 'pydantic', 'redis', 'aiokafka'}"
    assert _printed(f"import sys, ratchet_local.main; print(sorted({heavy} & sys.modules.keys()))") == "[]"


def _printed(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
