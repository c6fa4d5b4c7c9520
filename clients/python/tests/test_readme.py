"""The examples of README.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.service import Service

README = (Path(__file__).parents[1] / "README.md").read_text()
EXAMPLES = re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == README.count("```python") == 6


@pytest.mark.parametrize(("title", "example"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_an_example_runs(service: Service, monkeypatch: pytest.MonkeyPatch, title: str, example: str) -> None:
    monkeypatch.setenv("SKILLRELAY_API_KEY", service.token)
    monkeypatch.setenv("SKILLRELAY_BASE_URL", service.base_url)

    exec(compile(example, f"README.md: {title}", "exec"), {"__name__": "__main__"})
