"""What a page speaks of beyond what every page finds, what its reader does between two blocks, and what is looked at at its end."""

import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pages
import pytest
from markdown import Block
from world import World, eventually, free_port

# --- docs/api.md


def object_store(world: World) -> dict[str, str]:
    keys = {"NANIO_ACCESS_KEY": "docs", "NANIO_SECRET_KEY": "docs-secret"}
    port, folder = free_port(), world.scratch / "objects"
    (folder / "docs").mkdir(parents=True)
    world.environment |= keys
    command = ["nanio", "serve", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder)]
    world.start(command, "nanio", is_lasting=True)
    return {
        "S3_ENDPOINT": f"http://127.0.0.1:{port}",
        "S3_BUCKET": "docs",
        "S3_ACCESS_KEY": keys["NANIO_ACCESS_KEY"],
        "S3_SECRET_KEY": keys["NANIO_SECRET_KEY"],
    }


def a_skill_and_a_log(world: World) -> None:
    (world.scratch / "build.log").write_text("all green\n")
    world.substitutions["@build.log"] = f"@{world.scratch}/build.log"
    world.environment["SKILL"] = world.sql("""
        WITH disk AS (INSERT INTO disks (project_id) SELECT id FROM projects RETURNING *)
        INSERT INTO agent_skills (project_id, name, disk_id) SELECT project_id, 'reports', id FROM disk RETURNING id
    """)


def all_anew(world: World, block: Block) -> None:
    """Each block may change and delete what it speaks of."""
    world.api("POST", "/session", {"user": "anna@example.org"})
    world.make_task()
    if "/learn " in block.text:
        world.sql("DELETE FROM learning_space_sessions")
    messages = f"/session/{world.environment['SESSION']}/messages"
    world.environment["MESSAGE"] = world.api("POST", messages, {"blob": {"role": "user", "content": "Hello"}})["id"]
    # What the page's shell has is stronger than the environment.
    with open(world.state, "a") as state:
        for name in ("SESSION", "SPACE", "TASK", "MESSAGE"):
            state.write(f"export {name}={world.environment[name]}\n")


# --- docs/configuration.md


def a_free_port(world: World) -> None:
    world.substitutions["port: 8029"] = f"port: {world.port}"


# --- docs/guarantees.md


def a_message(world: World) -> None:
    world.substitutions["VALUES ($1)"] = "VALUES (gen_random_uuid())"


# --- docs/outbox-admin.md


def a_past(world: World) -> None:
    """Events that died, today and a week ago, and one that was delivered between two hours and one hour ago."""
    world.sql("""
        CREATE FUNCTION pg_temp.event(age interval) RETURNS uuid LANGUAGE sql AS $$
            INSERT INTO skillrelay.outbox (id, exchange, routing_key, type, payload, created_at)
            VALUES (skillrelay.uuid7_floor(now() - age), 'learning.skill', 'learning.skill.distill', 'SkillLearnTask',
                '{"project_id":"…"}', now() - age) RETURNING id
        $$;
        INSERT INTO skillrelay.outbox_dead (id, attempts, last_error, died_at)
        SELECT pg_temp.event(age), 5, error, now() - age
        FROM (VALUES ('1 minute'::interval, '406 PRECONDITION_FAILED'), ('8 days', 'a test')) AS dead (age, error);
        INSERT INTO skillrelay.outbox_deliveries (least, greatest, ids, confirmed_at)
        SELECT id, id, ARRAY[id], now() - interval '90 minutes' FROM pg_temp.event('90 minutes') AS id
    """)
    event = world.sql("SELECT max(id::text) FROM skillrelay.outbox")
    world.substitutions["019a5c40-2f00-7a6e-9d33-0f5e1c2b7a90"] = event


# --- docs/your-own-service.md


def a_role_that_only_writes(world: World) -> None:
    """What the page has it granted is enough to write an event, and too little to read one."""
    enqueue = f"SET ROLE {world.name}; SELECT skillrelay.enqueue('shop', 'order.placed', '{{}}')"
    assert world.psql(world.admin_url, enqueue)
    with pytest.raises(AssertionError, match="permission denied"):
        world.psql(world.admin_url, f"SET ROLE {world.name}; SELECT payload FROM skillrelay.outbox")


# --- docs/in-front-of-acontext.md


class Acontext(BaseHTTPRequestHandler):
    """Stands in for Acontext's API: says that a request came here."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({"code": 0, "msg": f"Acontext: {self.command} {self.path}"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        pass


def acontext(world: World) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Acontext)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    world.proxies = {"nginx": free_port(), "caddy": free_port()}
    port = free_port()
    world.substitutions |= {
        "127.0.0.1:8029": f"127.0.0.1:{server.server_port}",
        "127.0.0.1:8030": f"127.0.0.1:{port}",
        "SKILLRELAY_PORT=8030": f"SKILLRELAY_PORT={port}",
        "listen 8080": f"listen 127.0.0.1:{world.proxies['nginx']}",
        "http://:8080": f"http://127.0.0.1:{world.proxies['caddy']}",
        "127.0.0.1:8080": f"127.0.0.1:{world.proxies['nginx']}",
    }


def one_route_is_ours(world: World) -> None:
    """Through either proxy a status change comes here, and everything else goes to Acontext."""
    ids = {name: world.environment[name.removesuffix("_id").upper()] for name in ("session_id", "task_id")}
    document = json.loads(pages.file("Sources/Assets/Resources/openapi.json").read_text())
    ours = ("patch", "/api/v1/session/{session_id}/task/{task_id}/status")
    routes = [(m, p) for p, item in document["paths"].items() for m in item if m != "parameters"]
    assert ours in routes
    for name, port in world.proxies.items():
        for method, path in [*routes, ("get", "/api/v1/agent_skills"), ("delete", "/api/v1/disk/1")]:
            for key in ids:
                path = path.replace(f"{{{key}}}", ids[key])
            answer = through(port, method.upper(), path, world.token)
            if path.endswith("/status") and "/task/" in path:
                assert answer["data"]["status"] == "failed", f"{name}: {method} {path}: {answer}"
            else:
                assert answer["msg"] == f"Acontext: {method.upper()} {path}", f"{name}: {method} {path}: {answer}"


def through(port: int, method: str, path: str, token: str) -> dict:
    body = None if method == "GET" else b'{"status": "failed"}'
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, data=body)
    request.add_header("Authorization", f"Bearer {token}")

    def answer() -> dict | None:
        try:
            with urllib.request.urlopen(request, timeout=15) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            return json.load(error)
        except OSError:
            return None  # the proxy is not up yet

    return eventually(f"an answer through port {port}", answer)


SETTINGS = {"docs/api.md": object_store}
PREPARATIONS = {
    "docs/api.md": a_skill_and_a_log,
    "docs/configuration.md": a_free_port,
    "docs/guarantees.md": a_message,
    "docs/in-front-of-acontext.md": acontext,
    "docs/outbox-admin.md": a_past,
    "docs/your-own-service.md": World.make_role,
}
EACH = {"docs/api.md": all_anew}
AFTERWARDS = {
    "docs/in-front-of-acontext.md": one_route_is_ours,
    "docs/your-own-service.md": a_role_that_only_writes,
}
