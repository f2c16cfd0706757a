"""Optional tools. Tests without their tool are skipped with the reason, or fail with RATCHET_REQUIRE_ALL=1."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
KAFKA_VERSION = "4.3.0"
KAFKA_JARS = ROOT / ".cache" / "kafka" / KAFKA_VERSION
REQUIRE_ALL = "RATCHET_REQUIRE_ALL"
GET_MAVEN = "apt-get install -y maven"
PRISM_VERSION = "5.14.2"  # later versions need a newer Node.js than Debian's
PRISM = ROOT / ".cache" / "prism" / PRISM_VERSION
GET_NPM = "apt-get install -y nodejs npm"


CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
GET_CHROMIUM = "apt-get install -y chromium"


def chromium() -> str | None:
    """Return the path of Chromium; None if it is not installed."""
    return next((path for name in CHROMIUM if (path := shutil.which(name))), None)


def missing(what: str) -> NoReturn:
    """Skip this test because of `what`; with RATCHET_REQUIRE_ALL=1 it fails."""
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"required here, but missing: {what}", pytrace=False)
    pytest.skip(what)


def kafka_missing() -> str | None:
    """Return the reason why Apache Kafka is not available; None if it is."""
    if KAFKA_JARS.is_dir() or shutil.which("mvn"):
        return None
    return f"no Apache Kafka: its jars come by `mvn`, which is missing ({GET_MAVEN})"


def prism_missing() -> str | None:
    """Return the reason why Prism is not available; None if it is."""
    if PRISM.is_dir() or shutil.which("npm"):
        return None
    return f"no Prism: it comes by `npm`, which is missing ({GET_NPM})"


def node_missing() -> str | None:
    """Return the reason why the JavaScript client can't be built; None if it can."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return f"no Node.js: the client for JavaScript needs `node` and `npm` ({GET_NPM})"
    return None


def data_file(name: str) -> Path:
    """Return the path of a public data file; skips the test if the folder is absent."""
    folder = Path(os.environ.get("RATCHET_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / name).is_file():
        pytest.skip(f"no real data: {name} is not in the folder that RATCHET_TEST_DATA names")
    return folder / name


def contract_file(name: str) -> Path:
    """Return the path of a vendor's OpenAPI document; skips the test if the folder is absent."""
    folder = Path(os.environ.get("RATCHET_TEST_CONTRACTS", ROOT.parent / "shared" / "contracts"))
    if not (folder / name).is_file():
        pytest.skip(f"no description: {name} is not in the folder that RATCHET_TEST_CONTRACTS names")
    return folder / name
