"""Each method of `learning_spaces`, as the package acontext calls it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from acontext.errors import APIError, TimeoutError


@pytest.fixture
def skill_id(service: Any) -> str:
    """A skill, made in the database: to make one is Acontext's."""
    project = service.deployment.sql("SELECT id FROM public.projects LIMIT 1")
    return service.deployment.sql(
        f"""
        WITH disk AS (INSERT INTO public.disks (project_id) VALUES ('{project}') RETURNING id)
        INSERT INTO public.agent_skills (project_id, name, disk_id)
        SELECT '{project}', 'skill-{uuid.uuid4()}', id FROM disk RETURNING id
        """
    )


def test_create_and_get(client: Any) -> None:
    space = client.learning_spaces.create(user="anna", meta={"team": 7})

    assert (space.meta, space.user_id is not None) == ({"team": 7}, True)
    assert client.learning_spaces.get(space.id) == space


def test_list(client: Any) -> None:
    user, tag = str(uuid.uuid4()), str(uuid.uuid4())
    made = [client.learning_spaces.create(user=user, meta={"tag": tag, "n": number}).id for number in range(3)]

    first = client.learning_spaces.list(user=user, limit=2)
    second = client.learning_spaces.list(user=user, limit=2, cursor=first.next_cursor)

    assert [space.id for space in first.items + second.items] == made
    assert [space.id for space in client.learning_spaces.list(user=user, time_desc=True).items] == made[::-1]
    assert [space.id for space in client.learning_spaces.list(filter_by_meta={"tag": tag, "n": 1}).items] == made[1:2]


def test_update(client: Any) -> None:
    space = client.learning_spaces.create(meta={"a": 1, "b": 2})

    assert client.learning_spaces.update(space.id, meta={"a": None, "c": 3}).meta == {"a": None, "b": 2, "c": 3}


def test_delete(client: Any, space_id: str) -> None:
    assert client.learning_spaces.delete(space_id) is None

    with pytest.raises(APIError, match="404: learning space not found"):
        client.learning_spaces.get(space_id)


def test_learn(client: Any, space_id: str, session_id: str) -> None:
    tie = client.learning_spaces.learn(space_id, session_id=session_id)

    assert (tie.learning_space_id, tie.session_id, tie.status) == (space_id, session_id, "pending")
    assert client.learning_spaces.get_session(space_id, session_id=session_id) == tie
    assert client.learning_spaces.list_sessions(space_id) == [tie]
    with pytest.raises(APIError, match="409: session already learned by another space"):
        client.learning_spaces.learn(space_id, session_id=session_id)


def test_wait_for_learning(service: Any, client: Any, space_id: str, session_id: str) -> None:
    client.learning_spaces.learn(space_id, session_id=session_id)

    with pytest.raises(TimeoutError, match="last status: pending"):
        client.learning_spaces.wait_for_learning(space_id, session_id=session_id, timeout=0.1, poll_interval=0.05)

    # What CORE does when it has learned.
    service.deployment.sql(
        f"UPDATE public.learning_space_sessions SET status = 'completed' WHERE session_id = '{session_id}'"
    )
    assert client.learning_spaces.wait_for_learning(space_id, session_id=session_id).status == "completed"


def test_skills(client: Any, space_id: str, skill_id: str) -> None:
    tie = client.learning_spaces.include_skill(space_id, skill_id=skill_id)

    assert (tie.learning_space_id, tie.skill_id) == (space_id, skill_id)
    assert [skill.id for skill in client.learning_spaces.list_skills(space_id)] == [skill_id]
    assert client.learning_spaces.exclude_skill(space_id, skill_id=skill_id) is None
    assert client.learning_spaces.exclude_skill(space_id, skill_id=skill_id) is None
    assert client.learning_spaces.list_skills(space_id) == []
