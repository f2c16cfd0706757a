"""The outbox holds several messages of a key in one row; each `prompt.live` in a row must be one of the history."""

from alembic import op

from gatekeeper.storage.scripts import apply_functions
from shared.service.tables import pack_outbox

revision = "0002"
down_revision = "0001"

_TRIGGER = """CREATE TRIGGER check_prompt_live_event
    BEFORE INSERT OR UPDATE OF topic, event_ids, messages ON gatekeeper.outbox
    FOR EACH ROW WHEN (NEW.topic = 'prompt.live') EXECUTE FUNCTION gatekeeper.check_prompt_live_event()"""


def upgrade() -> None:
    for statement in pack_outbox("gatekeeper"):
        op.execute(statement)
    apply_functions(["promotion"])
    op.execute(_TRIGGER)
