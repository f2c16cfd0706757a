"""Executions and feedback come in; state, `quality.measured` and the turns of regressions go out."""

from collections.abc import Iterable, Sequence

from analyzer.domain.engine import QualityEngine, Turn
from analyzer.domain.metrics.definitions import Definitions
from analyzer.domain.metrics.extraction import BY_DEFAULT, UncountedValue, from_execution, from_feedback
from analyzer.domain.model import Dimension, Reading
from analyzer.domain.rules import Rules
from analyzer.domain.series import added
from analyzer.storage.definitions import DefinitionStore
from analyzer.storage.repository import QualityStore
from analyzer.storage.series import SeriesStore
from shared.events import Envelope, derived_id, new_id
from shared.events.base import Event
from shared.events.feedback import ExecutionRecorded, FeedbackCreated
from shared.events.quality import QualityMeasured
from shared.messaging.cloudevents import Received
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import Clock

Measurable = ExecutionRecorded | FeedbackCreated
Measured = tuple[Received[Measurable], list[Reading | UncountedValue]]


class Handlers:
    """Takes batches of events into the state of their streams: a transaction each, a few statements each."""

    def __init__(self, rules: Rules, clock: Clock, source: str) -> None:
        self._rules = rules
        self._clock = clock
        self._source = source

    def subscription(self) -> Subscription:
        return Subscription("quality", (ExecutionRecorded, FeedbackCreated), self.handle, max_batch=1000)

    async def handle(self, tx: Tx, events: Sequence[Received[Measurable]]) -> None:
        """Load, fold, save, emit."""
        declared = DefinitionStore(tx.conn)
        definitions = await declared.load({(each.event.project, each.event.environment) for each in events})
        measured = [(received, list(readings(received.event, definitions))) for received in events]
        values = [found for _, each in measured for found in each if isinstance(found, Reading)]
        store, ledger = QualityStore(tx.conn), QualityEngine(self._rules, definitions)
        await store.load(values, ledger)
        emitted = self._fold(ledger, measured)
        await store.save(ledger)
        await SeriesStore(tx.conn).add(added(values))
        await declared.count(found for _, each in measured for found in each if isinstance(found, UncountedValue))
        await tx.emit(*emitted)

    def _fold(self, ledger: QualityEngine, measured: Sequence[Measured]) -> list[Envelope[Event]]:
        """Takes all readings in their order; gives back what there is to tell."""
        told: list[Envelope[Event]] = []
        latest: dict[Dimension, Received[Measurable]] = {}
        for received, each in measured:
            for found in each:
                if isinstance(found, Reading):
                    latest[found.dimension.subject] = received
                    told += [self._turn(received, turn) for turn in ledger.take(found)]
        for event in ledger.due():
            dimension = Dimension(event.project, event.environment, event.target, event.metric)
            told.append(self._window(latest[dimension], event))
        return told

    def _turn(self, received: Received[Measurable], event: Turn) -> Envelope[Event]:
        event_id = derived_id("regression", str(event.regression_id), str(event.revision))
        return received.caused(event, id=event_id, time=self._clock.now(), source=self._source)

    def _window(self, received: Received[Measurable], event: QualityMeasured) -> Envelope[Event]:
        now = self._clock.now()
        return received.caused(event, id=new_id(now), time=now, source=self._source)


def readings(event: Measurable, definitions: Definitions = BY_DEFAULT) -> Iterable[Reading | UncountedValue]:
    """What an event measures, and why the rest of it is not counted."""
    if isinstance(event, FeedbackCreated):
        return from_feedback(event, definitions)
    return from_execution(event, definitions)
