"""Event handlers: consume executions and feedback, emit measurements and regressions."""

from collections.abc import Iterable, Sequence

from analyzer.domain.engine import QualityEngine, RegressionEvent
from analyzer.domain.metrics.definitions import Definitions
from analyzer.domain.metrics.extraction import BY_DEFAULT, UncountedValue, from_execution, from_feedback
from analyzer.domain.model import Dimension, Reading
from analyzer.domain.series import windowed_sums
from analyzer.domain.watch_rules import Rules
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
ReadEvent = tuple[Received[Measurable], list[Reading | UncountedValue]]


class Handlers:
    """The event handlers of the analyzer."""

    def __init__(self, rules: Rules, clock: Clock, source: str) -> None:
        self._rules = rules
        self._clock = clock
        self._source = source

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the subscriptions of this service."""
        return (Subscription("quality", (ExecutionRecorded, FeedbackCreated), self.on_measurable, max_batch=1000),)

    async def on_measurable(self, tx: Tx, events: Sequence[Received[Measurable]]) -> None:
        """Load the state, apply the events, save the state and emit, in the caller's transaction."""
        declared = DefinitionStore(tx.conn)
        definitions = await declared.load({(each.event.project, each.event.environment) for each in events})
        measured = [(received, list(readings(received.event, definitions))) for received in events]
        values = [found for _, each in measured for found in each if isinstance(found, Reading)]
        store, engine = QualityStore(tx.conn), QualityEngine(self._rules, definitions)
        await store.load(values, engine)
        emitted = self._apply(engine, measured)
        await store.save(engine)
        await SeriesStore(tx.conn).add_windows(windowed_sums(values))
        await declared.count(found for _, each in measured for found in each if isinstance(found, UncountedValue))
        await tx.emit(*emitted)

    def _apply(self, engine: QualityEngine, measured: Sequence[ReadEvent]) -> list[Envelope[Event]]:
        """Apply all readings in order and return the events to emit."""
        emitted: list[Envelope[Event]] = []
        latest: dict[Dimension, Received[Measurable]] = {}
        for received, each in measured:
            for found in each:
                if isinstance(found, Reading):
                    latest[found.dimension.subject] = received
                    emitted += [self._regression_event(received, event) for event in engine.apply(found)]
        for event in engine.pending_measurements():
            dimension = Dimension(event.project, event.environment, event.target, event.metric)
            emitted.append(self._measurement_event(latest[dimension], event))
        return emitted

    def _regression_event(self, received: Received[Measurable], event: RegressionEvent) -> Envelope[Event]:
        event_id = derived_id("regression", str(event.regression_id), str(event.revision))
        return received.caused(event, id=event_id, time=self._clock.now(), source=self._source)

    def _measurement_event(self, received: Received[Measurable], event: QualityMeasured) -> Envelope[Event]:
        now = self._clock.now()
        return received.caused(event, id=new_id(now), time=now, source=self._source)


def readings(event: Measurable, definitions: Definitions = BY_DEFAULT) -> Iterable[Reading | UncountedValue]:
    """Return the readings of an event, and values that are not counted."""
    if isinstance(event, FeedbackCreated):
        return from_feedback(event, definitions)
    return from_execution(event, definitions)
