"""What the boundary answers when it says no (pure): a code, and the HTTP status and title that go with it."""

_TITLES: dict[str, tuple[int, str]] = {
    "unknown-key": (401, "A valid API key is needed"),
    "unknown-link": (404, "There is no such sign-in link"),
    "link-used": (410, "This sign-in link was used before"),
    "link-expired": (410, "This sign-in link has expired"),
    "link-void": (410, "This sign-in link ended with the key that made it"),
    "no-session": (409, "This key belongs to no session"),
    "unknown-key-id": (404, "There is no such key"),
    "not-allowed": (403, "This key is not allowed to do that"),
    "own-proposal": (403, "Nobody decides about a proposal of their own"),
    "author-made-link": (403, "The author of a proposal made the link of this session"),
    "subject-invalid": (422, "This subject can't be used"),
    "subject-confusable": (422, "This subject can be mistaken for another"),
    "other-environment": (403, "That belongs to another environment"),
    "unknown-project": (404, "This project was never set up"),
    "unknown-prompt": (404, "No prompt of this name was seen here"),
    "unknown-proposal": (404, "There is no such proposal"),
    "unknown-decision": (404, "There is no such decision"),
    "unknown-grant": (404, "There is no such grant"),
    "unknown-observation": (404, "This digest was never seen in use under this name"),
    "unknown-example": (404, "There is no such example"),
    "prompt-not-live": (404, "Nothing is live under this name"),
    "unknown-version": (409, "The content of this version is not known"),
    "unknown-examples": (409, "The content of an example set is not known"),
    "example-revoked": (409, "An example in this version has been revoked"),
    "already-decided": (409, "The proposal was decided before"),
    "already-used": (409, "The authorisation was used before"),
    "withdrawn": (409, "The proposal has been withdrawn"),
    "digest-mismatch": (409, "The decision is about a different digest"),
    "base-changed": (409, "Another version is live now"),
    "not-approved": (409, "The decision is not an approval"),
    "expired": (409, "The authorisation has expired"),
    "altered": (409, "The authorisation was altered after it was given"),
    "halted": (409, "The loop is halted: nothing is promoted until a person resumes"),
    "project-halted": (409, "The whole project is halted"),
    "never-live": (409, "This version never ran here"),
    "nothing-before": (409, "Nothing ran here before"),
    "no-change": (409, "That would change nothing"),
    "immutable": (409, "That is never changed"),
}


class BoundaryError(Exception):
    """The boundary said no, and nothing was changed. `code` is from a closed set; `because` is a sentence."""

    def __init__(self, code: str, because: str) -> None:
        super().__init__(f"{code}: {because}")
        self.code = code
        self.because = because

    @property
    def status(self) -> int:
        """The HTTP status to answer with; 409 for codes that only tampering can bring up."""
        return _TITLES.get(self.code, (409, ""))[0]

    @property
    def title(self) -> str:
        return _TITLES.get(self.code, (409, "The authorisation does not cover that"))[1]
