"""A service that says what a test wants it to say."""

from __future__ import annotations

import json
from collections import deque
from typing import Any, Union

import httpx

ANSWER = Union[httpx.Response, Exception]

SESSION = {
    "id": "0b7b8a3e-58ae-4a3e-9a51-6f8f1f5f3c11",
    "project_id": "6a1f7f63-1b9a-4d0b-8a55-0d3a4d8f0d22",
    "user_id": None,
    "disable_task_tracking": False,
    "disable_task_status_change": False,
    "configs": None,
    "created_at": "2026-02-23T08:22:45.12Z",
    "updated_at": "2026-02-23T08:22:45.12Z",
}
TASK = {
    "id": "1c9d2f40-7a3b-4c62-8c0e-2b6f6f0b7a33",
    "session_id": SESSION["id"],
    "project_id": SESSION["project_id"],
    "order": 1,
    "data": {"task_description": "Fix the build"},
    "status": "success",
    "is_planning": False,
    "created_at": "2026-02-23T08:22:45.12Z",
    "updated_at": "2026-02-23T08:22:45.12Z",
}
LEARNING = {
    "id": "2d0e3a51-8b4c-4d73-9d1f-3c7a7a1c8b44",
    "learning_space_id": "3e1f4b62-9c5d-4e84-8e20-4d8b8b2d9c55",
    "session_id": SESSION["id"],
    "status": "pending",
    "created_at": "2026-02-23T08:22:45.12Z",
    "updated_at": "2026-02-23T08:22:45.12Z",
}


def success(data: Any = None, status: int = 200, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, json={"code": 0, "data": data, "msg": ""}, headers=headers)


def failure(status: int, message: str = "no", headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, json={"code": status, "msg": message}, headers=headers)


class Stub:
    """Gives its answers in turn, the last one for ever; keeps what it was asked."""

    def __init__(self, *answers: ANSWER) -> None:
        self._answers = deque(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        # A response of its own for each request: httpx binds it to the client.
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def request(self) -> httpx.Request:
        """The only one."""
        assert len(self.requests) == 1
        return self.requests[0]

    @property
    def body(self) -> Any:
        """Of the only one."""
        return json.loads(self.request.content)

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get("Idempotency-Key") for request in self.requests]
