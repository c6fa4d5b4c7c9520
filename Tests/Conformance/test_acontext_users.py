"""Each method of `users`, as the package acontext calls it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest


# As they stand in a path, these have to be encoded.
@pytest.mark.parametrize("name", ["anna", "anna/b c?d#é", "ls", "100%"])
def test_a_user(client: Any, name: str) -> None:
    identifier = f"{name}{uuid.uuid4()}" if name != "ls" else name
    client.sessions.create(user=identifier)
    client.sessions.create(user=identifier)

    counts = client.users.get_resources(identifier).counts

    assert (counts.sessions_count, counts.disks_count, counts.skills_count) == (2, 0, 0)
    assert identifier in [user.identifier for user in client.users.list().items]
    assert client.users.delete(identifier) is None
    assert client.users.delete(identifier) is None
    assert identifier not in [user.identifier for user in client.users.list().items]
    assert client.sessions.list(user=identifier).items == []


def test_list_page_by_page(client: Any) -> None:
    for _ in range(3):
        client.sessions.create(user=str(uuid.uuid4()))
    everybody = [user.identifier for user in client.users.list().items]

    first = client.users.list(limit=2, time_desc=True)
    second = client.users.list(limit=1, time_desc=True, cursor=first.next_cursor)

    assert [user.identifier for user in first.items + second.items] == everybody[:-4:-1]
