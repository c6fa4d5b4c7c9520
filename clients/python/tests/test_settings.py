"""What a client is told, and what it never tells."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
from support.stub import success

import skillrelay
from skillrelay import SkillRelayAsyncClient, SkillRelayClient


@pytest.mark.parametrize("kind", [SkillRelayClient, SkillRelayAsyncClient])
def test_a_key_is_required(kind: Any) -> None:
    for key in (None, "", "  "):
        with pytest.raises(ValueError, match="api_key is required"):
            kind(api_key=key)


def test_arguments_come_before_the_environment_and_ours_before_acontexts(
    connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return success()

    def asked(**settings: Any) -> tuple[str, str]:
        connect(handler, **settings).ping()
        return requests[-1].headers["Authorization"], str(requests[-1].url)

    assert asked(api_key="a") == ("Bearer a", "http://127.0.0.1:8029/api/v1/ping")
    monkeypatch.setenv("ACONTEXT_API_KEY", "b")
    monkeypatch.setenv("ACONTEXT_BASE_URL", "http://b/api/v1")
    assert asked(api_key=None) == ("Bearer b", "http://b/api/v1/ping")
    monkeypatch.setenv("SKILLRELAY_API_KEY", "c")
    monkeypatch.setenv("SKILLRELAY_BASE_URL", "http://c/api/v1/")
    assert asked(api_key=None) == ("Bearer c", "http://c/api/v1/ping")
    assert asked(api_key="d", base_url="http://d") == ("Bearer d", "http://d/ping")


def test_the_timeout_of_the_environment_is_for_who_passes_none(stubbed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_timeout(**settings: Any) -> Any:
        client, stub = stubbed(success(), **settings)
        client.ping()
        return stub.request.extensions["timeout"]["read"]

    assert read_timeout() == 32
    assert read_timeout(timeout=None) == 10
    monkeypatch.setenv("ACONTEXT_TIMEOUT", "5")
    assert read_timeout(timeout=None) == 5
    monkeypatch.setenv("SKILLRELAY_TIMEOUT", "4")
    assert read_timeout(timeout=None) == 4
    monkeypatch.setenv("SKILLRELAY_TIMEOUT", "soon")
    assert read_timeout(timeout=None) == 10
    assert read_timeout() == 32
    assert read_timeout(timeout=httpx.Timeout(7, connect=1)) == 7


def test_a_call_says_who_asks(connect: Any, service: Any) -> None:
    sent: list[httpx.Request] = []
    kind = httpx.Client if type(connect()._target) is SkillRelayClient else httpx.AsyncClient
    client = connect(base_url=service.base_url, api_key=service.token, user_agent="harness/1")
    original = kind.send

    def send(self: Any, request: httpx.Request, **options: Any) -> Any:
        sent.append(request)
        return original(self, request, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "send", send)
        assert client.ping() == "pong"

    assert sent[0].headers["User-Agent"] == "harness/1"
    assert sent[0].headers["Accept"] == "application/json"
    assert client.base_url == service.base_url


def test_a_client_of_httpx_keeps_what_it_has_and_stays_open() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return success({"key": request.headers["Authorization"], "url": str(request.url)})

    own = httpx.Client(transport=httpx.MockTransport(handler), base_url="http://own/v1")
    with SkillRelayClient(api_key="a", base_url="http://other", client=own) as client:
        assert client.request("GET", "/x") == {"key": "Bearer a", "url": "http://own/v1/x"}
        assert client.base_url == "http://own/v1"
    assert not own.is_closed
    # The key goes with our requests, not with all of that client's.
    assert "Authorization" not in own.headers
    own.headers["Authorization"] = "Bearer own"
    assert SkillRelayClient(api_key="a", client=own).request("GET", "/x")["key"] == "Bearer own"


def test_a_call_without_a_method(stubbed: Any) -> None:
    client, stub = stubbed(success({"a": 1}))

    assert client.request("get", "/session", params={"limit": 3, "user": None}) == {"a": 1}
    assert client.request("POST", "/session", json_data={"b": 2}, unwrap=False) == {
        "code": 0,
        "data": {"a": 1},
        "msg": "",
    }
    assert client.request("POST", "/form", data={"c": "3"}) == {"a": 1}

    assert [(request.method, request.url.query, request.content) for request in stub.requests] == [
        ("GET", b"limit=3", b""),
        ("POST", b"", b'{"b":2}'),
        ("POST", b"", b"c=3"),
    ]


@pytest.mark.parametrize("url", ["localhost:8029", "ftp://host/", "http://", "http://user:pw@host/api"])
def test_a_base_url_that_is_none_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ValueError, match="base_url must") as caught:
        SkillRelayClient(api_key="a", base_url=url)

    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-ac-secret\nx", "sk-ac-secret x", "sk-ac-secret-ä", "sk-ac-secret\x00"])
def test_a_key_that_no_header_can_hold_is_refused_without_quoting_it(key: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII") as caught:
        SkillRelayClient(api_key=key)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("settings", [{"max_retries": -1}, {"max_retry_delay": -1}])
def test_negative_retries_are_refused(settings: Any) -> None:
    with pytest.raises(ValueError, match="negative"):
        SkillRelayClient(api_key="a", **settings)


def test_the_key_is_in_no_repr_error_or_log(stubbed: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client, _ = stubbed(httpx.ConnectError("refused"), api_key="sk-ac-secret", max_retries=0)

    with pytest.raises(skillrelay.TransportError) as caught:
        client.ping()

    cause = caught.value.__cause__
    shown = [repr(client), repr(vars(client._target)), repr(caught.value), repr(cause), repr(vars(cause)), caplog.text]
    assert "SkillRelay" in shown[0] and "http://127.0.0.1:8029/api/v1" in shown[0]
    for text in shown:
        assert "secret" not in text.replace("[secure]", "")


def test_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert skillrelay.__version__ == version("skillrelay")
