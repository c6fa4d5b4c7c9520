"""How long to wait for learning, and what to do meanwhile."""

from __future__ import annotations

import time

from .errors import APIError, SkillRelayError, TimeoutError
from .types.learning_space import LearningSpaceSession, SessionStatus

#: Seconds that one look may take: the next one may be luckier.
LOOK_TIMEOUT = 10.0


class LearningWait:
    """One wait. Looks that fail for want of the service are part of it: it may be restarting."""

    def __init__(self, session_id: str, timeout: float, poll_interval: float) -> None:
        self._what = f"learning session {session_id} did not complete within {timeout:g}s"
        self._ends = time.monotonic() + timeout
        self._poll_interval = poll_interval
        self._last = ""
        self._failure: SkillRelayError | None = None

    @property
    def look_timeout(self) -> float:
        """Seconds for the next look: not far beyond the end, and enough for an answer."""
        return min(LOOK_TIMEOUT, max(1.0, self._ends - time.monotonic()))

    def is_over(self, learning: LearningSpaceSession) -> bool:
        """Whether this status is one that stays. Others come and go with the worker's version."""
        self._last = f"last status: {learning.status}"
        self._failure = None
        return learning.status in (SessionStatus.COMPLETED.value, SessionStatus.FAILED.value)

    def tolerate(self, failure: SkillRelayError) -> None:
        """Takes note of a look that failed; raises it if waiting will not help."""
        if not failure.is_retryable:
            raise failure
        self._last = f"last failure: {failure}"
        self._failure = failure

    def delay(self) -> float:
        """Seconds until the next look.

        Raises:
            TimeoutError: there is no time left for one.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{self._what} ({self._last})") from self._failure
        asked = (self._failure.retry_after or 0.0) if isinstance(self._failure, APIError) else 0.0
        return min(max(self._poll_interval, asked), left)
