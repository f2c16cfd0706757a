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
        gc.unfreeze()
        gc.set_threshold(*threshold)


def test_heavy_modules_are_imported_after_the_servers_start() -> None:
    heavy = "{'httpx', 'fastapi', 'sqlalchemy', 'pydantic', 'redis', 'aiokafka'}"
    assert _printed(f"import sys, ratchet_local.main; print(sorted({heavy} & sys.modules.keys()))") == "[]"


def test_services_import_neither_typer_nor_alembic() -> None:
    tools = "{'alembic', 'mako', 'pygments', 'rich', 'pydantic.v1'}"
    code = f"""
import sys
from ratchet_local.quick_imports import import_frameworks, without_tools
with without_tools():
    import_frameworks()
    import ratchet_local.server
print([name for name in sorted({tools}) if sys.modules.get(name)])
import fastapi.openapi.models, rich
fastapi.openapi.models.Info(title="completed at its first use", version="1")
"""
    assert _printed(code) == "[]"


def _printed(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
