"""Print new passwords and a signing key for compose.yaml: `python -m deploy.docker.env > .env`, once."""

import secrets

from ratchet.signing import new_private_key, public_key

PASSWORDS = (
    "POSTGRES_PASSWORD",
    "KAFKA_ADMIN_PASSWORD",
    "KAFKA_APPS_PASSWORD",
    "GATEKEEPER_PASSWORD",
    "COLLECTOR_PASSWORD",
    "ANALYZER_PASSWORD",
    "PROPOSER_PASSWORD",
    "EVALUATOR_PASSWORD",
    "CONSOLE_PASSWORD",
)


def environment() -> dict[str, str]:
    """Return new values of all variables of compose.yaml. They need no quoting."""
    private = new_private_key()
    return {
        **{name: secrets.token_hex(24) for name in PASSWORDS},
        "SIGNING_KEY": private,
        "SIGNING_PUBLIC_KEY": public_key(private),
    }


if __name__ == "__main__":
    print("\n".join(f"{name}={value}" for name, value in environment().items()))
