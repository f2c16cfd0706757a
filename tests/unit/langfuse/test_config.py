"""Address and keys of the server, and errors if they are missing."""

import pytest

from ratchet_langfuse.config import LangfuseConfig, MissingConfig, load_config

KEYS = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk-hidden"}


def test_address_and_keys_are_read_from_the_environment() -> None:
    found = load_config({"LANGFUSE_HOST": "https://cloud.langfuse.com/", **KEYS}, "--langfuse")
    assert found == LangfuseConfig("https://cloud.langfuse.com", "pk", "sk-hidden")
    assert "sk-hidden" not in repr(found)


def test_variable_of_newer_clients_is_supported() -> None:
    assert (
        load_config({"LANGFUSE_BASE_URL": "http://here:3000/langfuse", **KEYS}, "--langfuse").url
        == "http://here:3000/langfuse"
    )


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
def test_missing_variables_are_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(MissingConfig) as caught:
        load_config(environ, "--langfuse")
    assert str(caught.value).startswith(message)
    assert "secret@" not in str(caught.value)
