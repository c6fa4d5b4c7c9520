"""Connections that break between the client and the real service, at each moment of a call."""

from __future__ import annotations

import socket
import time
from typing import Any

import httpx
import pytest
from support.proxy import Fault, Proxy
from support.service import OwnService, Service, until

import skillrelay

#: After these the service has the request, and the client does not know.
UNKNOWN = [Fault.CUT, Fault.LOST, Fault.HALF, Fault.SILENT]


@pytest.fixture
def distant(connect: Any, service: Service, proxy: Proxy) -> Any:
    """A client whose way leads through the proxy."""
    return connect(base_url=proxy.base_url, api_key=service.token, timeout=1.0)


@pytest.mark.parametrize("fault", UNKNOWN, ids=lambda fault: fault.name)
def test_a_lost_answer_and_its_retry_trigger_learning_once(
    distant: Any, proxy: Proxy, service: Service, learned_task: Any, fault: Fault
) -> None:
    proxy.faults.append(fault)

    task = distant.sessions.update_task_status(learned_task.session_id, learned_task.id, status="success")

    assert task.status == "success"
    assert proxy.connections == 2
    assert len(service.events(task.id)) == 1


def test_one_message_arrives_for_it(
    distant: Any, client: Any, proxy: Proxy, own_service: OwnService, learned_task: Any
) -> None:
    proxy.faults.append(Fault.LOST)
    distant.sessions.update_task_status(learned_task.session_id, learned_task.id, status="success")
    # Written later, so its message comes later too.
    later = client.sessions.create_task(learned_task.session_id, task_description="Later", status="success")

    until(lambda: own_service.messages(later.id), "the later message")
    assert len(own_service.messages(learned_task.id)) == 1


def test_without_a_key_the_same_loss_triggers_twice(proxy: Proxy, service: Service, client: Any) -> None:
    """What the keys are for; and that these tests can fail."""
    session = client.sessions.create()
    client.learning_spaces.learn(client.learning_spaces.create().id, session_id=session.id)
    task = client.sessions.create_task(session.id, task_description="Fix the build")
    proxy.faults.append(Fault.LOST)
    address = f"{proxy.base_url}/session/{session.id}/task/{task.id}/status"
    headers = {"Authorization": f"Bearer {service.token}"}

    with pytest.raises(httpx.TransportError):
        httpx.patch(address, json={"status": "success"}, headers=headers)
    httpx.patch(address, json={"status": "success"}, headers=headers)

    assert len(service.events(task.id)) == 2


def test_a_reported_task_is_one_task(distant: Any, proxy: Proxy, service: Service, learned_session: Any) -> None:
    proxy.faults.append(Fault.LOST)

    task = distant.sessions.create_task(learned_session.id, task_description="Fix the build", status="success")

    assert [each.id for each in distant.sessions.get_tasks(learned_session.id).items] == [task.id]
    assert len(service.events(task.id)) == 1


def test_learning_is_no_conflict_with_itself(distant: Any, client: Any, proxy: Proxy) -> None:
    session, space = client.sessions.create(), client.learning_spaces.create()
    proxy.faults.append(Fault.LOST)

    assert distant.learning_spaces.learn(space.id, session_id=session.id).session_id == session.id


def test_a_message_is_stored_once(distant: Any, client: Any, proxy: Proxy) -> None:
    session = client.sessions.create()
    proxy.faults.append(Fault.LOST)

    message = distant.sessions.store_message(session.id, blob={"role": "user", "content": "Fix the build"})

    assert client.sessions.get_messages(session.id).ids == [message.id]


def test_a_deletion_is_not_surprised_by_itself(distant: Any, client: Any, proxy: Proxy) -> None:
    session = client.sessions.create()
    proxy.faults.append(Fault.LOST)

    assert distant.sessions.delete(session.id) is None


def test_the_caller_may_go_on_where_the_retries_ended(
    distant: Any, proxy: Proxy, service: Service, learned_task: Any
) -> None:
    def mark(key: str | None) -> Any:
        return distant.sessions.update_task_status(
            learned_task.session_id, learned_task.id, status="success", idempotency_key=key
        )

    proxy.faults.extend([Fault.LOST] * 3)
    with pytest.raises(skillrelay.TransportError) as caught:
        mark(None)
    assert caught.value.is_retryable

    assert mark(caught.value.idempotency_key).status == "success"
    assert len(service.events(learned_task.id)) == 1


def test_a_connection_that_is_refused_is_tried_again(
    distant: Any, proxy: Proxy, service: Service, learned_task: Any
) -> None:
    proxy.faults.extend([Fault.REFUSED] * 2)

    distant.sessions.update_task_status(learned_task.session_id, learned_task.id, status="failed")

    assert proxy.connections == 3
    assert len(service.events(learned_task.id)) == 1


def test_a_lost_page_is_read_again(distant: Any, proxy: Proxy, learned_task: Any) -> None:
    proxy.faults.append(Fault.HALF)

    assert [task.id for task in distant.sessions.iter_tasks(learned_task.session_id)] == [learned_task.id]


def test_a_service_that_is_not_there(connect: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = connect(base_url=f"http://127.0.0.1:{port}/api/v1", max_retries=1)

    with pytest.raises(skillrelay.TransportError, match="refused|connection attempts failed"):
        client.ping()


@pytest.mark.parametrize("where", ["client", "call"])
def test_silence_ends_with_the_timeout(connect: Any, service: Service, proxy: Proxy, where: str) -> None:
    own = {"timeout": 0.3} if where == "client" else {}
    of_the_call = {"timeout": 0.3} if where == "call" else {}
    client = connect(base_url=proxy.base_url, api_key=service.token, max_retries=0, **own)
    proxy.faults.append(Fault.SILENT)
    begin = time.monotonic()

    with pytest.raises(skillrelay.RequestTimeoutError):
        client.ping(**of_the_call)

    assert 0.3 <= time.monotonic() - begin < 3
