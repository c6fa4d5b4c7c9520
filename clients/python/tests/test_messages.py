"""Messages, and the tasks that come of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.stub import failure, success

from skillrelay import AcontextMessage, FileUpload, MessagePart
from skillrelay.messages import build_acontext_message

MESSAGE: dict[str, Any] = {
    "id": "4f2a5c73-0d6e-4f95-8f31-5e9c9c3e0d66",
    "session_id": "0b7b8a3e-58ae-4a3e-9a51-6f8f1f5f3c11",
    "role": "user",
    "meta": {},
    "parts": [{"type": "text", "text": "Fix the build"}],
    "parent_id": None,
    "task_id": None,
    "session_task_process_status": "pending",
    "created_at": "2026-02-23T08:22:45.12Z",
    "updated_at": "2026-02-23T08:22:45.12Z",
}


# --- what is sent


def test_a_message_is_sent_as_its_provider_has_it(stubbed: Any) -> None:
    client, stub = stubbed(success(MESSAGE, 201))

    message = client.sessions.store_message("s", blob={"role": "user", "content": "ä"}, meta={"source": "cli"})

    assert stub.body == {
        "format": "openai",
        "blob": {"role": "user", "content": "ä"},
        "meta": {"source": "cli"},
    }
    assert message.parts[0].text == "Fix the build"


def test_a_message_of_parts_is_sent_with_its_nulls(stubbed: Any) -> None:
    client, stub = stubbed(success(MESSAGE, 201))

    blob = build_acontext_message(role="user", parts=["Look:", {"type": "image", "file_field": "picture"}])
    client.sessions.store_message("s", blob=blob, format="acontext")

    assert stub.body["blob"] == {
        "role": "user",
        "parts": [
            {"type": "text", "text": "Look:", "meta": None, "file_field": None},
            {"type": "image", "text": None, "meta": None, "file_field": "picture"},
        ],
        "meta": None,
    }


def test_a_file_makes_it_a_form_that_is_repeated_to_the_byte(stubbed: Any, sleeps: list[float]) -> None:
    client, stub = stubbed(failure(503), success(MESSAGE, 201))
    blob = AcontextMessage(role="user", parts=[MessagePart(type="file", file_field="report")])

    client.sessions.store_message(
        "s", blob=blob, format="acontext", file_field="report", file=FileUpload("r.txt", b"text", "text/plain")
    )

    first, second = stub.requests
    assert first.content == second.content
    assert first.headers["Content-Type"] == second.headers["Content-Type"]
    assert first.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    fields = first.content.decode().split("\r\n")
    assert 'Content-Disposition: form-data; name="report"; filename="r.txt"' in fields
    assert "Content-Type: text/plain" in fields
    [payload] = [field for field in fields if field.startswith("{")]
    assert json.loads(payload)["format"] == "acontext"


def test_the_same_file_and_key_are_the_same_request(stubbed: Any) -> None:
    client, stub = stubbed(success(MESSAGE, 201))
    blob = AcontextMessage(role="user", parts=[MessagePart(type="file", file_field="report")])

    for content in (b"text", b"text", b"other"):
        file = FileUpload("r.txt", content, "text/plain")
        client.sessions.store_message(
            "s", blob=blob, format="acontext", file_field="report", file=file, idempotency_key="k"
        )

    first, second, other = ((request.headers["Content-Type"], request.content) for request in stub.requests)
    assert first == second
    assert first[0] != other[0]


@pytest.mark.parametrize(
    "arguments",
    [
        {"blob": {}, "format": "other"},
        {"blob": {}, "file": ("r.txt", b"")},
        {"blob": {}, "file_field": "report"},
        {"blob": {}, "format": "acontext", "file": ("r.txt", b"")},
        {"blob": "text", "format": "acontext"},
    ],
)
def test_arguments_that_do_not_go_together_are_not_sent(stubbed: Any, arguments: dict[str, Any]) -> None:
    client, stub = stubbed(success(MESSAGE, 201))

    with pytest.raises(ValueError):
        client.sessions.store_message("s", **arguments)

    assert stub.requests == []


def test_what_a_list_of_messages_asks_for(stubbed: Any) -> None:
    page = {"items": [], "ids": [], "metas": [], "has_more": False, "this_time_tokens": 0}
    client, stub = stubbed(success(page))

    client.sessions.get_messages(
        "s",
        limit=0,
        format="anthropic",
        with_asset_public_url=False,
        edit_strategies=[{"type": "token_limit", "params": {"limit_tokens": 5}}],
        pin_editing_strategies_at_message="m",
    )

    assert dict(stub.request.url.params) == {
        "limit": "0",
        "format": "anthropic",
        "with_asset_public_url": "false",
        "edit_strategies": '[{"type": "token_limit", "params": {"limit_tokens": 5}}]',
        "pin_editing_strategies_at_message": "m",
    }


def test_a_worker_that_says_nothing_has_flushed(stubbed: Any) -> None:
    client, _ = stubbed(success())

    assert client.sessions.flush("s").model_dump() == {"status": 0, "errmsg": ""}


def test_a_flush_may_take_as_long_as_a_model_takes(stubbed: Any) -> None:
    client, stub = stubbed(success({"status": 200, "errmsg": ""}))

    client.sessions.flush("s")
    client.sessions.flush("s", timeout=3)

    assert [request.extensions["timeout"]["read"] for request in stub.requests] == [310, 3]
    assert [request.content for request in stub.requests] == [b"", b""]


# --- on the real service


def test_messages_come_back_in_any_format(client: Any) -> None:
    session = client.sessions.create()
    stored = client.sessions.store_message(
        session.id, blob={"role": "user", "content": "Fix the build"}, meta={"source": "cli"}
    )

    assert (stored.role, stored.meta, stored.parts[0].text) == ("user", {"source": "cli"}, "Fix the build")
    openai = client.sessions.get_messages(session.id)
    assert openai.items == [{"role": "user", "content": "Fix the build"}]
    assert (openai.ids, openai.metas, openai.has_more) == ([stored.id], [{"source": "cli"}], False)
    assert openai.this_time_tokens > 0
    [anthropic] = client.sessions.get_messages(session.id, format="anthropic").items
    assert anthropic["content"][0]["text"] == "Fix the build"
    [acontext] = client.sessions.get_messages(session.id, format="acontext").items
    assert acontext["parts"][0]["text"] == "Fix the build"


def test_messages_come_page_by_page_in_either_order(client: Any) -> None:
    session = client.sessions.create()
    texts = [f"message {number}" for number in range(5)]
    ids = [
        client.sessions.store_message(session.id, blob={"role": "user", "content": text}, meta={"text": text}).id
        for text in texts
    ]

    listed = list(client.sessions.iter_messages(session.id, page_size=2))
    newest_first = list(client.sessions.iter_messages(session.id, page_size=2, time_desc=True))

    assert [message.id for message in listed] == ids
    assert [message.message["content"] for message in listed] == texts
    assert [message.meta["text"] for message in listed] == texts
    assert newest_first == listed[::-1]


@pytest.mark.usefixtures("object_store")
def test_a_file_is_stored_with_its_message(client: Any) -> None:
    session = client.sessions.create()

    message = client.sessions.store_message(
        session.id,
        blob=AcontextMessage(role="user", parts=[MessagePart(type="file", file_field="report")]),
        format="acontext",
        file_field="report",
        file=("report.txt", b"all is well", "text/plain"),
    )

    [part] = message.parts
    assert part.filename == "report.txt"
    assert part.asset is not None and part.asset.size_b == len(b"all is well")


@pytest.mark.usefixtures("object_store")
def test_a_file_is_stored_once_under_its_key(client: Any) -> None:
    session = client.sessions.create()

    def store() -> Any:
        return client.sessions.store_message(
            session.id,
            blob=AcontextMessage(role="user", parts=[MessagePart(type="file", file_field="report")]),
            format="acontext",
            file_field="report",
            file=("report.txt", b"all is well", "text/plain"),
            idempotency_key=f"report-{session.id}",
        )

    stored = store()
    assert store().id == stored.id
    assert client.sessions.get_messages(session.id, format="acontext").ids == [stored.id]


def test_the_meta_of_a_message_is_patched(client: Any) -> None:
    session = client.sessions.create()
    message = client.sessions.store_message(
        session.id, blob={"role": "user", "content": "Fix the build"}, meta={"a": 1, "b": 2}
    )

    assert client.sessions.patch_message_meta(session.id, message.id, meta={"a": None, "c": 3}) == {"b": 2, "c": 3}
    assert client.sessions.get_messages(session.id).metas == [{"b": 2, "c": 3}]


def test_messages_are_counted(client: Any) -> None:
    session = client.sessions.create()
    client.sessions.store_message(session.id, blob={"role": "user", "content": "Fix the build"})

    assert client.sessions.get_token_counts(session.id).total_tokens > 0
    observing = client.sessions.messages_observing_status(session.id)
    assert observing.observed + observing.in_process + observing.pending == 1


def test_a_flush_makes_tasks_of_messages(client: Any) -> None:
    session = client.sessions.create(disable_task_status_change=True)
    client.sessions.store_message(session.id, blob={"role": "user", "content": "Fix the build"})

    assert client.sessions.flush(session.id).status == 200

    [task] = client.sessions.get_tasks(session.id).items
    assert (task.data.task_description, task.status) == ("Fix the build", "running")
    assert client.sessions.messages_observing_status(session.id).observed == 1
