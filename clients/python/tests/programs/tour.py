"""Written for Acontext's SDK, with what every release of it has; runs unchanged with that SDK, too."""

import asyncio
import json

from acontext import AcontextAsyncClient, AcontextClient
from acontext.errors import AcontextError, APIError, TransportError
from acontext.types.session import Task

UNKNOWN = "00000000-0000-4000-8000-000000000000"
seen: list = []


def refusal(error: APIError) -> list:
    return [str(error), error.status_code, error.code, error.message, error.error, error.payload]


with AcontextClient() as client:
    seen.append(client.ping())
    session = client.sessions.create(user="anna", configs={"agent": "a", "depth": {"of": [1, None, True]}})
    seen.append([session.configs, session.disable_task_tracking, session.user_id is not None])
    client.request("POST", f"/session/{session.id}/task", json_data={"task_description": "One", "progresses": ["p"]})
    client.request("POST", f"/session/{session.id}/task", json_data={"task_description": "Two"})
    page = client.sessions.get_tasks(session.id, limit=1, time_desc=True)
    seen.append([page.has_more, page.items[0].data.model_dump(), isinstance(page.items[0], Task)])
    page = client.sessions.get_tasks(session.id, limit=1, time_desc=True, cursor=page.next_cursor)
    seen.append([page.has_more, page.next_cursor, page.items[0].order, page.items[0].data.progresses])
    seen.append(client.sessions.get_session_summary(session.id))
    space = client.learning_spaces.create(meta={"team": 7})
    seen.append(client.learning_spaces.get(space.id) == space)
    learning = client.learning_spaces.learn(space.id, session_id=session.id)
    seen.append([learning.status, learning.session_id == session.id])
    status = f"/session/{session.id}/task/{page.items[0].id}/status"
    seen.append(client.request("PATCH", status, json_data={"status": "success"})["status"])
    for call in (
        lambda: client.learning_spaces.learn(space.id, session_id=session.id),
        lambda: client.learning_spaces.get(UNKNOWN),
        lambda: client.sessions.get_tasks(UNKNOWN),
        lambda: client.sessions.get_tasks(session.id, limit=0),
        lambda: client.sessions.create(use_uuid="none"),
    ):
        try:
            call()
        except APIError as error:
            seen.append(refusal(error))
    for arguments in ({"format": "other"}, {"file_field": "f"}, {"format": "acontext", "file": ("f", b"")}):
        try:
            client.sessions.store_message(session.id, blob={}, **arguments)
        except ValueError as error:
            seen.append(type(error).__name__)

try:
    AcontextClient(base_url="http://127.0.0.1:9").ping()
except TransportError as error:
    seen.append(["no service", isinstance(error, AcontextError), isinstance(error, APIError)])


async def main() -> None:
    async with AcontextAsyncClient() as client:
        seen.append(await client.ping())
        tasks = await client.sessions.get_tasks(session.id)
        seen.append([[task.order, task.status] for task in tasks.items])
        try:
            await client.learning_spaces.get(UNKNOWN)
        except APIError as error:
            seen.append(refusal(error))


asyncio.run(main())
print(json.dumps(seen))
