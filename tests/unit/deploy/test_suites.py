"""`make test` ends with a list of the suites that did not run, the command that makes them run, and the failures."""

from pathlib import Path

import pytest

from tests.__main__ import skipped_suites_message
from tests.support import requirements
from tests.support.pytest_runs import Run, failures, not_run, run_together, share_files, summary

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
    assert not_run([report], _REASON) == {"tests.e2e.test_circle": 2}


def test_failures_are_repeated_at_the_end(tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    report.write_text(_REPORT)
    first, *_, last_line, _, second, lines = failures([report]).splitlines()
    assert (first, last_line) == ("FAILED tests.unit.test_y::e", "assert 1 == 2")
    assert (second, lines) == ("FAILED tests.unit.test_y::f", "no server")
    assert "far" not in failures([report])


def test_outcomes_of_all_reports_are_counted(tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    report.write_text(_REPORT)
    interrupted = tmp_path / "none.xml"
    assert summary([report, interrupted, report]) == "4 failed, 2 passed, 6 skipped"


def test_files_are_shared_by_size(tmp_path: Path) -> None:
    for name, size in {"a": 60, "b": 50, "c": 30, "d": 20, "e": 0}.items():
        (tmp_path / name).write_text("x" * size)
    shares = share_files(tmp_path.iterdir(), 2)
    assert [[file.name for file in share] for share in shares] == [["a", "d", "e"], ["b", "c"]]


@pytest.mark.parametrize(
    ("codes", "result"), [((0, 0), 0), ((0, 1), 1), ((5, 0), 0), ((5, 5), 5), ((2, 1), 2), ((0, 5, 3), 3)]
)
def test_exit_code_is_that_of_the_first_failure(codes: tuple[int, ...], result: int, tmp_path: Path) -> None:
    (tmp_path / "exits.py").write_text("import sys; sys.exit(int(sys.argv[-1]))")
    (tmp_path / "report.xml").touch()
    runs = [Run([str(code)], tmp_path / "report.xml") for code in codes]
    assert run_together(runs, ("exits",), {"PYTHONPATH": str(tmp_path)}) == result


def test_output_of_later_runs_follows_that_of_the_first(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "says.py").write_text("import sys; print('run', sys.argv[-1], flush=True)")
    runs = [Run([str(number)], tmp_path / "report.xml") for number in range(3)]
    run_together(runs, ("says",), {"PYTHONPATH": str(tmp_path)})
    assert capfdbinary.readouterr().out == b"run 0\nrun 1\nrun 2\n"


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
