"""What the tests stand on: the service with nothing but PostgreSQL and RabbitMQ, and Acontext's clients as PyPI has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import acontext
import pytest
from support.deployment import Deployment, deployed
from support.driven import Driven


@dataclass
class Service:
    deployment: Deployment
    url: str
    token: str


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    with deployed() as deployment:
        # No CORE makes tasks of messages: the service does.
        url = deployment.serve(SKILLRELAY_MESSAGE_EVENTS="false")
        yield Service(deployment, url, deployment.new_project())


@pytest.fixture(scope="session")
def service_with_objects() -> Iterator[Service]:
    with deployed() as deployment:
        url = deployment.serve(SKILLRELAY_MESSAGE_EVENTS="false", **deployment.with_object_store())
        yield Service(deployment, url, deployment.new_project())


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[[Service], Any]]:
    """Makes clients of Acontext's: the test runs once for each kind."""
    loop = asyncio.new_event_loop()
    with ExitStack() as stack:

        def connect(service: Service) -> Any:
            settings = {"api_key": service.token, "base_url": f"{service.url}/api/v1"}
            if request.param == "sync":
                client = stack.enter_context(acontext.AcontextClient(**settings))
            else:
                client = acontext.AcontextAsyncClient(**settings)
                stack.callback(lambda: loop.run_until_complete(client.aclose()))
            return Driven(client, loop)

        yield connect
    loop.close()


@pytest.fixture
def client(connect: Callable[[Service], Any], service: Service) -> Any:
    return connect(service)


@pytest.fixture
def session_id(client: Any) -> str:
    return client.sessions.create().id


@pytest.fixture
def space_id(client: Any) -> str:
    return client.learning_spaces.create().id
