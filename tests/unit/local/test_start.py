"""Properties that keep the start of `make run` fast."""

import gc
import subprocess
import sys

from ratchet_local.memory import pause_collection, resume_collection
from ratchet_local.routes import SERVICES


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


def test_services_need_no_optional_packages_and_do_not_import_alembic() -> None:
    """The command line's typer and rich, and boto3, which only pulls from CloudWatch use."""
    tools = "{'alembic', 'mako', 'pygments', 'rich', 'pydantic.v1'}"
    code = f"""
import sys
for optional in ("typer", "boto3", "botocore"):
    sys.modules[optional] = None
from ratchet_local.quick_imports import import_frameworks, without_tools
with without_tools():
    import_frameworks()
    import ratchet_local.server
print([name for name in sorted({tools}) if sys.modules.get(name)])
print(sorted({set(SERVICES)} - sys.modules.keys()))
import collector.pulls.configuration, collector.pulls.pull_service, fastapi.openapi.models, rich
fastapi.openapi.models.Info(title="completed at its first use", version="1")
"""
    assert _printed(code).splitlines() == ["[]", "[]"]


def _printed(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
