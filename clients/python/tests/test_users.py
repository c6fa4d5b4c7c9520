"""Users, on the real service."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from support.stub import success


@pytest.mark.parametrize(
    ("identifier", "path"),
    [
        ("anna", b"/api/v1/user/anna"),
        ("a/b c?d#ä", b"/api/v1/user/a%2Fb%20c%3Fd%23%C3%A4"),
        ("..", b"/api/v1/user/%2E%2E"),
    ],
)
def test_an_identifier_may_hold_any_character(stubbed: Any, identifier: str, path: bytes) -> None:
    client, stub = stubbed(success())

    client.users.delete(identifier)

    assert stub.request.method == "DELETE"
    assert stub.request.url.raw_path == path


def test_users_are_listed_counted_and_deleted(client: Any) -> None:
    names = [f"a/b ä {uuid.uuid4()}" for _ in range(3)]
    for name in names:
        client.sessions.create(user=name)

    assert [user.identifier for user in client.users.list().items][-3:] == names
    assert [user.identifier for user in client.users.iter_users(page_size=2)][-3:] == names
    assert client.users.get_resources(names[0]).counts.sessions_count == 1
    assert client.users.delete(names[0]) is None
    assert names[0] not in [user.identifier for user in client.users.iter_users()]
