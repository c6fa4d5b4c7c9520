"""/openapi.json, held against what the service answers to requests that Schemathesis draws from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.deployment import deployed

FOLDER = Path(__file__).parent


def test_every_answer_is_as_it_is_described(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with deployed() as deployment:
        token = deployment.new_project()
        deployment.sql((FOLDER / "rows.sql").read_text())
        url = deployment.serve()
        command = [Path(sys.executable).with_name("schemathesis"), "--config-file", FOLDER / "schemathesis.toml"]
        settings = {
            "SKILLRELAY_TOKEN": token,
            "SKILLRELAY_ADMIN_TOKEN": deployment.admin_token,
            "SKILLRELAY_TEST_DATABASE_URL": deployment.database,
            "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
            "PYTHONPATH": str(FOLDER),
        }
        with capfd.disabled():
            # Its own summary says more than a line of pytest's.
            result = subprocess.run(
                [*command, "run", f"{url}/openapi.json"], env={**os.environ, **settings}, cwd=tmp_path
            )

    assert result.returncode == 0
