"""When a call is made again, after how long, and under which key."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any, Callable

import httpx
import pytest
from support.stub import SESSION, TASK, failure, success

from skillrelay import (
    APIError,
    ConflictError,
    RateLimitError,
    ServiceUnavailableError,
    SkillRelayError,
    TransportError,
    UnexpectedAnswerError,
)
from skillrelay._retries import RetryPolicy
from skillrelay.errors import api_error_class


def mark(client: Any) -> Any:
    return client.sessions.update_task_status("s", "t", status="success")


# --- what is repeated


@pytest.mark.parametrize(
    "trouble",
    [
        failure(429),
        failure(502),
        failure(503),
        failure(504),
        failure(409, "still under way: retry", headers={"Retry-After": "0"}),
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("timed out"),
        httpx.ReadTimeout("timed out"),
        httpx.WriteError("reset"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("disconnected"),
    ],
)
def test_a_passing_failure_is_repeated_under_one_key(stubbed: Any, sleeps: list[float], trouble: Any) -> None:
    client, stub = stubbed(trouble, trouble, success(TASK))

    assert mark(client).id == TASK["id"]

    assert len(stub.requests) == 3
    assert len(set(stub.keys)) == 1 and None not in stub.keys
    assert len({request.content for request in stub.requests}) == 1
    assert len(sleeps) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        *(failure(status) for status in (400, 401, 403, 404, 409, 413, 422, 500)),
        httpx.UnsupportedProtocol("gopher"),
        httpx.LocalProtocolError("illegal header"),
    ],
)
def test_a_failure_that_stays_is_not_repeated(stubbed: Any, sleeps: list[float], trouble: Any) -> None:
    client, stub = stubbed(trouble)

    with pytest.raises((APIError, TransportError)) as caught:
        mark(client)

    assert len(stub.requests) == 1
    assert sleeps == []
    assert not caught.value.is_retryable


def test_a_conflict_that_stays_is_not_repeated(stubbed: Any) -> None:
    client, stub = stubbed(failure(409, "session already learned by another space"))

    with pytest.raises(ConflictError):
        client.learning_spaces.learn("space", session_id="s")

    assert len(stub.requests) == 1


@pytest.mark.parametrize(("trouble", "kind"), [(failure(503), ServiceUnavailableError), (failure(429), RateLimitError)])
def test_retries_have_an_end(stubbed: Any, sleeps: list[float], trouble: Any, kind: type[Exception]) -> None:
    client, stub = stubbed(trouble)

    with pytest.raises(kind):
        mark(client)

    assert len(stub.requests) == 3


@pytest.mark.parametrize("retries", [0, 5])
def test_the_number_of_retries_can_be_set(stubbed: Any, sleeps: list[float], retries: int) -> None:
    client, stub = stubbed(httpx.ConnectError("refused"), max_retries=retries)

    with pytest.raises(TransportError):
        mark(client)

    assert len(stub.requests) == retries + 1


def test_reading_is_repeated_and_needs_no_key(stubbed: Any, sleeps: list[float]) -> None:
    client, stub = stubbed(failure(503), success({"items": [], "has_more": False}))

    assert client.sessions.get_tasks("s").items == []
    assert stub.keys == [None, None]


@pytest.mark.parametrize(
    "trouble",
    [*(failure(status) for status in (429, 502, 503, 504)), httpx.ReadTimeout("timed out"), httpx.ReadError("reset")],
)
def test_a_flush_is_not_repeated(stubbed: Any, sleeps: list[float], trouble: Any) -> None:
    client, stub = stubbed(trouble)

    with pytest.raises((APIError, TransportError)):
        client.sessions.flush("s")

    assert len(stub.requests) == 1 and sleeps == []


# --- keys


WRITES: list[tuple[str, Callable[..., Any], Any]] = [
    ("create", lambda c, **k: c.sessions.create(**k), SESSION),
    ("delete", lambda c, **k: c.sessions.delete("s", **k), None),
    ("update_configs", lambda c, **k: c.sessions.update_configs("s", configs={}, **k), None),
    ("patch_configs", lambda c, **k: c.sessions.patch_configs("s", configs={}, **k), {"configs": {}}),
    ("patch_message_meta", lambda c, **k: c.sessions.patch_message_meta("s", "m", meta={}, **k), {"meta": {}}),
    ("flush", lambda c, **k: c.sessions.flush("s", **k), None),
    ("create_task", lambda c, **k: c.sessions.create_task("s", task_description="d", **k), TASK),
    ("update_task_status", lambda c, **k: c.sessions.update_task_status("s", "t", status="failed", **k), TASK),
    ("delete space", lambda c, **k: c.learning_spaces.delete("l", **k), None),
    ("exclude_skill", lambda c, **k: c.learning_spaces.exclude_skill("l", skill_id="k", **k), None),
    ("delete user", lambda c, **k: c.users.delete("anna", **k), None),
    ("request", lambda c, **k: c.request("POST", "/any", json_data={}, **k), None),
]


@pytest.mark.parametrize(("name", "write", "answer"), WRITES, ids=[write[0] for write in WRITES])
def test_each_write_has_a_key_of_its_own_or_the_callers(
    stubbed: Any, name: str, write: Callable[..., Any], answer: Any
) -> None:
    client, stub = stubbed(success(answer))

    write(client)
    write(client)
    write(client, idempotency_key="mine")

    first, second, third = stub.keys
    assert first and second and first != second
    assert third == "mine"


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (httpx.ReadError("reset"), TransportError),
        (failure(503), ServiceUnavailableError),
        (failure(422), APIError),
        (httpx.Response(200, text="Welcome to nginx!"), UnexpectedAnswerError),
        (success({**TASK, "id": None}), UnexpectedAnswerError),
    ],
)
def test_an_error_names_the_key_under_which_a_write_was_sent(
    stubbed: Any, sleeps: list[float], trouble: Any, kind: type[SkillRelayError]
) -> None:
    client, stub = stubbed(trouble)

    with pytest.raises(kind) as drawn:
        mark(client)
    assert drawn.value.idempotency_key and {drawn.value.idempotency_key} == set(stub.keys)
    with pytest.raises(kind) as own:
        client.sessions.update_task_status("s", "t", status="success", idempotency_key="mine")
    assert own.value.idempotency_key == "mine"
    with pytest.raises(kind) as of_a_read:
        client.sessions.get_configs("s")
    assert of_a_read.value.idempotency_key is None


@pytest.mark.parametrize("key", ["", "a b", "a\n", "\u00e9", "a\x00", "a" * 256])
def test_a_key_that_the_service_would_refuse_is_not_sent(stubbed: Any, key: str) -> None:
    client, stub = stubbed(success(TASK))

    with pytest.raises(ValueError, match="idempotency_key must be 1 to 255 visible ASCII characters"):
        client.sessions.update_task_status("s", "t", status="success", idempotency_key=key)

    assert stub.requests == []


# --- how long


def test_waits_grow_and_are_drawn_from_their_whole_range() -> None:
    policy = RetryPolicy(max_retries=20, max_delay=10)
    trouble = TransportError("reset", is_retryable=True)

    longest = [policy.delay(trouble, retries, lambda low, high: high) for retries in range(20)]
    shortest = [policy.delay(trouble, retries, lambda low, high: low) for retries in range(20)]

    assert longest == [0.5, 1, 2, 4, 8] + [10] * 15
    assert shortest == [0] * 20
    # Drawn below the limit, not cut off at it: else most waits would be the longest.
    assert policy.delay(trouble, 19, lambda low, high: (low + high) / 2) == 5
    assert policy.delay(trouble, 20) is None


def test_no_wait_is_like_another() -> None:
    policy = RetryPolicy()
    trouble = TransportError("reset", is_retryable=True)

    assert len({policy.delay(trouble, 0) for _ in range(50)}) > 40


@pytest.mark.parametrize("status", [429, 503])
def test_the_service_says_how_long_at_least(stubbed: Any, sleeps: list[float], status: int) -> None:
    client, _ = stubbed(failure(status, headers={"Retry-After": "3"}), success(TASK))

    mark(client)

    assert 3 <= sleeps[0] <= 3.5


def test_the_service_may_say_it_as_a_date(stubbed: Any, sleeps: list[float]) -> None:
    # By its own clock, which is a day off.
    now = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(days=1)
    dates = {
        "Date": format_datetime(now, usegmt=True),
        "Retry-After": format_datetime(now + timedelta(seconds=4), True),
    }
    client, _ = stubbed(failure(503, headers=dates), success(TASK))

    mark(client)

    assert 4 <= sleeps[0] <= 4.5


@pytest.mark.parametrize(
    "text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_each_form_of_a_date_is_read(stubbed: Any, sleeps: list[float], text: str) -> None:
    dates = {"Date": "Sun, 06 Nov 1994 08:49:33 GMT", "Retry-After": text}
    client, _ = stubbed(failure(503, headers=dates), success(TASK))

    mark(client)

    assert 4 <= sleeps[0] <= 4.5


@pytest.mark.parametrize(
    "text",
    ["soon", "-1", "+5", "1.5", "", "Wed, 99 Jan 2099 07:28:00 GMT", "2099-01-01", "1 Jan 2099 07:28 +0000"],
)
def test_a_time_that_is_none_is_passed_over(stubbed: Any, sleeps: list[float], text: str) -> None:
    client, _ = stubbed(failure(503, headers={"Retry-After": text}), success(TASK))

    mark(client)

    assert sleeps[0] <= 0.5


def test_a_date_that_has_passed_means_now(stubbed: Any, sleeps: list[float]) -> None:
    client, _ = stubbed(failure(503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}), success(TASK))

    mark(client)

    assert sleeps[0] <= 0.5


def test_a_service_that_asks_for_more_than_is_allowed_is_not_asked_again(stubbed: Any, sleeps: list[float]) -> None:
    client, stub = stubbed(failure(503, headers={"Retry-After": "31"}))

    with pytest.raises(ServiceUnavailableError) as caught:
        mark(client)

    assert caught.value.retry_after == 31
    assert len(stub.requests) == 1 and sleeps == []


def test_more_can_be_allowed(stubbed: Any, sleeps: list[float]) -> None:
    client, stub = stubbed(failure(503, headers={"Retry-After": "31"}), success(TASK), max_retry_delay=60)

    mark(client)

    assert 31 <= sleeps[0] <= 31.5


def test_a_retry_is_logged_without_secrets(stubbed: Any, sleeps: list[float], caplog: pytest.LogCaptureFixture) -> None:
    client, _ = stubbed(failure(503, "busy"), success(TASK))

    with caplog.at_level("DEBUG"):
        mark(client)

    assert "PATCH /session/s/task/t/status failed (503: busy), retry 1 in" in caplog.text
    assert "sk-ac-secret" not in caplog.text


def test_only_errors_that_may_pass_are_retryable() -> None:
    passing = {status for status in range(300, 600) if api_error_class(status)(status_code=status).is_retryable}

    assert passing == {429, 502, 503, 504}
