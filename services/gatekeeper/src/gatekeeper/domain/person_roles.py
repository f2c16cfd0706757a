"""Roles of people: named sets of scopes (pure)."""

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
"""Role → scopes, in rising order."""


def person_role(scopes: Collection[str]) -> Role:
    """Return the highest role whose scopes are all in `scopes`; viewer if there is none."""
    held = [role for role, needed in ROLES.items() if set(needed) <= set(scopes)]
    return held[-1] if held else "viewer"
