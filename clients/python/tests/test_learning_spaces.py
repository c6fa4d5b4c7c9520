"""Learning spaces, and waiting for what they learn."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

import httpx
import pytest
from support.proxy import Fault, Proxy
from support.service import OwnService, Service
from support.stub import LEARNING, failure, success

from skillrelay import ConflictError, NotFoundError, TimeoutError

WAIT = {"session_id": LEARNING["session_id"], "poll_interval": 0.01}


# --- waiting


def test_waiting_ends_when_learning_does(stubbed: Any) -> None:
    statuses = ["pending", "distilling", "a newer word", "completed"]
    client, stub = stubbed(*(success({**LEARNING, "status": status}) for status in statuses))

    learning = client.learning_spaces.wait_for_learning(LEARNING["learning_space_id"], **WAIT)

    assert learning.status == "completed"
    assert len(stub.requests) == 4


def test_failed_is_an_end_too(stubbed: Any) -> None:
    client, _ = stubbed(success({**LEARNING, "status": "failed"}))

    assert client.learning_spaces.wait_for_learning("space", **WAIT).status == "failed"


def test_waiting_goes_on_while_the_service_restarts(stubbed: Any) -> None:
    client, _ = stubbed(
        success(LEARNING),
        httpx.ConnectError("refused"),
        failure(503),
        httpx.ReadTimeout("timed out"),
        success({**LEARNING, "status": "completed"}),
    )

    assert client.learning_spaces.wait_for_learning("space", **WAIT).status == "completed"


@pytest.mark.parametrize("status", [429, 503])
def test_waiting_looks_no_sooner_than_the_service_asks(stubbed: Any, sleeps: list[float], status: int) -> None:
    client, _ = stubbed(
        failure(status, headers={"Retry-After": "3"}),
        success(LEARNING),
        success({**LEARNING, "status": "completed"}),
    )

    client.learning_spaces.wait_for_learning("space", **WAIT)

    assert sleeps == [3, WAIT["poll_interval"]]


def test_waiting_is_over_in_time_whatever_the_service_asks(stubbed: Any) -> None:
    client, stub = stubbed(failure(503, headers={"Retry-After": "3600"}))
    begin = time.monotonic()

    with pytest.raises(TimeoutError):
        client.learning_spaces.wait_for_learning("space", timeout=0.1, **WAIT)

    assert time.monotonic() - begin < 3
    assert len(stub.requests) == 2


def test_waiting_for_what_is_not_there_ends_at_once(stubbed: Any) -> None:
    client, stub = stubbed(failure(404, "learning space session not found"))

    with pytest.raises(NotFoundError):
        client.learning_spaces.wait_for_learning("space", **WAIT)

    assert len(stub.requests) == 1


def test_the_deadline_tells_what_was_seen_last(stubbed: Any) -> None:
    client, _ = stubbed(success({**LEARNING, "status": "distilling"}))

    with pytest.raises(TimeoutError, match=r"within 0\.1s .*last status: distilling"):
        client.learning_spaces.wait_for_learning("space", timeout=0.1, **WAIT)


def test_the_deadline_tells_what_failed_last(stubbed: Any) -> None:
    client, _ = stubbed(failure(503, "busy"))

    with pytest.raises(TimeoutError, match="last failure: 503: busy") as caught:
        client.learning_spaces.wait_for_learning("space", timeout=0.1, **WAIT)

    assert caught.value.__cause__ is not None


def test_a_look_is_made_however_short_the_wait(stubbed: Any) -> None:
    client, _ = stubbed(success({**LEARNING, "status": "completed"}))

    assert client.learning_spaces.wait_for_learning("space", timeout=0, **WAIT).status == "completed"


def test_the_deadline_holds_when_nothing_answers(connect: Any, service: Service, proxy: Proxy) -> None:
    client = connect(base_url=proxy.base_url, api_key=service.token)
    proxy.faults.extend([Fault.SILENT] * 10)
    begin = time.monotonic()

    with pytest.raises(TimeoutError):
        client.learning_spaces.wait_for_learning("space", timeout=1.2, **WAIT)

    assert time.monotonic() - begin < 4


def test_waiting_on_the_real_service(client: Any, own_service: OwnService, learned_session: Any) -> None:
    table = "learning_space_sessions"
    space = own_service.sql(f"SELECT learning_space_id FROM {table} WHERE session_id = '{learned_session.id}'")
    learned = f"UPDATE {table} SET status = 'completed' WHERE session_id = '{learned_session.id}'"
    # In CORE's place.
    timer = threading.Timer(0.3, own_service.sql, [learned])
    timer.start()

    learning = client.learning_spaces.wait_for_learning(
        space, session_id=learned_session.id, timeout=15, poll_interval=0.05
    )

    timer.join()
    assert (learning.session_id, learning.status) == (learned_session.id, "completed")


# --- the rest, on the real service


def test_a_space_is_what_it_was_made_as(client: Any) -> None:
    space = client.learning_spaces.create(user="anna", meta={"team": 7})

    assert client.learning_spaces.get(space.id) == space
    assert space.meta == {"team": 7}
    assert space.user_id is not None


def test_a_session_is_learned_by_one_space(client: Any) -> None:
    session, space = client.sessions.create(), client.learning_spaces.create()

    learning = client.learning_spaces.learn(space.id, session_id=session.id)

    assert (learning.learning_space_id, learning.session_id) == (space.id, session.id)
    assert learning.status == "pending"
    with pytest.raises(ConflictError, match="session already learned by another space"):
        client.learning_spaces.learn(space.id, session_id=session.id)


def test_what_learn_sends(stubbed: Any) -> None:
    client, stub = stubbed(success(LEARNING, 201))

    client.learning_spaces.learn("space", session_id="session")

    assert stub.body == {"session_id": "session"}


def test_finished_tasks_are_learned_on_request(client: Any, service: Service) -> None:
    session, space = client.sessions.create(), client.learning_spaces.create()
    task = client.sessions.create_task(session.id, task_description="Fix the build", status="success")
    assert service.events(task.id) == []

    client.learning_spaces.learn(space.id, session_id=session.id, include_finished=True)

    assert len(service.events(task.id)) == 1


def test_a_space_lists_what_it_learns(client: Any) -> None:
    space = client.learning_spaces.create()
    assert client.learning_spaces.list_sessions(space.id) == []

    session = client.sessions.create()
    learning = client.learning_spaces.learn(space.id, session_id=session.id)

    assert client.learning_spaces.list_sessions(space.id) == [learning]
    assert client.learning_spaces.get_session(space.id, session_id=session.id) == learning


def test_spaces_are_listed_by_user_and_meta(client: Any) -> None:
    user = f"anna-{uuid.uuid4()}"
    made = [client.learning_spaces.create(user=user, meta={"number": number % 2}).id for number in range(4)]

    assert [space.id for space in client.learning_spaces.list(user=user).items] == made
    odd = client.learning_spaces.list(user=user, filter_by_meta={"number": 1})
    assert [space.id for space in odd.items] == [made[1], made[3]]
    assert [space.id for space in client.learning_spaces.iter_spaces(user=user, page_size=3)] == made


def test_a_space_is_changed_and_deleted(client: Any) -> None:
    space = client.learning_spaces.create(meta={"a": 1})

    assert client.learning_spaces.update(space.id, meta={"a": None, "b": 2}).meta == {"a": None, "b": 2}
    assert client.learning_spaces.delete(space.id) is None
    with pytest.raises(NotFoundError, match="learning space not found"):
        client.learning_spaces.get(space.id)


def test_skills_go_into_a_space_and_out_of_it(client: Any, own_service: OwnService) -> None:
    space = client.learning_spaces.create()
    session = client.sessions.create()
    name = f"skill-{uuid.uuid4()}"
    skill_id = own_service.sql(
        f"WITH disk AS (INSERT INTO disks (project_id) VALUES ('{session.project_id}') RETURNING id) "
        "INSERT INTO agent_skills (project_id, name, description, disk_id) "
        f"SELECT '{session.project_id}', '{name}', 'Says so', id FROM disk RETURNING id"
    )

    link = client.learning_spaces.include_skill(space.id, skill_id=skill_id)
    skills = {skill.name: skill for skill in client.learning_spaces.list_skills(space.id)}

    assert (link.learning_space_id, link.skill_id) == (space.id, skill_id)
    assert (skills[name].id, skills[name].description) == (skill_id, "Says so")
    assert client.learning_spaces.exclude_skill(space.id, skill_id=skill_id) is None
    assert name not in {skill.name for skill in client.learning_spaces.list_skills(space.id)}
