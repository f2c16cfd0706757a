"""Redaction of API keys in dead letters, before they are stored, shown or mirrored."""

import re

_KEY = re.compile(rb"(rk_[A-Za-z0-9]+_)[A-Za-z0-9_-]{16,}")
_MEMBER = re.compile(rb'("api_key"\s*:\s*")(?:[^"\\]|\\.)*')
_ID = re.compile(rb"rk_[A-Za-z0-9]{1,64}_")
_ESCAPE = re.compile(rb"\\\\|\\u00([2-7][0-9A-Fa-f])")


def without_secrets(payload: bytes) -> bytes:
    """Return `payload` with the secret of each API key replaced, also if it has JSON escapes; key ids are kept."""
    plain = _ESCAPE.sub(_unescaped, payload)
    hidden = plain != payload and (_KEY.search(plain) or _MEMBER.search(plain))
    return _MEMBER.sub(_redacted, _KEY.sub(rb"\1[secret]", plain if hidden else payload))


def _redacted(member: re.Match[bytes]) -> bytes:
    found = _ID.match(member[0], len(member[1]))
    return member[1] + (found[0] if found else b"") + b"[secret]"


def _unescaped(escape: re.Match[bytes]) -> bytes:
    """Return the ASCII character of an escape; quotes and backslashes stay escaped."""
    if escape[1] is None or (character := bytes.fromhex(escape[1].decode())) in (b'"', b"\\", b"\x7f"):
        return escape[0]
    return character
