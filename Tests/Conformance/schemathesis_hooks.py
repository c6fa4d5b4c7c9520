"""What Schemathesis cannot know of the service."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import schemathesis
from support.deployment import psql

NUMBERS = itertools.count()
ROWS = (Path(__file__).parent / "rows.sql").read_text()
KEY = "Idempotency-Key"


@schemathesis.hook
def filter_query(context: Any, query: Any) -> bool:
    """An object in place of a number is sent as other parameters, and those are passed over."""
    return not any(isinstance(value, dict) for value in (query or {}).values())


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Each request under a key of its own: under one that was used before it would be 422."""
    key = (case.headers or {}).get(KEY)
    if isinstance(key, str) and 0 < len(key) < 200 and not key.startswith('"'):
        case.headers[KEY] = f"{key}{next(NUMBERS)}"


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """What was deleted is there again for the next case."""
    if case.method == "DELETE" and response.status_code == 200:
        psql(os.environ["SKILLRELAY_TEST_DATABASE_URL"], ROWS)
