"""The file of pulls."""

from pathlib import Path

import pytest

from collector.pulls.configuration import InvalidPulls, load_pulls

KEYS = {"LANGFUSE_HOST": "https://l.test", "LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk-hidden"}
MINIMAL = '[[langfuse]]\nname = "bot"\nproject = "shop"\nenvironment = "production"\n'


def load(tmp_path: Path, text: str, environ: dict[str, str] = KEYS) -> object:
    file = tmp_path / "pulls.toml"
    file.write_text(text)
    return load_pulls(file, environ)


def test_minimal_file_has_the_documented_defaults(tmp_path: Path) -> None:
    (pull,) = load_pulls(_write(tmp_path, MINIMAL), KEYS).langfuse
    assert (pull.window_hours, pull.interval_s, pull.overlap_minutes, pull.requests_per_minute) == (168, 300, 60, 30)
    assert (pull.reward, dict(pull.user_feedback)) == ("reward", {"user-feedback": "thumb"})
    assert pull.identity.target is None


def test_prefix_selects_other_keys(tmp_path: Path) -> None:
    other = {name.replace("LANGFUSE", "EU"): value for name, value in KEYS.items()}
    (pull,) = load_pulls(_write(tmp_path, MINIMAL + 'credentials = "EU"\n'), other).langfuse
    assert pull.config(other).prefix == "EU"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[langfuse]\n", "is not TOML"),
        ('[[langfuse]]\nname = "bot"\n', "langfuse.0.project: Field required"),
        (MINIMAL + "secret_key = 'x'\n", "langfuse.0.secret_key: Extra inputs are not permitted"),
        (MINIMAL + "interval_s = 1\n", "langfuse.0.interval_s"),
        (MINIMAL + 'user_feedback = {stars = "likes"}\n', "langfuse.0.user_feedback.stars"),
        (MINIMAL + MINIMAL, "the name bot is used twice"),
        (MINIMAL.replace("bot", "../bot"), "langfuse.0.name"),
        (MINIMAL + 'credentials = "EU"\n', "set EU_HOST, EU_PUBLIC_KEY, EU_SECRET_KEY: required by the pull bot"),
    ],
)
def test_wrong_file_is_explained_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidPulls) as caught:
        load(tmp_path, text)
    assert words in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidPulls, match=r"none\.toml can't be read: No such file"):
        load_pulls(tmp_path / "none.toml", KEYS)


def _write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "pulls.toml"
    file.write_text(text)
    return file
