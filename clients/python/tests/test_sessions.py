"""Sessions and their tasks, on the real service."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from skillrelay import ConflictError, NotFoundError
from skillrelay.types import GetTasksOutput


def test_a_session_is_what_it_was_made_as(client: Any) -> None:
    id = str(uuid.uuid4())

    session = client.sessions.create(
        user="anna", disable_task_tracking=True, disable_task_status_change=True, configs={"agent": "a"}, use_uuid=id
    )

    assert (session.id, session.disable_task_tracking, session.disable_task_status_change) == (id, True, True)
    assert session.user_id is not None
    assert session.configs == {"agent": "a"}


def test_an_id_of_another_project_is_taken(stubbed: Any) -> None:
    from support.stub import failure

    client, _ = stubbed(failure(409, "session with this UUID already exists"))

    with pytest.raises(ConflictError, match="already exists"):
        client.sessions.create(use_uuid="0b7b8a3e-58ae-4a3e-9a51-6f8f1f5f3c11")


def test_tasks_come_page_by_page(client: Any) -> None:
    session = client.sessions.create()
    made = [client.sessions.create_task(session.id, task_description=f"task {number}").id for number in range(5)]

    first = client.sessions.get_tasks(session.id, limit=2)
    second = client.sessions.get_tasks(session.id, limit=2, cursor=first.next_cursor)

    assert isinstance(first, GetTasksOutput)
    assert (first.has_more, [task.id for task in first.items]) == (True, made[:2])
    assert [task.id for task in second.items] == made[2:4]
    assert [task.id for task in client.sessions.iter_tasks(session.id, page_size=2)] == made
    assert [task.id for task in client.sessions.iter_tasks(session.id, page_size=2, time_desc=True)] == made[::-1]
    assert [task.id for task in client.sessions.iter_tasks(session.id)] == made


def test_a_session_without_tasks_has_an_empty_page(client: Any) -> None:
    session = client.sessions.create()

    assert client.sessions.get_tasks(session.id).items == []
    assert list(client.sessions.iter_tasks(session.id)) == []
    assert client.sessions.get_session_summary(session.id) == ""


def test_a_summary_is_text_for_a_prompt(client: Any) -> None:
    session = client.sessions.create()
    client.sessions.create_task(
        session.id, task_description="Fix the build", progresses=["found it", "mended it"], user_preferences=["short"]
    )
    client.sessions.create_task(session.id, task_description="Tell them")

    assert client.sessions.get_session_summary(session.id) == (
        '<task id="1" description="Fix the build">\n'
        "<progress>\n1. found it\n2. mended it\n</progress>\n"
        "<user_preference>\n1. short\n</user_preference>\n"
        "</task>\n"
        '<task id="2" description="Tell them">\n</task>'
    )
    assert client.sessions.get_session_summary(session.id, limit=1).count("<task ") == 1


def test_a_summary_is_of_all_tasks(client: Any) -> None:
    session = client.sessions.create()
    for number in range(23):
        client.sessions.create_task(session.id, task_description=f"task {number}")

    assert client.sessions.get_session_summary(session.id).count("<task ") == 23


def test_sessions_are_listed_by_user_and_configs(client: Any) -> None:
    user = f"anna-{uuid.uuid4()}"
    made = [client.sessions.create(user=user, configs={"number": number % 2}).id for number in range(4)]

    assert [session.id for session in client.sessions.list(user=user).items] == made
    assert [session.id for session in client.sessions.list(user=user, filter_by_configs={}).items] == made
    assert [session.id for session in client.sessions.list(user=user, filter_by_configs={"number": 1}).items] == [
        made[1],
        made[3],
    ]
    assert [session.id for session in client.sessions.iter_sessions(user=user, page_size=3)] == made
    newest_first = client.sessions.iter_sessions(user=user, page_size=3, time_desc=True)
    assert [session.id for session in newest_first] == made[::-1]


def test_configs_are_replaced_and_patched(client: Any) -> None:
    session = client.sessions.create(configs={"a": 1})

    assert client.sessions.update_configs(session.id, configs={"b": 1, "c": {"d": None}}) is None
    assert client.sessions.get_configs(session.id).configs == {"b": 1, "c": {"d": None}}
    assert client.sessions.patch_configs(session.id, configs={"b": None, "e": 2}) == {"c": {"d": None}, "e": 2}


def test_a_deleted_session_is_gone(client: Any) -> None:
    session = client.sessions.create()

    assert client.sessions.delete(session.id) is None
    with pytest.raises(NotFoundError):
        client.sessions.get_tasks(session.id)
    with pytest.raises(NotFoundError):
        client.sessions.delete(session.id)
