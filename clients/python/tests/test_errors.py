"""What a call raises."""

from __future__ import annotations

import builtins
import traceback
from typing import Any, Callable

import httpx
import pytest
from support.service import Service
from support.stub import LEARNING, TASK, failure, success

import skillrelay
from skillrelay import (
    AcontextError,
    APIError,
    AuthenticationError,
    NotFoundError,
    SkillRelayError,
    TransportError,
    UnexpectedAnswerError,
)


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "InvalidRequestError"),
        (401, "AuthenticationError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (405, "InvalidRequestError"),
        (409, "ConflictError"),
        (413, "InvalidRequestError"),
        (422, "InvalidRequestError"),
        (429, "RateLimitError"),
        (500, "ServerError"),
        (503, "ServiceUnavailableError"),
        (301, "APIError"),
    ],
)
def test_each_status_has_its_class(stubbed: Any, status: int, name: str) -> None:
    client, _ = stubbed(failure(status, "the text"), max_retries=0)

    with pytest.raises(APIError) as caught:
        client.sessions.get_tasks("s")

    assert type(caught.value) is getattr(skillrelay, name)
    assert str(caught.value) == f"{status}: the text"


def test_an_error_has_what_the_answer_has(stubbed: Any) -> None:
    body = {"code": 500, "msg": "database error", "error": "detail"}
    client, _ = stubbed(httpx.Response(400, json=body, headers={"X-Request-Id": "r-1", "Retry-After": "7"}))

    with pytest.raises(APIError) as caught:
        client.sessions.get_tasks("s", cursor="none")

    error = caught.value
    assert (error.status_code, error.code, error.message, error.error) == (400, 500, "database error", "detail")
    assert (error.payload, error.request_id, error.retry_after) == (body, "r-1", 7)
    assert isinstance(error, AcontextError) and isinstance(error, SkillRelayError)


def test_an_answer_that_is_no_json_is_told_by_its_status(stubbed: Any) -> None:
    client, _ = stubbed(httpx.Response(502, text="<html>Bad Gateway</html>"), max_retries=0)

    with pytest.raises(APIError) as caught:
        client.sessions.get_tasks("s")

    assert str(caught.value) == "502: Bad Gateway"
    assert (caught.value.code, caught.value.payload) == (None, None)


def test_a_failure_in_the_body_of_a_success_is_one(stubbed: Any) -> None:
    client, _ = stubbed(httpx.Response(200, json={"code": 404, "msg": "session not found"}))

    with pytest.raises(NotFoundError, match="200: session not found"):
        client.sessions.get_tasks("s")


CALLS: list[Callable[[Any], Any]] = [
    lambda client: client.ping(),
    lambda client: client.request("POST", "/any"),
    lambda client: client.sessions.delete("s"),
    lambda client: client.sessions.update_configs("s", configs={}),
    lambda client: client.sessions.patch_configs("s", configs={}),
    lambda client: client.sessions.flush("s"),
    lambda client: client.sessions.get_tasks("s"),
    lambda client: client.sessions.update_task_status("s", "t", status="success"),
    lambda client: client.learning_spaces.exclude_skill("l", skill_id="k"),
    lambda client: client.users.delete("anna"),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(200, html="<html>Welcome to nginx!</html>"), "text/html; charset=utf-8"),
        (httpx.Response(200, json=["else"]), "application/json"),
        (httpx.Response(200, json={"data": TASK}), "application/json"),
        (httpx.Response(204), "no content type"),
    ],
)
def test_a_success_of_another_site_is_an_error(
    stubbed: Any, call: Callable[[Any], Any], answer: httpx.Response, kind: str
) -> None:
    client, stub = stubbed(answer)

    with pytest.raises(UnexpectedAnswerError) as caught:
        call(client)

    assert str(caught.value) == f"unexpected answer: HTTP {answer.status_code}, {kind}, is not one of the API"
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    ("data", "call", "where"),
    [
        ({**TASK, "id": 7}, lambda client: client.sessions.update_task_status("s", "t", status="success"), "data.id"),
        ({"items": [{}], "has_more": False}, lambda client: client.sessions.get_tasks("s"), "data.items.0.id"),
        ({}, lambda client: client.sessions.patch_configs("s", configs={}), "data"),
        ({"status": 200}, lambda client: client.sessions.flush("s"), "data.errmsg"),
        ([{**LEARNING, "id": 7}], lambda client: client.learning_spaces.list_sessions("l"), "data.0.id"),
        (None, lambda client: client.learning_spaces.list_sessions("l"), "data"),
    ],
)
def test_a_success_that_does_not_fit_tells_where(
    stubbed: Any, data: Any, call: Callable[[Any], Any], where: str
) -> None:
    client, _ = stubbed(success(data))

    with pytest.raises(UnexpectedAnswerError, match=f"^unexpected answer: {where}: ") as caught:
        call(client)

    # What came may be somebody's message: it does not get into logs.
    assert "input_value" not in "".join(traceback.format_exception(None, caught.value, caught.value.__traceback__))


def test_an_end_of_a_list_that_is_none_is_an_error(stubbed: Any) -> None:
    client, _ = stubbed(success({"items": [TASK], "has_more": True}))
    tasks = client.sessions.iter_tasks("s")

    assert next(tasks).id == TASK["id"]
    with pytest.raises(UnexpectedAnswerError, match="there are more, but not where"):
        next(tasks)


def test_what_a_newer_service_adds_is_ignored(stubbed: Any) -> None:
    client, _ = stubbed(success({**TASK, "colour": "blue"}))

    assert client.sessions.update_task_status("s", "t", status="success").status == "success"


def test_a_lost_connection_is_a_transport_error(stubbed: Any) -> None:
    client, _ = stubbed(httpx.ReadError("connection reset"), max_retries=0)

    with pytest.raises(TransportError, match="connection reset") as caught:
        client.ping()

    assert not isinstance(caught.value, skillrelay.TimeoutError)


def test_a_timeout_is_a_transport_error_and_a_timeout(stubbed: Any) -> None:
    client, _ = stubbed(httpx.ReadTimeout("timed out"), max_retries=0)

    for kind in (skillrelay.RequestTimeoutError, TransportError, skillrelay.TimeoutError, builtins.TimeoutError):
        with pytest.raises(kind, match="timed out"):
            client.ping()


def test_a_wrong_key_is_refused(connect: Any, service: Service) -> None:
    client = connect(base_url=service.base_url, api_key="sk-ac-wrong")

    with pytest.raises(AuthenticationError, match="401: Unauthorized"):
        client.ping()


def test_a_session_of_another_project_is_refused(client: Any) -> None:
    with pytest.raises(NotFoundError, match="session not found") as caught:
        client.sessions.get_tasks("00000000-0000-4000-8000-000000000000")

    assert caught.value.request_id


@pytest.mark.parametrize("closed_twice", [False, True])
def test_a_closed_client_says_so_at_once(connect: Any, service: Service, closed_twice: bool) -> None:
    client = connect(base_url=service.base_url, api_key=service.token)
    close = getattr(client, "close" if hasattr(client._target, "close") else "aclose")
    close()
    if closed_twice:
        close()

    with pytest.raises(RuntimeError, match="closed"):
        client.ping()
