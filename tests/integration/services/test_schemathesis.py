"""Schemathesis on the whole API of a running Ratchet: no 5xx, and no response that its document does not describe.

`make soak ROW=schemathesis` generates more than 20,000 cases and prints figures by service. Phases: the document's
examples, boundary values of each parameter and field (only then), generated requests, and chains of requests whose
responses lead to each other.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.full_loop import Site
from tests.support.in_process import in_process_system
from tests.support.schemathesis_report import read_calls, summarize_services
from tests.support.soak import scaled

pytestmark = [pytest.mark.postgres, pytest.mark.redis]
CASES = scaled(1, 130)
"""The largest number of generated cases of each operation in a phase."""
PHASES = scaled("examples,fuzzing,stateful", "examples,coverage,fuzzing,stateful")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
ROOT = Path(__file__).parents[3]
STREAMS = "/v1/stream"
"""It does not end."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with in_process_system(tmp_path / "data") as system:
        yield system.site


def configuration(site: Site) -> str:
    """Return schemathesis.toml: people may use all routes but those of apps. The keys in use are not revoked."""
    return f"""
headers = {{ Authorization = "Bearer {site.admin_key}" }}
request-timeout = 60
[generation]
allow-x00 = false
max-examples = {CASES}
database = "none"
[[operations]]
include-name-regex = "^(POST|PUT) /v1/(executions|feedback|traces|evaluation-tasks)"
headers = {{ Authorization = "Bearer {site.ingest_key}" }}
[[operations]]
include-name = "POST /v1/keys/{{key_id}}/revoke"
parameters = {{ "path.key_id" = "0123456789ab" }}
[[operations]]
include-path = "{STREAMS}"
enabled = false
"""


def run_and_show(command: list[str], folder: Path) -> tuple[int, str]:
    """Run Schemathesis in `folder` and print each line when it comes. Return its exit code and its output."""
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    lines = []
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, "".join(lines)


@pytest.mark.timeout(scaled(600, 7_200))
def test_every_response_is_documented(site: Site, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(configuration(site))
    # Made at its first request, for which Schemathesis waits 10 s at most.
    (tmp_path / "openapi.json").write_bytes(httpx.get(f"{site.url}/openapi.json", timeout=120).content)
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(tmp_path / "schemathesis.toml")),
        *("run", str(tmp_path / "openapi.json"), "--url", site.url, "--phases", PHASES, "--checks", ",".join(CHECKS)),
        *("--continue-on-failure", "--no-color", "--warnings", "off", "--workers", "3"),
        *("--report", "ndjson", "--report-dir", str(tmp_path)),
    ]
    code, output = run_and_show(command, tmp_path)
    calls = [call for report in tmp_path.glob("ndjson-*") for call in read_calls(report)]
    print(*summarize_services(calls), sep="\n")
    summary = output[output.find("= FAILURES =") :][:8_000]
    assert code == 0, f"{summary}\n{output[-2_500:]}"
    assert (tested := re.search(r"Tested: (\d+)", output))
    assert int(tested[1]) > 70
    statuses = Counter(call.status for call in calls)
    assert statuses[403] + statuses[401] < statuses.total() / 10, statuses  # the requests get past the key
