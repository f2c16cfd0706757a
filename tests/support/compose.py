"""compose.yaml, read as docker does, for tests without containers."""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ratchet_local import process
from tests.support.requirements import ROOT
from tests.support.uninstrumented import environment_without_coverage

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<rule>[-?])(?P<rest>[^}]*))?\}")


def variables() -> dict[str, bool]:
    """Return the variables of the file, and whether each has a default."""
    text = (ROOT / "compose.yaml").read_text()
    return {found["name"]: found["rule"] == "-" for found in _VARIABLE.finditer(text)}


def load(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the file with its variables filled in. Raises KeyError for one that has neither a value nor a default."""

    def fill(found: re.Match[str]) -> str:
        default = found["rest"] if found["rule"] == "-" else None
        value = environment.get(found["name"], default)
        if value is None:
            raise KeyError(found["name"])
        return value

    content: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(fill, (ROOT / "compose.yaml").read_text()))
    return content


def command_of(service: Mapping[str, Any]) -> list[str]:
    """Return the start command with this machine's Python."""
    program, *rest = service["command"]
    assert program == "python"
    return [sys.executable, *rest]


def kafka_settings(environment: Mapping[str, object]) -> dict[str, str]:
    """Return Kafka's properties, made from environment variables as in the image apache/kafka."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): " ".join(str(value).split())
        for name, value in environment.items()
        if name.startswith("KAFKA_")
    }


def run_job(command: Sequence[str], environment: Mapping[str, str], log: Path, within: float = 60.0) -> str:
    """Run a one-shot job and return its output. Raises RuntimeError if it failed."""
    job = process.start(command, log, environment_without_coverage(**environment))
    code = job.wait(within)
    printed = log.read_text()
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{printed}")
    return printed
