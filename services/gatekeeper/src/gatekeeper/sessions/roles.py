"""What people are called for what they may (pure)."""

from collections.abc import Collection
from typing import Literal

from shared.events.promotion import Scope

Role = Literal["viewer", "operator", "reviewer", "admin"]

ROLES: dict[Role, tuple[Scope, ...]] = {
    "viewer": ("read",),
    "operator": ("read", "operate"),
    "reviewer": ("read", "tune", "review"),
    "admin": ("read", "tune", "review", "operate", "admin"),
}
"""From the one that may least."""


def person_role(scopes: Collection[str]) -> Role:
    """The highest role that these scopes make up; a viewer where they make up none."""
    held = [role for role, needed in ROLES.items() if set(needed) <= set(scopes)]
    return held[-1] if held else "viewer"
