"""Refusals of the authorisation boundary: a code with its HTTP status and title (pure)."""

_TITLES: dict[str, tuple[int, str]] = {
    "unknown-key": (401, "A valid API key is needed"),
    "unknown-link": (404, "There is no such sign-in link"),
    "link-used": (410, "This sign-in link was already used"),
    "link-expired": (410, "This sign-in link has expired"),
    "link-void": (410, "The key that created this sign-in link was revoked"),
    "no-session": (409, "This key belongs to no session"),
    "unknown-key-id": (404, "There is no such key"),
    "not-allowed": (403, "This key is not allowed to do that"),
    "own-proposal": (403, "Authors can't decide about their own proposals"),
    "author-made-link": (403, "The author of the proposal created the sign-in link of this session"),
    "subject-invalid": (422, "This subject can't be used"),
    "subject-confusable": (422, "This subject can be mistaken for another"),
    "other-environment": (403, "This belongs to another environment"),
    "unknown-project": (404, "There is no such project"),
    "unknown-prompt": (404, "There is no prompt of this name here"),
    "unknown-proposal": (404, "There is no such proposal"),
    "unknown-decision": (404, "There is no such decision"),
    "unknown-grant": (404, "There is no such grant"),
    "unknown-observation": (404, "This digest was not observed under this name"),
    "unknown-example": (404, "There is no such example"),
    "prompt-not-live": (404, "Nothing is live under this name"),
    "unknown-version": (409, "The content of this version is not known"),
    "unknown-examples": (409, "The content of an example set is not known"),
    "example-revoked": (409, "An example in this version has been revoked"),
    "already-decided": (409, "The proposal was already decided"),
    "already-used": (409, "The authorisation was already used"),
    "withdrawn": (409, "The proposal has been withdrawn"),
    "digest-mismatch": (409, "The decision is about a different digest"),
    "evaluation-missing": (409, "An evaluation is required, and none is completed"),
    "evaluation-not-passed": (409, "A passed evaluation is required"),
    "evaluation-stale": (409, "The evaluation is too old"),
    "evaluation-changed": (409, "The decision is about another evaluation"),
    "base-changed": (409, "Another version is live now"),
    "not-approved": (409, "The decision is not an approval"),
    "expired": (409, "The authorisation has expired"),
    "altered": (409, "The authorisation was altered"),
    "halted": (409, "Promotions are halted until a person resumes them"),
    "project-halted": (409, "Promotions of the whole project are halted"),
    "never-live": (409, "This version was never live here"),
    "nothing-before": (409, "There is no version before the live one"),
    "no-change": (409, "This would change nothing"),
    "unknown-rollout": (404, "There is no such rollout"),
    "rollout-open": (409, "A rollout of this prompt has not ended"),
    "rollout-ended": (409, "The rollout has ended"),
    "rollout-state": (409, "The rollout can't be changed like this now"),
    "rollout-changed": (409, "The rollout was changed meanwhile"),
    "other-plan": (409, "The approved plan says something else"),
    "step-minimum": (409, "The minimum of the step is not reached"),
    "plan-needs-base": (409, "A first version can't be rolled out gradually"),
    "immutable": (409, "This can't be changed"),
}


class BoundaryError(Exception):
    """A refusal of the boundary; nothing was changed. `code` is from a closed set; `detail` explains it to people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail

    @property
    def status(self) -> int:
        """The HTTP status of the answer; 409 for codes that only tampering can cause."""
        return _TITLES.get(self.code, (409, ""))[0]

    @property
    def title(self) -> str:
        """The title of the problem."""
        return _TITLES.get(self.code, (409, "The authorisation does not cover this"))[1]
