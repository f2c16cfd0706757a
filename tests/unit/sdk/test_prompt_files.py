"""A prompt file has the same meaning in any encoding."""

import logging
from pathlib import Path

import pytest

from ratchet.client.prompts import default_prompt

TEXT = "Antworte höflich.\n{{question}}\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_text_has_one_digest_in_any_encoding(tmp_path: Path, encoding: str, newline: str) -> None:
    file = tmp_path / "prompt.txt"
    file.write_bytes(TEXT.replace("\n", newline).encode(encoding))
    assert default_prompt(file).digest == default_prompt(TEXT).digest


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_document_has_one_digest_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    plain, file = tmp_path / "plain.json", tmp_path / "prompt.json"
    document = (
        '{"schema": "ratchet.prompt/1", "messages": [{"role": "user", "content": "Grüße {{name}}"}], '
        '"variables": {"name": {"type": "string"}}}'
    )
    plain.write_text(document, "utf-8")
    file.write_bytes(document.encode(encoding))
    assert default_prompt(file).digest == default_prompt(plain).digest


def test_windows_1252_is_read_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "prompt.txt"
    file.write_bytes(TEXT.encode("cp1252"))
    with caplog.at_level(logging.WARNING, "ratchet"):
        assert default_prompt(file).digest == default_prompt(TEXT).digest
    assert "read as Windows-1252: line 1 is not UTF-8" in caplog.text
