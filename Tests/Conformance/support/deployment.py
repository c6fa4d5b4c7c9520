"""The program as it was built, on a database and a virtual host of its own."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

REPOSITORY = Path(__file__).resolve().parents[3]


class Deployment:
    """A migrated database and an empty virtual host, and the program with the settings that lead to both."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._binary = os.environ.get("SKILLRELAY_BINARY", str(REPOSITORY / ".build/debug/skillrelay"))
        self._files = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.database = self._new_database()
        self.admin_token = secrets.token_hex(16)
        self.settings = {
            "DATABASE_URL": self.database,
            "RABBITMQ_URL": self._new_virtual_host(),
            "ROOT_SECRET_PEPPER": "pepper",
            "SKILLRELAY_PORT": "0",
            "SKILLRELAY_ADMIN_TOKEN": self.admin_token,
            "PATH": os.environ["PATH"],
        }
        self.run("migrate")

    def run(self, *arguments: str) -> str:
        """A command's output."""
        return subprocess.run(
            [self._binary, *arguments], env=self.settings, check=True, capture_output=True, text=True
        ).stdout

    def launch(self, *arguments: str, **settings: str) -> Running:
        """A command that runs until the deployment ends, or by itself."""
        return self._launch([self._binary, *arguments], {**self.settings, **settings})

    def _launch(self, command: list[str], settings: dict[str, str]) -> Running:
        running = Running(command, settings, self._files)
        self._stack.callback(running.stop)
        return running

    def serve(self, **settings: str) -> str:
        """Starts the service, and says where it is."""
        service = self.launch("serve", **settings)
        listening = re.compile(r"listening address=(127\.0\.0\.1:\d+)")
        until(lambda: listening.search(service.log), "the service listens")
        return f"http://{listening.search(service.log)[1]}"

    def with_object_store(self) -> dict[str, str]:
        """Starts an object store; the settings that lead to it."""
        (self._files / "objects/assets").mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        server = str(Path(sys.executable).with_name("nanio"))
        place = ["--host", "127.0.0.1", "--port", str(port), "--data-dir", str(self._files / "objects")]
        keys = {"NANIO_ACCESS_KEY": "conformance", "NANIO_SECRET_KEY": secrets.token_hex(16)}
        self._launch([server, "serve", *place], keys)
        until(lambda: _answers(port), "the object store listens")
        return {
            "S3_ENDPOINT": f"http://127.0.0.1:{port}",
            "S3_ACCESS_KEY": keys["NANIO_ACCESS_KEY"],
            "S3_SECRET_KEY": keys["NANIO_SECRET_KEY"],
            "S3_BUCKET": "assets",
        }

    def new_project(self) -> str:
        """The token of a new project."""
        return json.loads(self.run("project", "create", "--json"))["token"]

    def sql(self, statement: str) -> str:
        return psql(self.database, statement)

    def _new_database(self) -> str:
        server = os.environ["DATABASE_URL"]
        name = f"conformance_{secrets.token_hex(6)}"
        psql(server, f"CREATE DATABASE {name}")
        self._stack.callback(psql, server, f"DROP DATABASE {name} WITH (FORCE)")
        return urlsplit(server)._replace(path=f"/{name}").geturl()

    def _new_virtual_host(self) -> str:
        name = f"conformance_{secrets.token_hex(6)}"
        address = f"{os.environ['RABBITMQ_MANAGEMENT_URL']}/api/vhosts/{name}"
        httpx.put(address, timeout=30).raise_for_status()
        self._stack.callback(httpx.delete, address, timeout=30)
        return urlsplit(os.environ["RABBITMQ_URL"])._replace(path=f"/{quote(name)}").geturl()


class Running:
    """A process, and what it has written so far."""

    def __init__(self, command: list[str], settings: dict[str, str], folder: Path) -> None:
        self._files = [folder / f"{command[1]}-{secrets.token_hex(3)}.{name}" for name in ("out", "log")]
        with open(self._files[0], "w") as out, open(self._files[1], "w") as log:
            self._process = subprocess.Popen(command, env=settings, stdout=out, stderr=log, stdin=subprocess.DEVNULL)

    @property
    def output(self) -> str:
        return self._files[0].read_text()

    @property
    def log(self) -> str:
        return self._files[1].read_text()

    def wait(self, seconds: float) -> int:
        """Its exit code."""
        return self._process.wait(seconds)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def deployed() -> Iterator[Deployment]:
    with ExitStack() as stack:
        yield Deployment(stack)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


def psql(database: str, statement: str) -> str:
    command = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--set", "ON_ERROR_STOP=1", database]
    return subprocess.run(command, input=statement, check=True, capture_output=True, text=True).stdout.strip()


def until(holds: Callable[[], Any], what: str, seconds: float = 15) -> None:
    """Waits until something holds; fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
