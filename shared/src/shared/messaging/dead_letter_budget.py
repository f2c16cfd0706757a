"""When a consumer pauses: too many dead letters mean that something is wrong with it, not with the messages (pure)."""

GOOD_PER_LETTER = 10
"""So many settled messages make up for one dead letter: up to one in ten may be bad for ever."""


class DeadLetterBudget:
    """Counts a consumer's dead letters against a limit; messages that were settled restore it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._spent = 0.0

    @property
    def exhausted(self) -> bool:
        return self._spent >= self._limit

    @property
    def is_last(self) -> bool:
        """Whether one more dead letter exhausts it."""
        return self._spent + 1 >= self._limit

    def count_letter(self) -> None:
        self._spent += 1

    def count_settled(self, messages: int) -> None:
        self._spent = max(0.0, self._spent - messages / GOOD_PER_LETTER)

    def restore(self) -> None:
        self._spent = 0.0
