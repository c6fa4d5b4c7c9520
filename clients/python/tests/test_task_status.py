"""The feature: a task's status, set from outside, and the learning that it triggers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.service import OwnService, Service, until
from support.stub import SESSION, TASK, success

from skillrelay import InvalidRequestError, NotFoundError

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("status", ["success", "failed", "running"])
def test_the_call_is_a_patch_with_nothing_but_the_status(stubbed: Any, status: str) -> None:
    client, stub = stubbed(success({**TASK, "status": status}))

    task = client.sessions.update_task_status(SESSION["id"], TASK["id"], status=status)

    assert stub.request.method == "PATCH"
    assert stub.request.url.path == f"/api/v1/session/{SESSION['id']}/task/{TASK['id']}/status"
    assert stub.body == {"status": status}
    assert (task.id, task.status, task.data.task_description) == (TASK["id"], status, "Fix the build")


def test_a_session_can_leave_its_tasks_to_the_caller(stubbed: Any) -> None:
    client, stub = stubbed(success({**SESSION, "disable_task_status_change": True}, 201))

    session = client.sessions.create(disable_task_status_change=True)

    assert stub.body == {"disable_task_status_change": True}
    assert session.disable_task_status_change is True


def test_what_is_not_given_is_not_sent(stubbed: Any) -> None:
    client, stub = stubbed(success(SESSION, 201))

    session = client.sessions.create()

    assert stub.body == {}
    assert session.disable_task_status_change is False


@pytest.mark.parametrize("status", ["success", "failed"])
def test_a_finished_task_is_learned_from_once(client: Any, service: Service, learned_task: Any, status: str) -> None:
    task = client.sessions.update_task_status(learned_task.session_id, learned_task.id, status=status)

    assert task.status == status
    assert [event["type"] for event in service.events(task.id)] == ["SkillLearnTask"]


@pytest.mark.parametrize("status", ["running", "pending"])
def test_an_unfinished_task_is_not_learned_from(client: Any, service: Service, learned_task: Any, status: str) -> None:
    task = client.sessions.update_task_status(learned_task.session_id, learned_task.id, status=status)

    assert task.status == status
    assert service.events(task.id) == []


def test_the_message_arrives(client: Any, own_service: OwnService, learned_task: Any) -> None:
    task = client.sessions.update_task_status(learned_task.session_id, learned_task.id, status="success")

    until(lambda: own_service.messages(task.id), "a message")
    [message] = own_service.messages(task.id)
    assert json.loads(message["body"]) == {
        "project_id": task.project_id,
        "session_id": task.session_id,
        "task_id": task.id,
    }


def test_two_calls_trigger_twice(client: Any, service: Service, learned_task: Any) -> None:
    for _ in range(2):
        client.sessions.update_task_status(learned_task.session_id, learned_task.id, status="success")

    assert len(service.events(learned_task.id)) == 2


def test_two_calls_under_one_key_trigger_once(client: Any, service: Service, learned_task: Any) -> None:
    answers = [
        client.sessions.update_task_status(
            learned_task.session_id, learned_task.id, status="success", idempotency_key=learned_task.id
        )
        for _ in range(2)
    ]

    assert answers[0] == answers[1]
    assert len(service.events(learned_task.id)) == 1


def test_a_status_that_is_none_is_refused(client: Any, learned_task: Any) -> None:
    with pytest.raises(InvalidRequestError, match="invalid status value") as caught:
        client.sessions.update_task_status(learned_task.session_id, learned_task.id, status="done")

    assert caught.value.status_code == 400


def test_an_unknown_task_is_not_found(client: Any, learned_session: Any) -> None:
    with pytest.raises(NotFoundError, match="task not found or does not belong to this session"):
        client.sessions.update_task_status(learned_session.id, UNKNOWN, status="success")


def test_a_task_can_be_reported_finished(client: Any, service: Service, learned_session: Any) -> None:
    task = client.sessions.create_task(
        learned_session.id,
        task_description="Fix the build",
        progresses=["found it"],
        user_preferences=["short answers"],
        status="success",
    )

    assert task.data.progresses == ["found it"]
    assert task.data.user_preferences == ["short answers"]
    assert len(service.events(task.id)) == 1


def test_a_task_tells_of_its_events(client: Any, service: Service, learned_task: Any) -> None:
    assert client.sessions.task_events(learned_task.session_id, learned_task.id).items == []

    written = [
        client.sessions.update_task_status(learned_task.session_id, learned_task.id, status="success").event_id
        for _ in range(3)
    ]

    def events() -> Any:
        return list(client.sessions.iter_task_events(learned_task.session_id, learned_task.id, page_size=2))

    until(lambda: all(event.state == "delivered" for event in events()), "they are delivered")
    assert [event.id for event in events()] == written[::-1]
    assert [len(event.confirmations) for event in events()] == [1, 1, 1]
    assert {event["id"] for event in service.events(learned_task.id)} == set(written)


def test_the_event_is_told_by_a_header(stubbed: Any) -> None:
    client, _ = stubbed(success(TASK, headers={"SkillRelay-Event-Id": "an id"}), success(TASK))

    answers = [client.sessions.update_task_status("s", "t", status="success") for _ in range(2)]

    assert [task.event_id for task in answers] == ["an id", None]


def test_a_task_names_the_event_that_the_call_wrote(client: Any, learned_task: Any) -> None:
    def set_to(status: str, **settings: Any) -> Any:
        return client.sessions.update_task_status(learned_task.session_id, learned_task.id, status=status, **settings)

    assert set_to("running").event_id is None
    first, again = (set_to("success", idempotency_key=learned_task.id).event_id for _ in range(2))
    assert first == again is not None
    assert set_to("success").event_id not in (None, first)
