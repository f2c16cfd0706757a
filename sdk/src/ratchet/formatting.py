"""Formatting of digests for the terminal and the console. Pure."""

from ratchet.sanitize import visible

NOTHING = "nothing"


def short_digest(identity: object) -> str:
    """Return the first 12 hexadecimal digits of a digest; any other text made `visible`."""
    text = visible(str(identity)) if identity else NOTHING
    return text[7:19] if text.startswith("sha256:") else text
