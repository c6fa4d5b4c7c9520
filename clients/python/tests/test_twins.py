"""The asynchronous half is what the synchronous one says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_asynchronous_modules_are_as_they_would_be_written() -> None:
    script = Path(__file__).parents[1] / "async_twins.py"
    outcome = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)

    assert outcome.returncode == 0, outcome.stderr
