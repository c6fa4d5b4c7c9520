"""When a failed call is made again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Callable

from .errors import APIError, SkillRelayError


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter: clients that failed together do not come back together.

    See https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    max_retries: int = 2
    max_delay: float = 30.0
    """Seconds. A service that asks for more is not asked again at all."""
    first_delay: float = 0.5

    def __post_init__(self) -> None:
        if self.max_retries < 0 or self.max_delay < 0:
            raise ValueError("max_retries and max_retry_delay must not be negative")

    def delay(
        self,
        failure: SkillRelayError,
        retries: int,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> float | None:
        """Seconds to wait before a call is made again that failed after `retries` repeats; None to give up."""
        if retries >= self.max_retries or not failure.is_retryable:
            return None
        asked = (failure.retry_after or 0.0) if isinstance(failure, APIError) else 0.0
        if asked > self.max_delay:
            return None
        # 2^16 half seconds are beyond any patience, and no further power is needed.
        longest = min(self.max_delay, asked + self.first_delay * 2 ** min(retries, 16))
        return draw(asked, longest)
