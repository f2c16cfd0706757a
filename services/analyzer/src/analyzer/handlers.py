"""Event handlers: consume executions and feedback, emit measurements and regressions."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from analyzer.domain.column_fold import fold_columns
from analyzer.domain.engine import QualityEngine, RegressionEvent
from analyzer.domain.metrics.definitions import BY_DEFAULT, Definitions
from analyzer.domain.metrics.extraction import from_execution, from_feedback
from analyzer.domain.metrics.judges import from_anchor
from analyzer.domain.metrics.uncounted import AnyExecution, AnyFeedback, UncountedValue
from analyzer.domain.model import Dimension, Reading
from analyzer.domain.series import quality_measured_events, windowed_sums
from analyzer.domain.value_columns import ValueColumns, to_columns
from analyzer.domain.watch_rules import Rules
from analyzer.storage.definitions import DefinitionRepository
from analyzer.storage.repository import QualityCache, QualityRepository
from analyzer.storage.series import SeriesRepository
from shared.events import Envelope, derived_id, new_id
from shared.events.base import Event, subject_keys
from shared.events.evaluation import JudgeAnchored
from shared.events.feedback import ExecutionRecorded, FeedbackCreated
from shared.events.feedback_structs import FeedbackCreatedStruct
from shared.events.quality import QualityMeasured
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import Clock

Measurable = AnyExecution | AnyFeedback | JudgeAnchored


class MeasuredEvents(NamedTuple):
    """The values of events with the events that they are from, and values that are not counted."""

    values: list[Reading]
    causes: list[Received[Measurable]]
    uncounted: list[UncountedValue]


class Handlers:
    """The event handlers of the analyzer."""

    def __init__(self, rules: Rules, subjects: ErasedSubjects, clock: Clock, source: str) -> None:
        self._rules = rules
        self._subjects = subjects
        self._clock = clock
        self._source = source
        self._cache = QualityCache()

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the subscriptions of this service."""
        events = ExecutionRecorded, FeedbackCreated, JudgeAnchored
        return (Subscription("quality", events, self.on_measurable, max_batch=1000, structs=True),)

    async def on_measurable(self, tx: Tx, events: Sequence[Received[Measurable]]) -> None:
        """Load the state, apply the events, save the state and emit, in the caller's transaction.

        Events about erased users are dropped.
        """
        events = await self._subjects.drop_erased(tx.conn, events, lambda received: subject_keys(received.event))
        declared = DefinitionRepository(tx.conn)
        definitions = await declared.get_definitions({(each.event.project, each.event.environment) for each in events})
        found = measure(events, definitions)
        emitted = await self._update_state(tx, QualityEngine(self._rules, definitions), found)
        await declared.add_uncounted(found.uncounted)
        emitted += [self._measurement_event(found.causes[-1], event) for event in quality_measured_events(found.values)]
        await tx.emit(*emitted)

    async def _update_state(self, tx: Tx, engine: QualityEngine, found: MeasuredEvents) -> list[Envelope[Event]]:
        """Load the state, apply the values and save the state; return the events to emit."""
        repository = QualityRepository(tx.conn, self._cache)
        columns = to_columns(found.values, engine.rules)
        await repository.load(columns, engine)
        emitted = self._apply(engine, columns, found.causes)
        await repository.save(engine)
        await SeriesRepository(tx.conn).add_windows(windowed_sums(columns))
        return emitted

    def _apply(
        self, engine: QualityEngine, batch: Sequence[ValueColumns], causes: Sequence[Received[Measurable]]
    ) -> list[Envelope[Event]]:
        """Apply all readings in order, and return the events to emit; `causes` are the events of the readings."""
        opened = fold_columns(engine, batch)
        emitted = [self._regression_event(causes[position], event) for position, event in opened]
        ends = sorted((columns.positions[-1], columns.dimension.subject) for columns in batch)
        latest = {subject: causes[position] for position, subject in ends}
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


def measure(events: Iterable[Received[Measurable]], definitions: Definitions) -> MeasuredEvents:
    """Return the values of events, in order."""
    found = MeasuredEvents([], [], [])
    for received in events:
        for value in readings(received.event, definitions):
            if isinstance(value, Reading):
                found.values.append(value)
                found.causes.append(received)
            else:
                found.uncounted.append(value)
    return found


def readings(event: Measurable, definitions: Definitions = BY_DEFAULT) -> Iterable[Reading | UncountedValue]:
    """Return the readings of an event, and values that are not counted."""
    if isinstance(event, JudgeAnchored):
        return from_anchor(event, definitions)
    if isinstance(event, FeedbackCreatedStruct | FeedbackCreated):
        return from_feedback(event, definitions)
    return from_execution(event, definitions)
