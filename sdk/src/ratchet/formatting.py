"""How the terminal and the console write identities. Pure."""

from ratchet.sanitize import visible

NOTHING = "nothing"


def short_digest(identity: object) -> str:
    """The first 12 hexadecimal digits of a digest; what is no digest stays as it is, with nothing in it invisible."""
    text = visible(str(identity)) if identity else NOTHING
    return text[7:19] if text.startswith("sha256:") else text
