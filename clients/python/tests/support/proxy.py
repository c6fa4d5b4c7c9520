"""A network that breaks where a test says: a TCP proxy before the service."""

from __future__ import annotations

import contextlib
import enum
import re
import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from urllib.parse import urlsplit


class Fault(enum.Enum):
    """What becomes of a connection. After all but the first the service has the request, and does what it asks."""

    REFUSED = "reset before anything was sent"
    CUT = "reset when the request was sent"
    LOST = "reset when the service had answered"
    HALF = "reset in the middle of the answer"
    SILENT = "no answer, and no end"


class Proxy:
    """Each new connection suffers the next of `faults`; when there are none left, none."""

    def __init__(self, target: str) -> None:
        address = urlsplit(target)
        self._target = (address.hostname, address.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api/v1"
        self.faults: deque[Fault] = deque()
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # Wakes the thread that accepts; closing alone does not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                fault = self.faults.popleft() if self.faults else None
                threading.Thread(target=self._serve, args=(client, fault), daemon=True).start()

    def _serve(self, client: socket.socket, fault: Fault | None) -> None:
        if fault is Fault.REFUSED:
            _reset(client)
            return
        with socket.create_connection(self._target) as service, contextlib.suppress(OSError):
            if fault is None:
                _pump(client, service)
                return
            service.sendall(_message(client))
            if fault is Fault.CUT:
                _reset(client)
            answer = _message(service)
            if fault is Fault.HALF:
                client.sendall(answer[: len(answer) // 2])
            if fault is Fault.SILENT:
                client.recv(1)
            _reset(client)


def _pump(one: socket.socket, other: socket.socket) -> None:
    with one, other:
        while True:
            for source in select.select([one, other], [], [])[0]:
                data = source.recv(65536)
                if not data:
                    return
                (other if source is one else one).sendall(data)


def _message(source: socket.socket) -> bytes:
    """One HTTP message with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(source)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    while len(body) < int(length[1] if length else 0):
        body += _some(source)
    return head + b"\r\n\r\n" + body


def _some(source: socket.socket) -> bytes:
    data = source.recv(65536)
    if not data:
        raise ConnectionError("ended")
    return data


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Not lingering for a moment: closing sends a reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


@contextlib.contextmanager
def proxy_before(target: str) -> Iterator[Proxy]:
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
