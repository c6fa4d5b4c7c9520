"""What the tests stand on: both clients, the real service, a network that breaks, a stub."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Callable

import httpx
import pytest
from support.driven import Driven
from support.proxy import Proxy, proxy_before
from support.service import OwnService, Service, running
from support.stub import ANSWER, Stub

import skillrelay
import skillrelay.async_client
import skillrelay.client
from skillrelay.resources import async_learning_spaces, learning_spaces

Connect = Callable[..., Any]


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    with running() as service:
        yield service


@pytest.fixture
def own_service(service: Service) -> OwnService:
    if not isinstance(service, OwnService):
        pytest.skip("SKILLRELAY_TEST_URL names a service into whose database and queue we cannot look")
    return service


@pytest.fixture
def object_store(service: Service) -> None:
    """For tests with files: the service has somewhere to put them."""
    if isinstance(service, OwnService) and "S3_ENDPOINT" not in os.environ:
        pytest.importorskip("nanio", reason="needs Python 3.11")


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for prefix in ("SKILLRELAY", "ACONTEXT"):
        for name in ("API_KEY", "BASE_URL", "TIMEOUT", "USER_AGENT"):
            monkeypatch.delenv(f"{prefix}_{name}", raising=False)


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes clients: the test runs once for each kind."""
    loop = asyncio.new_event_loop()
    clients: list[Any] = []

    def connect(handler: Callable[[httpx.Request], httpx.Response] | None = None, **settings: Any) -> Any:
        settings.setdefault("api_key", "sk-ac-secret")
        client: Any
        if request.param == "sync":
            if handler:
                settings["client"] = httpx.Client(transport=httpx.MockTransport(handler))
            client = skillrelay.SkillRelayClient(**settings)
        else:
            if handler:
                settings["client"] = httpx.AsyncClient(transport=httpx.MockTransport(handler))
            client = skillrelay.SkillRelayAsyncClient(**settings)
        clients.append(client)
        return Driven(client, loop)

    yield connect
    for client in clients:
        if request.param == "sync":
            client.close()
        else:
            loop.run_until_complete(client.aclose())
    loop.close()


@pytest.fixture
def client(connect: Connect, service: Service) -> Any:
    """A client of the real service."""
    return connect(base_url=service.base_url, api_key=service.token)


@pytest.fixture
def proxy(service: Service) -> Iterator[Proxy]:
    with proxy_before(service.url) as proxy:
        yield proxy


@pytest.fixture
def stubbed(connect: Connect) -> Callable[..., tuple[Any, Stub]]:
    """A client whose service gives these answers."""

    def stubbed(*answers: ANSWER, **settings: Any) -> tuple[Any, Stub]:
        stub = Stub(*answers)
        return connect(stub, **settings), stub

    return stubbed


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the clients would have waited between attempts and looks; they do not."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    for blocking in (skillrelay.client, learning_spaces):
        monkeypatch.setattr(blocking, "time", SimpleNamespace(sleep=slept.append))
    for waiting in (skillrelay.async_client, async_learning_spaces):
        monkeypatch.setattr(waiting, "asyncio", SimpleNamespace(sleep=sleep))
    return slept


@pytest.fixture
def learned_session(client: Any) -> Any:
    """A session that a learning space learns."""
    session = client.sessions.create()
    client.learning_spaces.learn(client.learning_spaces.create().id, session_id=session.id)
    return session


@pytest.fixture
def learned_task(client: Any, learned_session: Any) -> Any:
    """A pending task of such a session."""
    return client.sessions.create_task(learned_session.id, task_description="Fix the build")
