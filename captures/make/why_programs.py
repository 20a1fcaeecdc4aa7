"""Programs of the recordings of why.py: nginx, Python websockets, and ends made of raw sockets."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import netns
import recording

HOST = "127.0.0.1"
FRONT, MIDDLE, BACK = 9107, 9108, 9109
KEY = base64.b64encode(b"sixteen bytes ok").decode()
ACCEPT = "sS6+hkHLNmx272H8MGJ53hjxnOA="

NGINX = """
daemon off; user root; pid %(folder)s/pid; error_log %(folder)s/error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  %(servers)s
}
"""
HOP = """server { listen 127.0.0.1:%d; location / { proxy_pass http://127.0.0.1:%d; %s } }"""
UPGRADES = """proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection "upgrade"; proxy_set_header Host $http_host; """


Scenario = Callable[[Path], None]
SCENARIOS: dict[str, tuple[Scenario, str, list[str], dict[str, Any]]] = {}


def scenario(name: str, right: list[str], **facts: Any) -> Callable[[Scenario], Scenario]:
    """Enter a scenario: its capture, the ids that are right, and what was asked of the programs."""

    def enter(run: Scenario) -> Scenario:
        assert run.__doc__
        SCENARIOS[name] = (run, run.__doc__.splitlines()[0], right, facts)
        return run

    return enter


@contextlib.contextmanager
def nginx(*servers: str) -> Iterator[None]:
    """Run nginx with some servers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nginx.conf"
        path.write_text(NGINX % {"folder": folder, "servers": "\n".join(servers)})
        process = subprocess.Popen(
            ["nginx", "-c", str(path), "-e", f"{folder}/start.log"], stderr=subprocess.DEVNULL
        )
        time.sleep(0.7)
        try:
            yield
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait()


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 60))


def serve(handler: Any, port: int = BACK, **more: Any) -> Any:
    from websockets.asyncio.server import serve

    options = {"ping_interval": None, "compression": None} | more
    return serve(handler, HOST, port, **options)


def connect(port: int, path: str = "/ws", **more: Any) -> Any:
    from websockets.asyncio.client import connect

    options = {"ping_interval": None, "compression": None, "proxy": None} | more
    return connect(f"ws://{HOST}:{port}{path}", **options)


async def echo(end: Any) -> None:
    async for data in end:
        await end.send(data)


def frame(payload: bytes, key: bytes = b"") -> bytes:
    """A text frame, masked if there is a key (RFC 6455 5.2)."""
    size = len(payload)
    head = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
    head = bytes([0x81, head[0] | (0x80 if key else 0)]) + head[1:]
    return (
        head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
        if key
        else (head + payload)
    )


def answer_upgrade(end: socket.socket) -> None:
    """Read the request that `ask_upgrade` sends, and answer it."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        seen += end.recv(4096)
    lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
             f"Sec-WebSocket-Accept: {ACCEPT}", "", "")  # fmt: skip
    end.sendall("\r\n".join(lines).encode())


def ask_upgrade(end: socket.socket) -> None:
    lines = ("GET /ws HTTP/1.1", "Host: why.example.test", "Upgrade: websocket",
             "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13",
             "", "")  # fmt: skip
    end.sendall("\r\n".join(lines).encode())
    seen = b""
    while b"\r\n\r\n" not in seen:
        seen += end.recv(4096)


def recorded_apart(
    path: Path, serve: list[str], ask: list[str], *, delay: float, halt: float = 0
) -> None:
    """Record what two programs say over a forwarded way (netns.forwarded), seen at the server."""
    with netns.forwarded(delay=delay, halt=halt):
        server = subprocess.Popen([*netns.inside(netns.B), *serve])
        try:
            time.sleep(1)
            with recording.capture(path, interface="tun0", prefix=netns.inside(netns.B)):
                subprocess.run([*netns.inside(netns.A), *ask], check=True, timeout=60)
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()
