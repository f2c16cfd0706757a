"""Search for secrets: known forms of keys, assignments to words such as `password`, long random strings.

Each pattern takes linear time: repeats are possessive or bounded.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator

from shared.pii.windowed_search import Bounds, matches

_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----)[\s\S]){0,20000}+"
    r"(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----)?"
)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{8,600}+\.[\w-]{8,}+(?:\.[\w-]*+)?", re.ASCII)
_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}+|whsec_[A-Za-z0-9+/=]{16,}+|"  # OpenAI, Anthropic, Stripe, our own
    r"gh[opusr]_[A-Za-z0-9]{16,}+|github_pat_\w{16,}+|gl(?:pat|ptt|dt|rt|soat|ft)-[\w-]{16,}+|"  # GitHub, GitLab
    r"xox[abeprs]-[A-Za-z0-9-]{10,}+|xapp-[A-Za-z0-9-]{16,}+|"  # Slack
    r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_]{20,}+|"
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])|"  # AWS key ids
    r"AIza[\w-]{35}|ya29\.[\w-]{16,}+|GOCSPX-[\w-]{20,}+|1//0[\w-]{20,}+|"  # Google
    r"(?:hf|npm|dop_v1|doo_v1|gsk|pplx|r8|lin_api|fig[dpu]|nvapi|tvly|xai|PMAK|sntrys|ntn|secret|shp(?:at|ca|pa|ss))"
    r"[_-][A-Za-z0-9_-]{16,}+|"
    r"pypi-[\w-]{16,}+|SG\.[\w-]{16,}+\.[\w-]{16,}+|key-[0-9a-f]{32}(?![0-9a-f])|dapi[0-9a-f]{32}(?![0-9a-f])|"
    r"(?:SK|AC)[0-9a-f]{32}(?![0-9a-f])|sq0[a-z]{3}-[\w-]{22,}+|EAA[A-Za-z0-9]{60,}+|"  # Twilio, Square, Meta
    r"[0-9]{8,10}:AA[\w-]{33}(?![\w-])"  # Telegram
    r")",
    re.ASCII,
)
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/:@]{1,128}:([^\s/@]{3,256})(?=@)")
_BEARER = re.compile(r"[BT](?<!\w.)(?:earer|asic|oken)\s{1,3}([A-Za-z0-9._~+/=-]{20,}+)")
_ASSIGNED = re.compile(
    r"[pstcaPSTCA](?i:(?<=p)(?:ass(?:word|wd|phrase)?|wd)|(?<=s)ecret|(?<=t)oken|(?<=c)redential|"
    r"(?<=a)(?:pi[_ -]?key|ccess[_ -]?key|ccount[_ -]?key|uth))"
    r"[\"']?\s{0,3}(?::|=|:=|=>)\s{0,3}[\"']?([^\s\"',;<>\[\]]{8,512}+)"
)
"""It starts with a set of letters, for which the engine searches quickly."""
_LONG = re.compile(r"\S{15,}+")
_FURTHER_LONG = re.compile(r"\s\S{15,}+")
"""A word that can contain a known form of key or a random string, at the start and after a space."""
_TOKEN = re.compile(r"(?<![\w+=-])[\w+=-]{32,}+", re.ASCII)
_BASE64 = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/]{40}(?:={0,2})(?![\w+/=-])", re.ASCII)

TOKEN_LENGTH = 32
_TOKEN_ENTROPY_BITS = 4.0
_HINTS = (
    "_",
    "-",
    "AKIA",
    "ASIA",
    "ABIA",
    "ACCA",
    "AIza",
    "ya29.",
    "1//0",
    ":AA",
    "dapi",
    "SK",
    "AC",
    "EAA",
    "SG.",
    "slack.com",
)
_WORDS = ("pass", "pwd", "secret", "token", "credential", "key", "auth")


def find_secrets(text: str) -> Iterator[Bounds]:
    """Yield bounds of secrets; they may overlap."""
    if "PRIVATE KEY" in text:
        yield from (match.span() for match in _PEM.finditer(text))
    for pattern in _possible_values(text):
        yield from (match.span(1) for match in matches(pattern, text) if _is_value(match[1]))
    if first := _LONG.match(text):
        yield from _keys_of(text, *first.span())
    for word in _FURTHER_LONG.finditer(text):
        yield from _keys_of(text, word.start() + 1, word.end())


def _keys_of(text: str, start: int, end: int) -> Iterator[Bounds]:
    """Yield bounds of secrets in a long word."""
    word = text[start:end]
    if "eyJ" in word:
        yield from (match.span() for match in matches(_JWT, text, start, end))
    if any(hint in word for hint in _HINTS):
        yield from (match.span() for match in matches(_PREFIXED, text, start, end, 0))
    if len(word) >= TOKEN_LENGTH:
        for pattern in (_TOKEN, _BASE64):
            yield from (match.span() for match in matches(pattern, text, start, end, 0) if _is_random(match[0]))


def _possible_values(text: str) -> Iterator[re.Pattern[str]]:
    """Yield the patterns of values that can match, by checks that are much cheaper."""
    if "://" in text and "@" in text:
        yield _IN_ADDRESS
    if "earer " in text or "asic " in text or "oken " in text:
        yield _BEARER
    if ":" in text or "=" in text:
        lower = text.lower()
        for word in _WORDS:  # a loop is quicker than any()
            if word in lower:
                yield _ASSIGNED
                return


def _is_value(text: str) -> bool:
    """Whether a value looks like a password or a random secret, rather than a word or a number."""
    kinds = sum((any(map(str.isalpha, text)), any(map(str.isdigit, text)), not text.isalnum()))
    return kinds >= 2 and any(map(str.isdigit, text))


def _is_random(token: str) -> bool:
    """Whether a token is long, of mixed case, with digits and high entropy; hex digests and UUIDs are not."""
    if not (any(c.islower() for c in token) and any(c.isupper() for c in token) and any(c.isdigit() for c in token)):
        return False
    size = len(token)
    entropy = -sum(n / size * math.log2(n / size) for n in Counter(token).values())
    return entropy >= _TOKEN_ENTROPY_BITS
