"""The extra `cli`: without typer and rich, everything but the command `ratchet` works."""

import subprocess
import sys

WITHOUT = "import sys; sys.modules['rich'] = sys.modules['typer'] = None; "
SERVICES = ("collector", "analyzer", "proposer", "evaluator", "gatekeeper", "console")


def run_without_cli(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT + code], capture_output=True, text=True, timeout=60)


def test_the_client_needs_neither_typer_nor_rich() -> None:
    """As the services do: see tests/integration/local/test_light_imports.py."""
    done = run_without_cli("from ratchet import AsyncRatchet, Ratchet; import ratchet.tables")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_names_the_extra_to_install() -> None:
    done = run_without_cli("from ratchet.__main__ import main; main()")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "ratchet: the command line is not installed: pip install 'ratchet-sdk[cli]'\n"
