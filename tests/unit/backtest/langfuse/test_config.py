"""Where the server is, and what is said when nothing tells."""

import pytest

from ratchet_backtest.langfuse.config import LangfuseConfig, MissingConfig, load_config

KEYS = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk-hidden"}


def test_the_environment_says_where_and_as_whom() -> None:
    found = load_config({"LANGFUSE_HOST": "https://cloud.langfuse.com/", **KEYS})
    assert found == LangfuseConfig("https://cloud.langfuse.com", "pk", "sk-hidden")
    assert "sk-hidden" not in repr(found)


def test_the_name_that_newer_clients_use_is_known() -> None:
    assert load_config({"LANGFUSE_BASE_URL": "http://here:3000/langfuse", **KEYS}).url == "http://here:3000/langfuse"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "set LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY: required by --langfuse"),
        ({"LANGFUSE_HOST": "http://x", "LANGFUSE_PUBLIC_KEY": "pk"}, "set LANGFUSE_SECRET_KEY: required by --langfuse"),
        ({**KEYS, "LANGFUSE_HOST": " "}, "set LANGFUSE_HOST: required by --langfuse"),
        (
            {**KEYS, "LANGFUSE_HOST": "cloud.langfuse.com"},
            "LANGFUSE_HOST must be a URL such as https://cloud.langfuse.com",
        ),
        ({**KEYS, "LANGFUSE_HOST": "http://x:port"}, "LANGFUSE_HOST must be a URL such as https://cloud.langfuse.com"),
        ({**KEYS, "LANGFUSE_HOST": "http://[x"}, "LANGFUSE_HOST must be a URL such as https://cloud.langfuse.com"),
        ({**KEYS, "LANGFUSE_HOST": "http://me:secret@x"}, "LANGFUSE_HOST must not contain a user"),
        ({**KEYS, "LANGFUSE_HOST": "http://x/?a=b"}, "LANGFUSE_HOST must not contain a user"),
    ],
)
def test_what_lacks_is_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(MissingConfig) as caught:
        load_config(environ)
    assert str(caught.value).startswith(message)
    assert "secret@" not in str(caught.value)
