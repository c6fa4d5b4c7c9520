"""Each method of `sessions`, as the package acontext calls it."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from acontext.errors import APIError
from acontext.messages import build_acontext_message
from acontext.uploads import FileUpload


def test_create(client: Any) -> None:
    id = str(uuid.uuid4())

    session = client.sessions.create(user="anna", disable_task_tracking=True, configs={"agent": "a"}, use_uuid=id)
    again = client.sessions.create(use_uuid=id)

    assert (session.id, session.disable_task_tracking, session.configs) == (id, True, {"agent": "a"})
    assert session.user_id is not None
    assert again == session


def test_list(client: Any) -> None:
    user, tag = str(uuid.uuid4()), str(uuid.uuid4())
    made = [client.sessions.create(user=user, configs={"tag": tag, "n": {"of": number}}).id for number in range(3)]

    first = client.sessions.list(user=user, limit=2)
    second = client.sessions.list(user=user, limit=2, cursor=first.next_cursor)

    assert [session.id for session in first.items + second.items] == made
    assert (first.has_more, second.has_more, second.next_cursor) == (True, False, None)
    assert [session.id for session in client.sessions.list(user=user, time_desc=True).items] == made[::-1]
    nested = client.sessions.list(filter_by_configs={"tag": tag, "n": {"of": 1}})
    assert [session.id for session in nested.items] == made[1:2]
    assert client.sessions.list(user=str(uuid.uuid4())).items == []


def test_delete(client: Any, session_id: str) -> None:
    client.sessions.store_message(session_id, blob={"role": "user", "content": "Fix the build"})

    assert client.sessions.delete(session_id) is None

    with pytest.raises(APIError, match="404: session not found"):
        client.sessions.get_configs(session_id)


def test_configs(client: Any, session_id: str) -> None:
    assert client.sessions.update_configs(session_id, configs={"a": 1, "b": {"c": 2}}) is None
    assert client.sessions.patch_configs(session_id, configs={"a": None, "d": 3}) == {"b": {"c": 2}, "d": 3}

    session = client.sessions.get_configs(session_id)

    assert (session.id, session.configs) == (session_id, {"b": {"c": 2}, "d": 3})


@pytest.mark.parametrize(
    ("format", "blob"),
    [
        ("openai", {"role": "user", "content": "Fix the build"}),
        ("anthropic", {"role": "user", "content": [{"type": "text", "text": "Fix the build"}]}),
        ("gemini", {"role": "user", "parts": [{"text": "Fix the build"}]}),
        ("acontext", build_acontext_message(role="user", parts=["Fix the build"])),
    ],
)
def test_store_message_and_get_messages(client: Any, session_id: str, format: str, blob: Any) -> None:
    message = client.sessions.store_message(session_id, blob=blob, format=format, meta={"source": "web"})

    assert (message.session_id, message.role, message.meta) == (session_id, "user", {"source": "web"})
    assert [(part.type, part.text) for part in message.parts] == [("text", "Fix the build")]
    page = client.sessions.get_messages(session_id, format=format)
    assert (page.ids, page.metas, page.has_more) == ([message.id], [{"source": "web"}], False)
    assert page.this_time_tokens > 0
    if format == "acontext":
        assert page.items[0]["parts"] == [{"type": "text", "text": "Fix the build"}]
        assert page.items[0]["meta"]["__user_meta__"] == {"source": "web"}
    else:
        assert page.items == [blob]


def test_get_messages_page_by_page(client: Any, session_id: str) -> None:
    made = [
        client.sessions.store_message(session_id, blob={"role": "user", "content": f"message {number}"}).id
        for number in range(5)
    ]

    first = client.sessions.get_messages(session_id, limit=2, time_desc=True)
    second = client.sessions.get_messages(session_id, limit=2, time_desc=True, cursor=first.next_cursor)

    # From the newest on, and each page in the order in which they were said.
    assert (first.ids, second.ids) == (made[3:], made[1:3])
    assert first.edit_at_message_id == made[4]
    assert client.sessions.get_messages(session_id, with_asset_public_url=False).ids == made


def test_get_messages_edited(client: Any, session_id: str) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": '{"path": "a"}'}}
    client.sessions.store_message(session_id, blob={"role": "assistant", "tool_calls": [call]})
    result = {"role": "tool", "tool_call_id": "call_1", "content": "a long text " * 50}
    pin = client.sessions.store_message(session_id, blob=result).id
    client.sessions.store_message(session_id, blob={"role": "user", "content": "and now?"})
    strategy = {"type": "remove_tool_result", "params": {"keep_recent_n_tool_results": 0}}

    page = client.sessions.get_messages(
        session_id, edit_strategies=[strategy], pin_editing_strategies_at_message=pin
    )

    assert page.items[1]["content"] == "Done"
    assert page.edit_at_message_id == pin
    assert client.sessions.get_messages(session_id).items[1] == result


def test_store_message_with_a_file(connect: Any, service_with_objects: Any) -> None:
    client = connect(service_with_objects)
    session_id = client.sessions.create().id
    blob = {"role": "user", "parts": [{"type": "file", "file_field": "log"}, {"type": "text", "text": "Read this"}]}
    file = FileUpload("build.log", b"it failed", "text/plain")

    message = client.sessions.store_message(session_id, blob=blob, format="acontext", file_field="log", file=file)

    assert [part.type for part in message.parts] == ["file", "text"]
    assert (message.parts[0].filename, message.parts[0].asset.mime) == ("build.log", "text/plain")
    page = client.sessions.get_messages(session_id, format="acontext")
    assert httpx.get(page.public_urls[message.parts[0].asset.sha256].url).content == b"it failed"


def test_store_message_with_a_file_needs_an_object_store(client: Any, session_id: str) -> None:
    blob = {"role": "user", "parts": [{"type": "file", "file_field": "log"}]}

    with pytest.raises(APIError, match="400: .*S3"):
        client.sessions.store_message(
            session_id, blob=blob, format="acontext", file_field="log", file=FileUpload("build.log", b"it failed")
        )

    assert client.sessions.get_messages(session_id).ids == []


def test_patch_message_meta(client: Any, session_id: str) -> None:
    message = client.sessions.store_message(session_id, blob={"role": "user", "content": "a"}, meta={"a": 1, "b": 2})

    assert client.sessions.patch_message_meta(session_id, message.id, meta={"a": None, "c": 3}) == {"b": 2, "c": 3}
    assert client.sessions.get_messages(session_id).metas == [{"b": 2, "c": 3}]


def test_flush_and_get_tasks(client: Any, session_id: str) -> None:
    client.sessions.store_message(session_id, blob={"role": "user", "content": "Fix the build"})
    client.sessions.store_message(session_id, blob={"role": "assistant", "content": "Found it"})
    client.sessions.store_message(session_id, blob={"role": "user", "content": "Tell them"})

    answer = client.sessions.flush(session_id)

    assert (answer.status, answer.errmsg) == (200, "")
    tasks = client.sessions.get_tasks(session_id)
    assert [task.data.task_description for task in tasks.items] == ["Fix the build", "Tell them"]
    assert tasks.items[0].data.progresses == ["Found it"]
    first = client.sessions.get_tasks(session_id, limit=1, time_desc=True)
    second = client.sessions.get_tasks(session_id, limit=1, time_desc=True, cursor=first.next_cursor)
    assert [task.order for task in first.items + second.items] == [2, 1]


def test_get_session_summary(client: Any, session_id: str) -> None:
    client.sessions.store_message(session_id, blob={"role": "user", "content": "Fix the build"})
    client.sessions.flush(session_id)

    assert client.sessions.get_session_summary(session_id) == '<task id="1" description="Fix the build">\n</task>'


def test_messages_observing_status(client: Any) -> None:
    for tracked in (True, False):
        session_id = client.sessions.create(disable_task_tracking=not tracked).id
        client.sessions.store_message(session_id, blob={"role": "user", "content": "Fix the build"})
        client.sessions.flush(session_id)

        status = client.sessions.messages_observing_status(session_id)

        assert (status.observed, status.in_process, status.pending) == (int(tracked), 0, 0)


def test_get_token_counts(client: Any, session_id: str) -> None:
    assert client.sessions.get_token_counts(session_id).total_tokens == 0

    client.sessions.store_message(session_id, blob={"role": "user", "content": "Fix the build"})

    assert client.sessions.get_token_counts(session_id).total_tokens > 0


@pytest.mark.parametrize("status", ["success", "failed", "running", "pending"])
def test_update_task_status_by_request(client: Any, session_id: str, status: str) -> None:
    client.sessions.store_message(session_id, blob={"role": "user", "content": "Fix the build"})
    client.sessions.flush(session_id)
    task = client.sessions.get_tasks(session_id).items[0]

    answer = client.request("PATCH", f"/session/{session_id}/task/{task.id}/status", json_data={"status": status})

    assert (answer["id"], answer["status"]) == (task.id, status)
    assert client.sessions.get_tasks(session_id).items[0].status == status
