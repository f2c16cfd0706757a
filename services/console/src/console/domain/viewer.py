"""The signed-in person."""

from dataclasses import dataclass

from console.domain.json_object import JsonObject


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in person. `scopes` are those of the whole session, not of the console's read-only key."""

    subject: str
    role: str
    project: str
    environment: str
    scopes: frozenset[str]

    @classmethod
    def from_session(cls, session: JsonObject) -> "Viewer":
        """Return the viewer in a response of the gatekeeper's `GET /v1/session`."""
        fields = {name: str(session[name]) for name in ("subject", "role", "project", "environment")}
        return cls(**fields, scopes=frozenset(session["scopes"]))

    def may(self, scope: str) -> bool:
        """Return whether the person has `scope`."""
        return scope in self.scopes
