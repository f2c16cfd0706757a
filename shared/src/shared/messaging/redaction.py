"""API keys in messages that could not be taken: never kept, never shown, never sent on."""

import re

_KEY = re.compile(rb"(rk_[A-Za-z0-9]+_)[A-Za-z0-9_-]{16,}")
_MEMBER = re.compile(rb'("api_key"\s*:\s*")(?:[^"\\]|\\.)*')
_ID = re.compile(rb"rk_[A-Za-z0-9]{1,64}_")
_ESCAPE = re.compile(rb"\\\\|\\u00([2-7][0-9A-Fa-f])")


def without_secrets(payload: bytes) -> bytes:
    """The same bytes with the secret of each API key blacked out, also one that JSON escapes hide; its id stays."""
    plain = _ESCAPE.sub(_unescaped, payload)
    hidden = plain != payload and (_KEY.search(plain) or _MEMBER.search(plain))
    return _MEMBER.sub(_blacked, _KEY.sub(rb"\1[secret]", plain if hidden else payload))


def _blacked(member: re.Match[bytes]) -> bytes:
    found = _ID.match(member[0], len(member[1]))
    return member[1] + (found[0] if found else b"") + b"[secret]"


def _unescaped(escape: re.Match[bytes]) -> bytes:
    """The ASCII character that an escape stands for; quotes and backslashes stay escaped."""
    if escape[1] is None or (character := bytes.fromhex(escape[1].decode())) in (b'"', b"\\", b"\x7f"):
        return escape[0]
    return character
