"""What commands and services import: each test starts an interpreter of its own, so that nothing is imported yet."""

import subprocess
import sys

from ratchet_local.routes import SERVICES


def test_services_need_no_optional_packages_and_do_not_import_alembic() -> None:
    """The command line's typer and rich, and boto3, which only pulls from CloudWatch use."""
    tools = (
        "{'alembic', 'jsonschema', 'mako', 'numpy.linalg', 'opentelemetry.sdk', 'pygments', 'pydantic.v1', 'rapidfuzz',"
        " 'rich', 'watchfiles'}"
    )
    code = f"""
import sys
for optional in ("typer", "boto3", "botocore"):
    sys.modules[optional] = None
from ratchet_local.quick_imports import defer_modules, deferred_models, import_frameworks, without_unused
defer_modules()
with without_unused(), deferred_models():
    import_frameworks()
    import ratchet_local.server
print([name for name in sorted({tools}) if sys.modules.get(name)])
print(sorted({set(SERVICES)} - sys.modules.keys()))
import collector.pulls.configuration, collector.pulls.pull_service, fastapi.openapi.models, rich, watchfiles
from proposer.domain.text_vectors import HashedNgrams
assert HashedNgrams().embed(["text"]).shape == (1, 512)
fastapi.openapi.models.Info(title="completed at its first use", version="1")
"""
    assert _output_of(code) == ["[]", "[]"]


def test_other_commands_and_help_import_no_heavy_modules() -> None:
    """The command line imports only the SDK, even with the analyzer installed; the list of commands, the plugins."""
    code = (
        "import sys; from typer.testing import CliRunner; from ratchet.cli import app\n"
        "for words in (['replay', '--help'], ['--help']):\n"
        "    assert CliRunner().invoke(app, words).exit_code == 0\n"
        "    print(sorted({'analyzer', 'ratchet_backtest', 'pyarrow', 'sqlalchemy', 'shared'} & set(sys.modules)))"
    )
    assert _output_of(code) == ["[]", "['ratchet_backtest']"]


def _output_of(code: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
