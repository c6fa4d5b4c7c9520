"""Written for Acontext's SDK, as users of its task status feature would: the tests change its imports, no more."""

import asyncio
import json
import os

from acontext import AcontextAsyncClient, AcontextClient
from acontext.errors import APIError

client = AcontextClient(api_key=os.environ["ACONTEXT_API_KEY"], base_url=os.environ["ACONTEXT_BASE_URL"])
assert client.ping() == "pong"

session = client.sessions.create(user="anna", disable_task_status_change=True, configs={"agent": "a"})
space = client.learning_spaces.create(meta={"team": 7})
client.learning_spaces.learn(space.id, session_id=session.id)

message = {"role": "user", "content": "Fix the build"}
client.sessions.store_message(session_id=session.id, blob=message, format="openai")
assert client.sessions.flush(session.id)["status"] == 200
tasks = client.sessions.get_tasks(session.id)
task = client.sessions.update_task_status(session_id=session.id, task_id=tasks.items[0].id, status="success")

try:
    client.sessions.update_task_status(session.id, space.id, status="success")
except APIError as error:
    refused = [error.status_code, error.message]


async def again() -> str:
    async with AcontextAsyncClient() as client:
        task = await client.sessions.update_task_status(session.id, tasks.items[0].id, status="failed")
        return task.status


print(
    json.dumps(
        {
            "task": task.id,
            "description": task.data.task_description,
            "status": task.status,
            "status_change_is_ours": session.disable_task_status_change,
            "refused": refused,
            "then": asyncio.run(again()),
        }
    )
)
