"""Pulls from CloudWatch Logs in the file of pulls."""

import sys
from pathlib import Path

import pytest

from collector.pulls.cloudwatch_session import open_logs
from collector.pulls.cloudwatch_source import CloudWatchSource
from collector.pulls.configuration import InvalidPulls, load_pulls
from collector.pulls.pull_service import running_pulls
from tests.support.cloudwatch import logs_pull

MINIMAL = """
[[cloudwatch]]
name = "agent"
project = "shop"
environment = "production"
target = "support-bot"
region = "eu-central-1"
log_groups = ["/app/agent"]
"""
COLUMNS = '[cloudwatch.columns]\ninput = "prompt"\nfeedback.thumb = "liked"\ntrace_id = "trace"\n'
TOOLS = '[cloudwatch.tools.columns]\nname = "tool"\ntrace_id = "trace"\n'


def load(tmp_path: Path, text: str) -> object:
    file = tmp_path / "pulls.toml"
    file.write_text(text)
    return load_pulls(file, {}).cloudwatch[0]


def test_minimal_file_has_the_documented_defaults(tmp_path: Path) -> None:
    file = tmp_path / "pulls.toml"
    file.write_text(MINIMAL + COLUMNS + TOOLS)
    (pull,) = load_pulls(file, {}).cloudwatch
    assert (pull.window_hours, pull.interval_s, pull.overlap_minutes) == (168, 900, 15)
    assert (pull.max_rows, pull.query_timeout_s, pull.time_format, pull.timezone) == (5000, 300, "iso", "UTC")
    assert pull.query == "fields @timestamp, @message, @logStream | sort @timestamp asc"
    assert pull.mapping.columns == {"input": "prompt", "feedback.thumb": "liked", "trace_id": "trace"}
    assert (pull.identity.kind, pull.identity.target) == ("cloudwatch", "support-bot")
    assert [(search.flag, search.metric) for search in pull.identity.flag_searches] == [
        ("low_reward", "score.reward"),
        ("negative_feedback", "thumb"),
    ]
    assert pull.tools is not None
    assert (pull.tools.query, pull.tools.window_minutes, pull.tools.key) == (pull.query, 15, "trace_id")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MINIMAL, "cloudwatch.0.columns: Field required"),
        (MINIMAL + "[cloudwatch.columns]\n", "cloudwatch.0.columns"),
        (MINIMAL + '[cloudwatch.columns]\nreply = "x"\n', "'reply' must be one of id, trace_id"),
        (MINIMAL.replace('target = "support-bot"', "") + COLUMNS, "target is missing: give target, or columns.target"),
        (MINIMAL + 'query = "fields @message"\n' + COLUMNS, "cloudwatch.0.query: Value error, must return @timestamp"),
        (MINIMAL + 'query = "fields @timestamp | LIMIT 5"\n' + COLUMNS, "must not have a limit"),
        (MINIMAL + 'time_format = "soon"\n' + COLUMNS, "time_format: 'soon' is neither one of iso"),
        (MINIMAL + 'timezone = "Mars"\n' + COLUMNS, "Mars"),
        (MINIMAL + "max_rows = 20000\n" + COLUMNS, "cloudwatch.0.max_rows"),
        (MINIMAL.replace("/app/agent", "a b") + COLUMNS, "cloudwatch.0.log_groups.0"),
        (MINIMAL + COLUMNS + '[cloudwatch.constants]\ncost = "much"\n', "constants.cost is not a number"),
        (MINIMAL + COLUMNS + '[cloudwatch.tools.columns]\nname = "tool"\n', "must have name, and trace_id or exec"),
        (MINIMAL + COLUMNS + TOOLS + 'cost = "x"\n', "'cost' must be one of execution_id, trace_id, name"),
        (MINIMAL + COLUMNS + 'tools = "called"\n' + TOOLS, "columns.tools cannot be combined with the table tools"),
        (MINIMAL + COLUMNS + TOOLS.replace("trace_id", "execution_id"), "columns must have id"),
        (MINIMAL + COLUMNS + MINIMAL + COLUMNS, "the name agent is used twice"),
    ],
)
def test_wrong_file_is_explained_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidPulls) as caught:
        load(tmp_path, text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_boto3_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    with pytest.raises(InvalidPulls, match=r"agent needs boto3.*pip install 'ratchet-collector\[cloudwatch\]'"):
        load(tmp_path, MINIMAL + COLUMNS)


def test_missing_region_and_profile_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(InvalidPulls, match="the pull agent has no region: give region, or set AWS_DEFAULT_REGION"):
        load(tmp_path, MINIMAL.replace('region = "eu-central-1"', "") + COLUMNS)
    with pytest.raises(InvalidPulls, match=r"the pull agent: The config profile .work. could not be found"):
        load(tmp_path, MINIMAL + 'profile = "work"\n' + COLUMNS)


def test_client_has_the_region_and_does_not_repeat_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = open_logs(logs_pull())
    assert client.meta.region_name == "eu-central-1"
    assert client.meta.config.retries["total_max_attempts"] == 1
    client.close()


def test_other_pulls_need_no_boto3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the services' modules import without it is tested in tests/integration/local/test_light_imports.py."""
    for name in ("boto3", "boto3.session", "botocore"):
        monkeypatch.setitem(sys.modules, name, None)
    file = tmp_path / "pulls.toml"
    file.write_text('[[langfuse]]\nname = "bot"\nproject = "shop"\nenvironment = "production"\n')
    keys = {"LANGFUSE_HOST": "https://l.test", "LANGFUSE_PUBLIC_KEY": "p", "LANGFUSE_SECRET_KEY": "s"}
    (pull,) = running_pulls(load_pulls(file, keys))
    assert pull.identity.name == "bot"


def test_configured_pull_opens_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    file = tmp_path / "pulls.toml"
    file.write_text(MINIMAL + COLUMNS)
    (pull,) = running_pulls(load_pulls(file, {}))
    source = pull.open_source()
    assert isinstance(source, CloudWatchSource)
    source.close()
    assert (pull.write_scores, pull.raw_folder) == (False, None)
