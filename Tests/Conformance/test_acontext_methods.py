"""docs/contract.md says of each method of the package acontext whether it works; so it is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import acontext
import pytest
from acontext.errors import APIError
from support.deployment import REPOSITORY

CLIENT = acontext.AcontextClient(api_key="sk-ac-none")
RESOURCES = {
    name: resource
    for name, resource in vars(CLIENT).items()
    if type(resource).__module__.startswith("acontext.resources")
}


def listed() -> dict[str, str]:
    """The table's rows: method and what is said of it."""
    rows = re.findall(r"^\| `(\w+\.\w+|\w+)` \| (.+?) \|$", (REPOSITORY / "docs/contract.md").read_text(), re.MULTILINE)
    return dict(rows)


def methods(resource: str) -> set[str]:
    return {
        f"{resource}.{name}"
        for name, _ in inspect.getmembers(RESOURCES[resource], inspect.ismethod)
        if not name.startswith("_")
    }


@pytest.mark.parametrize("resource", ["sessions", "learning_spaces", "users"])
def test_every_method_is_listed(resource: str) -> None:
    rows = {name for name in listed() if name.startswith(f"{resource}.")}

    assert rows == methods(resource)


def test_every_resource_is_listed() -> None:
    assert set(RESOURCES) <= {name.split(".")[0] for name in listed()}


def test_what_is_said_to_work_is_tested() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_acontext_*.py"))

    for method, word in listed().items():
        if "." in method and word.startswith("works"):
            assert f"client.{method}(" in tests, method


@pytest.mark.parametrize(
    "call",
    [
        lambda client, id: client.sessions.copy(id),
        lambda client, id: client.sessions.get_events(id),
        lambda client, id: client.sessions.add_event(id, acontext.event.TextEvent(text="a")),
        lambda client, id: client.disks.list(),
        lambda client, id: client.skills.list_catalog(),
        lambda client, id: client.sandboxes.create(),
        lambda client, id: client.project.get_configs(),
    ],
)
def test_what_is_said_not_to_work_says_so(client: Any, session_id: str, call: Any) -> None:
    with pytest.raises(APIError, match="404: page not found"):
        call(client, session_id)


def test_ping(client: Any) -> None:
    assert client.ping() == "pong"
