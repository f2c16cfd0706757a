"""What a sign-in link carries (pure but for chance)."""

import secrets
from datetime import timedelta

LINK_LASTS = timedelta(minutes=30)


def new_token() -> str:
    """256 random bits, for the part of a link behind its `#`: browsers keep that to themselves."""
    return f"rl_{secrets.token_urlsafe(32)}"
