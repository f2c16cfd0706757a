"""What keeps the start of `make run` short."""

import gc
import subprocess
import sys

from ratchet_local.memory import no_collection


def test_no_garbage_is_collected_while_the_services_are_imported() -> None:
    with no_collection():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_nothing_heavy_is_imported_before_the_servers_start() -> None:
    heavy = "{'httpx', 'fastapi', 'sqlalchemy', 'pydantic', 'redis', 'aiokafka'}"
    code = f"import sys, ratchet_local.main; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
