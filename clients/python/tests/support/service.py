"""The real service: one that runs already, or one of our own on a new database and virtual host."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Callable
from urllib.parse import quote, urlsplit

import httpx

REPOSITORY = Path(__file__).resolve().parents[4]


class Service:
    """Where it is, and what its operator sees."""

    def __init__(self, url: str, token: str, admin_token: str) -> None:
        self.url = url.rstrip("/")
        self.base_url = f"{self.url}/api/v1"
        self.token = token
        self._admin = httpx.Client(headers={"Authorization": f"Bearer {admin_token}"}, timeout=30)

    def events(self, task_id: str) -> list[dict[str, Any]]:
        """The events of a task, whatever has become of them."""
        answer = self._admin.get(f"{self.url}/admin/v1/events", params={"task": task_id})
        answer.raise_for_status()
        items: list[dict[str, Any]] = answer.json()["data"]["items"]
        return items


class OwnService(Service):
    """One of our own, whose database and messages can be looked at too."""

    def __init__(self, url: str, token: str, admin_token: str, database: str, messages: Path) -> None:
        super().__init__(url, token, admin_token)
        self._database = database
        self._messages = messages

    def sql(self, statement: str) -> str:
        return psql(self._database, statement)

    def messages(self, task_id: str) -> list[dict[str, Any]]:
        """The messages about a task that a consumer in CORE's place has received."""
        lines = [json.loads(line) for line in self._messages.read_text().splitlines()]
        return [line for line in lines if json.loads(line["body"]).get("task_id") == task_id]


@contextmanager
def running() -> Iterator[Service]:
    """`SKILLRELAY_TEST_URL`, with `…_TOKEN` and `…_ADMIN_TOKEN`; else one that ends with the tests."""
    if "SKILLRELAY_TEST_URL" in os.environ:
        yield Service(
            os.environ["SKILLRELAY_TEST_URL"],
            os.environ["SKILLRELAY_TEST_TOKEN"],
            os.environ["SKILLRELAY_TEST_ADMIN_TOKEN"],
        )
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield _started(folder, stack)


def _started(folder: Path, stack: ExitStack) -> Service:
    binary = os.environ.get("SKILLRELAY_BINARY", str(REPOSITORY / ".build/debug/skillrelay"))
    database = _new_database(stack)
    admin_token = secrets.token_hex(16)
    settings = {
        "DATABASE_URL": database,
        "RABBITMQ_URL": _new_virtual_host(stack),
        "ROOT_SECRET_PEPPER": "pepper",
        "SKILLRELAY_PORT": "0",
        "SKILLRELAY_ADMIN_TOKEN": admin_token,
        # Nothing binds a queue to them here.
        "SKILLRELAY_MESSAGE_EVENTS": "false",
        **_object_store(folder, stack),
        "PATH": os.environ["PATH"],
    }
    subprocess.run([binary, "migrate"], env=settings, check=True, capture_output=True)
    project = subprocess.run([binary, "project", "create", "--json"], env=settings, check=True, capture_output=True)
    # First, because it declares the queue.
    _launch([binary, "consume", "--json"], settings, folder / "consume", stack)
    _launch([binary, "serve"], settings, folder / "serve", stack)
    log = folder / "serve.log"
    until(lambda: re.search(r"listening.*127\.0\.0\.1:(\d+)", log.read_text()), "the service listens")
    port = re.search(r"listening.*127\.0\.0\.1:(\d+)", log.read_text())
    assert port
    return OwnService(
        f"http://127.0.0.1:{port[1]}",
        json.loads(project.stdout)["token"],
        admin_token,
        database,
        folder / "consume.out",
    )


def _launch(command: list[str], settings: dict[str, str], files: Path, stack: ExitStack) -> None:
    with open(f"{files}.out", "w") as out, open(f"{files}.log", "w") as log:
        process = subprocess.Popen(command, env=settings, stdout=out, stderr=log, stdin=subprocess.DEVNULL)

    def stop() -> None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    stack.callback(stop)


def _new_database(stack: ExitStack) -> str:
    server = os.environ["DATABASE_URL"]
    name = f"python_{secrets.token_hex(6)}"
    psql(server, f"CREATE DATABASE {name}")
    stack.callback(psql, server, f"DROP DATABASE {name} WITH (FORCE)")
    return urlsplit(server)._replace(path=f"/{name}").geturl()


def _new_virtual_host(stack: ExitStack) -> str:
    """A virtual host of our own where the broker's management says how; else the one that `RABBITMQ_URL` names."""
    broker = os.environ["RABBITMQ_URL"]
    if "RABBITMQ_MANAGEMENT_URL" not in os.environ:
        return broker
    name = f"python_{secrets.token_hex(6)}"
    address = f"{os.environ['RABBITMQ_MANAGEMENT_URL']}/api/vhosts/{quote(name)}"
    httpx.put(address, timeout=30).raise_for_status()
    stack.callback(httpx.delete, address, timeout=30)
    return urlsplit(broker)._replace(path=f"/{quote(name)}").geturl()


def _object_store(folder: Path, stack: ExitStack) -> dict[str, str]:
    """The settings of the object store that `S3_ENDPOINT` names; else of one of our own, if it is installed."""
    names = ("S3_BUCKET", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY")
    if "S3_ENDPOINT" in os.environ:
        return {name: os.environ[name] for name in (*names, "S3_REGION") if name in os.environ}
    if importlib.util.find_spec("nanio") is None:
        return {}
    # Its buckets are folders.
    bucket, access_key, secret_key = "python", "test-access-key", "test-secret-key"
    (folder / "objects" / bucket).mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "nanio", "serve", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--data-dir", str(folder / "objects"), "--log-level", "error", "--no-access-log"]
    keys = {"NANIO_ACCESS_KEY": access_key, "NANIO_SECRET_KEY": secret_key}
    _launch(command, keys, folder / "nanio", stack)
    until(lambda: _listens(port), "the object store listens")
    return dict(zip(names, (bucket, f"http://127.0.0.1:{port}", access_key, secret_key)))


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def psql(database: str, statement: str) -> str:
    command = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--set", "ON_ERROR_STOP=1", database]
    return subprocess.run(command, input=statement, check=True, capture_output=True, text=True).stdout.strip()


def until(holds: Callable[[], Any], what: str, seconds: float = 15) -> None:
    """Waits until something holds; fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
