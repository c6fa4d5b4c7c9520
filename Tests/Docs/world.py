"""What a page's commands find: a database and a virtual host of their own, and for most pages a service that has work behind it."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("SKILLRELAY_BIN", REPOSITORY / ".build/debug/skillrelay"))
QUEUE = "learning.skill.distill.entry"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(what: str, test, within: float = 30):
    """Waits until `test` answers with something; what it answers."""
    deadline = time.monotonic() + within
    while True:
        answer = test()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within:.0f} s: {what}")
        time.sleep(0.05)


class World:
    """`is_prepared`: with tables, a running service, and a project with a finished task. Otherwise the page makes all of that.

    `settings` may give the service more than it needs.
    """

    def __init__(self, scratch: Path, is_prepared: bool, settings=lambda world: {}):
        self.scratch = scratch
        self.name = f"docs_{uuid.uuid4().hex[:12]}"
        self.port = free_port()
        self.has_role = False
        #: For a page that starts servers.
        self.services = REPOSITORY / ".services" / self.name
        self.processes: list[subprocess.Popen] = []
        self.lasting: dict[str, subprocess.Popen] = {}
        self.state = scratch / "state"
        self.server_url = os.environ["DATABASE_URL"]
        self.psql(self.server_url, f"CREATE DATABASE {self.name}")
        self.manage("PUT", f"vhosts/{self.name}")
        user = urllib.parse.urlsplit(os.environ["RABBITMQ_URL"]).username
        self.manage("PUT", f"permissions/{self.name}/{user}", {"configure": ".*", "write": ".*", "read": ".*"})
        # Go's driver would insist on TLS.
        self.database_url = self.server_url.rpartition("/")[0] + f"/{self.name}?sslmode=disable"
        self.broker_url = os.environ["RABBITMQ_URL"].rpartition("/")[0] + f"/{self.name}"
        servers = (Path(os.environ["SKILLRELAY_SERVICES_DIR"]) / "settings").read_text()
        password = re.search(r"^admin_password=(.*)$", servers, re.MULTILINE)[1]
        self.admin_url = re.sub("//.*@", f"//postgres:{password}@", self.database_url)
        python = Path(sys.executable).parent
        self.environment = {
            "PATH": f"{python}:{PROGRAM.parent}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
            "TMPDIR": str(scratch),
            "CURL_HOME": str(scratch),
            "SKILLRELAY_BIN": str(PROGRAM),
            "SKILLRELAY_PORT": str(self.port),
            "SKILLRELAY_BASE_URL": f"http://127.0.0.1:{self.port}/api/v1",
        }
        # An answer that is no success is a command that fails.
        (scratch / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
        #: What stands on a page, and what it is here.
        self.substitutions = {
            "127.0.0.1:8029": f"127.0.0.1:{self.port}",
            "postgresql://acontext:secret@127.0.0.1:5432/acontext": self.database_url,
            "amqp://acontext:secret@127.0.0.1:5672": self.broker_url,
            "shop_service": self.name,
        } | {f"scripts/services {verb}": f"scripts/services {verb} --dir {self.services}" for verb in ("start", "env", "stop")}
        if is_prepared:
            self.prepare(settings)

    def prepare(self, settings) -> None:
        """Tables, a project, a service, and a task that is finished and was told of."""
        self.environment |= {
            "DATABASE_URL": self.database_url,
            "RABBITMQ_URL": self.broker_url,
            "ROOT_SECRET_PEPPER": "docs",
            "SKILLRELAY_ADMIN_TOKEN": "an-operator-of-the-docs",
            "SKILLRELAY_LOG_LEVEL": "warning",
        } | settings(self)
        self.run([PROGRAM, "migrate"])
        self.token = json.loads(self.run([PROGRAM, "project", "create", "--json"]))["token"]
        self.substitutions["sk-ac-…"] = self.token
        self.declare_queue()
        self.start([PROGRAM, "serve"], "serve", is_lasting=True)
        self.make_task()
        task = f"/session/{self.environment['SESSION']}/task/{self.environment['TASK']}"
        self.api("PATCH", f"{task}/status", {"status": "success"})
        eventually("the event is delivered", lambda: self.sql("SELECT 1 FROM skillrelay.outbox_deliveries"))

    def make_role(self) -> None:
        """Another service's, with no rights."""
        self.psql(self.admin_url, f"CREATE ROLE {self.name}")
        self.has_role = True

    def make_task(self) -> None:
        """In a session that is learned from; for the token of the page's reader."""
        eventually("the service is ready", lambda: self.answers("/ready"))
        session = self.api("POST", "/session", {})["id"]
        space = self.api("POST", "/learning_spaces", {})["id"]
        self.api("POST", f"/learning_spaces/{space}/learn", {"session_id": session})
        task = self.api("POST", f"/session/{session}/task", {"task_description": "Find the report and file it"})["id"]
        ids = {"SESSION": session, "SPACE": space, "TASK": task}
        self.environment |= ids | {"TOKEN": self.token, "SKILLRELAY_API_KEY": self.token}

    # --- processes

    def still_run(self) -> None:
        """What a page has left running is meant to stay."""
        ended = {name: self.printed(name) for name, process in self.lasting.items() if process.poll() is not None}
        assert not ended, f"ended by itself: {ended}"

    def run(self, command, **options) -> str:
        done = subprocess.run(
            command, env=self.environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, **options
        )
        assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
        return done.stdout

    def start(self, command, name: str, is_lasting: bool = False) -> subprocess.Popen:
        """In a session of its own, so that all that it starts can be ended."""
        with open(self.scratch / f"{name}.out", "w") as out, open(self.scratch / f"{name}.err", "w") as error:
            process = subprocess.Popen(
                command, env=self.environment, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=out, stderr=error,
                start_new_session=True,
            )
        self.processes.append(process)
        if is_lasting:
            self.lasting[name] = process
        return process

    def printed(self, name: str) -> tuple[str, str]:
        return (self.scratch / f"{name}.out").read_text(), (self.scratch / f"{name}.err").read_text()

    def close(self) -> None:
        for process in reversed(self.processes):
            self.end(process)
        if self.services.exists():
            subprocess.run([REPOSITORY / "scripts/services", "stop", "--dir", self.services], check=True)
        self.psql(self.server_url, f"DROP DATABASE {self.name} WITH (FORCE)")
        if self.has_role:
            self.psql(self.admin_url.replace(f"/{self.name}?", "/postgres?"), f"DROP ROLE {self.name}")
        self.manage("DELETE", f"vhosts/{self.name}")

    def end(self, process: subprocess.Popen) -> None:
        """Its group may outlive it."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                process.poll()
                try:
                    os.killpg(process.pid, 0)
                except ProcessLookupError:
                    break
                time.sleep(0.05)
        process.wait()

    # --- servers

    def psql(self, url: str, statement: str) -> str:
        command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def sql(self, statement: str) -> str:
        return self.psql(self.database_url, statement)

    def manage(self, method: str, path: str, body: dict | None = None) -> None:
        """RabbitMQ's management API."""
        parts = urllib.parse.urlsplit(os.environ["RABBITMQ_MANAGEMENT_URL"])
        request = urllib.request.Request(
            f"http://{parts.hostname}:{parts.port}/api/{path}", method=method, data=json.dumps(body or {}).encode()
        )
        secret = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
        request.add_header("Content-Type", "application/json")
        urllib.request.urlopen(request, timeout=30).close()

    def declare_queue(self) -> None:
        """As CORE does."""
        self.manage("PUT", f"exchanges/{self.name}/learning.skill", {"type": "direct", "durable": True})
        arguments = {"x-message-ttl": 604800000}
        self.manage("PUT", f"queues/{self.name}/{QUEUE}", {"durable": True, "arguments": arguments})
        binding = {"routing_key": "learning.skill.distill"}
        self.manage("POST", f"bindings/{self.name}/e/learning.skill/q/{QUEUE}", binding)

    def answers(self, path: str) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2).close()
            return True
        except OSError:
            return False

    def api(self, method: str, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1{path}", method=method, data=json.dumps(body).encode()
        )
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=15) as answer:
            return json.load(answer)["data"]
