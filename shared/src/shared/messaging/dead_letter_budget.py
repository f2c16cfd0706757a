"""The limit of dead letters after which a consumer pauses: too many mean that the consumer is at fault (pure)."""

GOOD_PER_LETTER = 10
"""Processed messages that compensate for one dead letter: up to one message in ten may be bad permanently."""


class DeadLetterBudget:
    """Counts a consumer's dead letters against a limit; processed messages restore it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._spent = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether the limit is reached."""
        return self._spent >= self._limit

    @property
    def is_last(self) -> bool:
        """Whether the next dead letter reaches the limit."""
        return self._spent + 1 >= self._limit

    def count_letter(self) -> None:
        self._spent += 1

    def count_processed(self, messages: int) -> None:
        self._spent = max(0.0, self._spent - messages / GOOD_PER_LETTER)

    def restore(self) -> None:
        self._spent = 0.0
