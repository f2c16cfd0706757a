"""compose.yaml, as far as it can be verified without containers."""

from typing import Any

import pytest
import yaml

from collector.pulls.configuration import load_pulls
from deploy.docker.env import PASSWORDS, environment
from ratchet_local.routes import SERVICES
from tests.support.compose import load, variables
from tests.support.requirements import ROOT

_ENVIRONMENT = environment()


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = load(_ENVIRONMENT)["services"]
    return found


def test_every_variable_is_generated_or_has_a_default() -> None:
    assert {name for name, default in variables().items() if not default} == set(_ENVIRONMENT)


def test_passwords_differ_and_need_no_quotes() -> None:
    values = [_ENVIRONMENT[name] for name in PASSWORDS]
    assert len(set(values)) == len(values)
    assert all(value.isalnum() for value in values)


def test_every_service_runs_and_is_migrated_by_a_job(services: dict[str, Any]) -> None:
    for name in SERVICES:
        assert services[name]["command"] == ["python", "-m", name]
        assert services[f"migrate-{name}"]["command"] == ["python", "-m", name, "migrate"]
        waits = services[name]["depends_on"]
        assert waits[f"migrate-{name}"] == waits["topics"] == {"condition": "service_completed_successfully"}


def test_service_gets_only_its_own_credentials(services: dict[str, Any]) -> None:
    for name in SERVICES:
        values = " ".join(map(str, services[name]["environment"].values()))
        own = {f"{name.upper()}_PASSWORD", "SIGNING_PUBLIC_KEY"} | ({"SIGNING_KEY"} if name == "gatekeeper" else set())
        assert {variable for variable, value in _ENVIRONMENT.items() if value in values} == own
        assert f"//ratchet_{name}:" in services[name]["environment"]["RATCHET_DATABASE_URL"]


def test_only_the_gatekeeper_gets_redis(services: dict[str, Any]) -> None:
    assert [name for name in services if "RATCHET_REDIS_URL" in (services[name].get("environment") or {})] == [
        "gatekeeper"
    ]
    assert [name for name in services if "redis" in services[name].get("depends_on", ())] == ["gatekeeper"]


def test_console_gets_no_write_credentials(services: dict[str, Any]) -> None:
    console = services["console"]
    assert console["command"] == ["python", "-m", "console"]
    values = " ".join(map(str, console["environment"].values()))
    assert {variable for variable, value in _ENVIRONMENT.items() if value in values} == {"CONSOLE_PASSWORD"}
    assert "RATCHET_DATABASE_URL" not in console["environment"]


def test_images_are_pinned_and_ports_are_local(services: dict[str, Any]) -> None:
    for name, service in services.items():
        image = service["image"]
        assert image.startswith("ratchet-") or (":" in image and not image.endswith(":latest")), name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_referenced_files_and_modules_exist(services: dict[str, Any]) -> None:
    whole = load(_ENVIRONMENT)
    for service in services.values():
        assert set(service.get("depends_on", [])) <= set(services)
        assert set(service.get("networks", [])) <= set(whole["networks"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in whole["volumes"]
        if build := service.get("build"):
            assert (ROOT / build["dockerfile"]).exists()


def test_each_of_our_images_is_built_once(services: dict[str, Any]) -> None:
    built = {service["image"] for service in services.values() if "build" in service}
    assert built == {service["image"] for service in services.values() if service["image"].startswith("ratchet-")}


def test_pulls_get_their_file_their_extra_and_a_way_out(services: dict[str, Any]) -> None:
    pulls = yaml.safe_load((ROOT / "compose.pulls.yaml").read_text())["services"]
    assert list(pulls) == ["collector"]
    collector = pulls["collector"]
    (volume,) = collector["volumes"]
    assert volume == f"./pulls.toml:{collector['environment']['RATCHET_PULLS']}:ro"
    assert set(services["collector"]["networks"]) < set(collector["networks"])
    dockerfile = (ROOT / services["collector"]["build"]["dockerfile"]).read_text()
    arguments = {line.removeprefix("ARG ").partition("=")[0] for line in dockerfile.splitlines()}
    assert set(collector["build"]["args"]) <= arguments
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/pulls.toml", *(f"/{name}" for name in collector["env_file"])} <= set(ignored)


def test_judges_get_their_credentials_and_a_way_out(services: dict[str, Any]) -> None:
    judges = yaml.safe_load((ROOT / "compose.judges.yaml").read_text())["services"]
    assert list(judges) == ["evaluator"]
    assert set(services["evaluator"]["networks"]) < set(judges["evaluator"]["networks"])
    assert services["evaluator"]["build"]["args"]["RAGAS"] == "1"
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {f"/{name}" for name in judges["evaluator"]["env_file"]} <= set(ignored)


def test_drafting_gets_its_settings_and_a_way_out(services: dict[str, Any]) -> None:
    drafting = yaml.safe_load((ROOT / "compose.drafting.yaml").read_text())["services"]
    assert list(drafting) == ["proposer"]
    assert set(services["proposer"]["networks"]) < set(drafting["proposer"]["networks"])
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {f"/{name}" for name in drafting["proposer"]["env_file"]} <= set(ignored)


def test_example_of_pulls_is_valid() -> None:
    keys = dict.fromkeys(("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"), "k") | {"LANGFUSE_HOST": "https://l.test"}
    found = load_pulls(ROOT / "examples/pulls.toml", keys)
    assert [pull.name for pull in (*found.langfuse, *found.cloudwatch)] == [
        "support-traces", "support-logs", "support-thumbs"
    ]  # fmt: skip
