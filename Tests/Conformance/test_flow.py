"""From a message to a SkillLearnTask, with nothing but PostgreSQL and RabbitMQ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conftest import Service
from support.deployment import Running, until


@contextmanager
def one_message(service: Service) -> Iterator[Running]:
    """Whoever learns, in CORE's place: `skillrelay consume`."""
    receiver = service.deployment.launch("consume", "--json", "--limit", "1")
    yield receiver
    assert receiver.wait(30) == 0, receiver.log


def test_a_finished_task_is_learned_from(service: Service, client: Any) -> None:
    # The package has no word for this setting yet.
    session = client.request("POST", "/session", json_data={"disable_task_status_change": True})["id"]
    space = client.learning_spaces.create().id
    client.learning_spaces.learn(space, session_id=session)
    with one_message(service) as receiver:
        blob = {"role": "user", "content": "Fix the build"}
        client.sessions.store_message(session_id=session, blob=blob, format="openai")
        client.sessions.flush(session)
        tasks = client.sessions.get_tasks(session)
        assert [task.status for task in tasks.items] == ["running"]
        path = f"/session/{session}/task/{tasks.items[0].id}/status"
        task = client.request("PATCH", path, json_data={"status": "success"})

    message = json.loads(receiver.output)

    assert message["type"] == "SkillLearnTask"
    assert json.loads(message["body"]) == {
        "project_id": task["project_id"],
        "session_id": session,
        "task_id": task["id"],
    }
    events = client.request("GET", f"/session/{session}/task/{task['id']}/events")["items"]
    assert [(event["id"], event["state"]) for event in events] == [(message["message_id"], "delivered")]


def test_a_session_that_joins_late_is_learned_from_too(service: Service, client: Any, session_id: str) -> None:
    client.sessions.store_message(session_id, blob={"role": "user", "content": "Fix the build"})
    client.sessions.flush(session_id)
    task = client.sessions.get_tasks(session_id).items[0].id
    client.request("PATCH", f"/session/{session_id}/task/{task}/status", json_data={"status": "failed"})
    space = client.learning_spaces.create().id
    with one_message(service) as receiver:
        body = {"session_id": session_id, "include_finished": True}
        client.request("POST", f"/learning_spaces/{space}/learn", json_data=body)

    assert json.loads(json.loads(receiver.output)["body"])["task_id"] == task


def test_without_a_flush_tasks_are_made_in_the_background(client: Any, session_id: str) -> None:
    client.sessions.store_message(session_id, blob={"role": "user", "content": "Fix the build"})

    until(lambda: client.sessions.get_tasks(session_id).items, "the task is there")
