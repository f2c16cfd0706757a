"""`make test` ends with a list of the suites that did not run, the command that makes them run, and the failures."""

from pathlib import Path

import pytest

from tests.__main__ import failures, not_run, skipped_suites_message
from tests.support import requirements

_REASON = "no Apache Kafka: its jars come by `mvn`"
_LONG = "far\n" + "near\n" * 39 + "assert 1 == 2"
_REPORT = f"""<testsuites><testsuite>
<testcase classname="tests.e2e.test_circle" name="a"><skipped message="{_REASON}, which is missing"/></testcase>
<testcase classname="tests.e2e.test_circle" name="b"><skipped message="{_REASON}, which is missing"/></testcase>
<testcase classname="tests.unit.test_x" name="c"><skipped message="something else"/></testcase>
<testcase classname="tests.unit.test_x" name="d"/>
<testcase classname="tests.unit.test_y" name="e"><failure message="short">{_LONG}</failure></testcase>
<testcase classname="tests.unit.test_y" name="f"><error message="no server"/></testcase>
</testsuite></testsuites>"""


def test_skipped_suites_are_counted_by_file(tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    report.write_text(_REPORT)
    assert not_run(report, _REASON) == {"tests.e2e.test_circle": 2}


def test_failures_are_repeated_at_the_end(tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    report.write_text(_REPORT)
    first, *_, last_line, _, second, lines = failures(report).splitlines()
    assert (first, last_line) == ("FAILED tests.unit.test_y::e", "assert 1 == 2")
    assert (second, lines) == ("FAILED tests.unit.test_y::f", "no server")
    assert "far" not in failures(report)


def test_last_line_is_the_install_command() -> None:
    lines = skipped_suites_message({"tests.e2e.test_circle": 2}, _REASON, requirements.GET_MAVEN).splitlines()
    assert lines[-1] == f"Get it with:  {requirements.GET_MAVEN}"
    assert "  tests.e2e.test_circle (2 tests)" in lines


def test_kafka_needs_its_jars_or_maven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(requirements, "KAFKA_JARS", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "mvn" in (requirements.kafka_missing() or "")
    monkeypatch.setattr(requirements, "KAFKA_JARS", tmp_path)
    assert requirements.kafka_missing() is None


def test_prism_needs_its_files_or_npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(requirements, "PRISM", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "npm" in (requirements.prism_missing() or "")
    monkeypatch.setattr(requirements, "PRISM", tmp_path)
    assert requirements.prism_missing() is None


def test_missing_tool_skips_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(requirements.REQUIRE_ALL, raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Kafka"):
        requirements.missing("no Kafka")
    monkeypatch.setenv(requirements.REQUIRE_ALL, "1")
    with pytest.raises(pytest.fail.Exception, match="required here, but missing: no Kafka"):
        requirements.missing("no Kafka")
