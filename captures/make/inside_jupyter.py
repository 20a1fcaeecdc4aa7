"""Capture of Jupyter: a real server and kernel, asked over the channels' WebSocket.

The client is written here with the package websockets; jupyter_client makes and signs nothing,
as the server does that. The subprotocol is v1.kernel.websocket.jupyter.org.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

import recording
from asked import asked
from said import Said, Watched
from websockets.asyncio.client import connect

PORT = 9027
TOKEN = "t0ken"
INNER = "jupyter"
SUBPROTOCOL = "v1.kernel.websocket.jupyter.org"
CODES = {
    "shell": [
        ("kernel_info_request", {}),
        ("execute_request", {"code": "1 + 1"}),
        ("execute_request", {"code": "import time; time.sleep(0.15); print('slept')"}),
        ("execute_request", {"code": "for n in range(3): print(n, flush=True)"}),
        ("execute_request", {"code": "raise ValueError('no')"}),
        ("complete_request", {"code": "pri", "cursor_pos": 3}),
        ("inspect_request", {"code": "print", "cursor_pos": 5, "detail_level": 0}),
    ],
}
EXECUTE = {"silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
           "stop_on_error": True}  # fmt: skip


def pack(message: dict[str, Any]) -> bytes:
    """One message, with offsets of its parts before them."""
    names = ("header", "parent_header", "metadata", "content")
    parts = [message["channel"].encode(), *(json.dumps(message[name]).encode() for name in names)]
    offsets, at = [], 8 * (len(parts) + 2)
    for part in parts:
        offsets.append(at)
        at += len(part)
    offsets.append(at)
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(parts)


def unpack(data: str | bytes) -> dict[str, Any]:
    assert isinstance(data, bytes)
    (count,) = struct.unpack_from("<Q", data)
    offsets = struct.unpack_from(f"<{count}Q", data, 8)
    channel, header, parent, metadata, content = (
        data[start:stop] for start, stop in itertools.pairwise(offsets[:6])
    )
    names = ("header", "parent_header", "metadata", "content")
    values = map(json.loads, (header, parent, metadata, content))
    return {"channel": channel.decode(), **dict(zip(names, values, strict=True))}


def tell(log: Said, port: int, who: str, message: dict[str, Any]) -> None:
    log.say(
        port,
        who,
        INNER,
        "message",
        message["header"]["msg_type"],
        topic=message["channel"],
        id=message["header"]["msg_id"],
        reply_to=(message["parent_header"] or {}).get("msg_id"),
    )


async def converse(kernel: str, log: Said) -> None:
    url = f"ws://127.0.0.1:{PORT}/api/kernels/{kernel}/channels?token={TOKEN}&session_id=s1"
    client = connect(url, subprotocols=[SUBPROTOCOL], compression=None, ping_interval=None)
    async with client as connection:
        end = Watched(connection, "client", log)
        for number, (kind, content) in enumerate(CODES["shell"], 1):
            header = {"msg_id": f"m{number}", "msg_type": kind, "username": "u", "session": "s1",
                      "date": "2026-11-28T12:00:00Z", "version": "5.3"}  # fmt: skip
            content = {**EXECUTE, **content} if kind == "execute_request" else content
            message = {"header": header, "parent_header": {}, "metadata": {}, "content": content,
                       "channel": "shell"}  # fmt: skip
            asked_at = time.time()
            tell(log, end.port, "client", message)
            await end.send(pack(message))
            answered_at, outcome, idle = None, "", False
            while not (answered_at and idle):
                got = unpack(await end.recv())
                tell(log, end.port, "server", got)
                mine = (got["parent_header"] or {}).get("msg_id") == header["msg_id"]
                if mine and got["header"]["msg_type"] == kind.replace("request", "reply"):
                    answered_at, outcome = time.time(), got["content"].get("status", "ok")
                idle |= mine and got["content"].get("execution_state") == "idle"
            log.add(end.port, "client", "call", inner=INNER, name=kind, id=header["msg_id"],
                    outcome=outcome, asked_at=asked_at, answered_at=answered_at)  # fmt: skip
        await end.close(1000, "")


def api(path: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}{path}", body, {"Authorization": f"token {TOKEN}"}
    )
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read())


def main() -> None:
    asked(__doc__)
    recording.isolate()
    programs = [f"Python {name} {version(name)}" for name in ("jupyter_server", "ipykernel")]
    programs.append(f"Python websockets {version('websockets')}")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jupyter_server", "--allow-root", f"--port={PORT}",
                   "--ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}",
                   f"--ServerApp.root_dir={folder}", "--no-browser",
                   "--KernelManager.transport=ipc"]  # fmt: skip
        environment = {**os.environ, "HOME": folder, "JUPYTER_RUNTIME_DIR": f"{folder}/run"}
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as server:
            try:
                for _ in range(200):
                    time.sleep(0.5)
                    try:
                        kernel = api("/api/kernels", b"{}")["id"]
                        break
                    except OSError:
                        continue
                time.sleep(3)
                path, log = Path(folder) / "jupyter-v1.pcap", Said()
                with recording.capture(path, pattern=f"tcp port {PORT}"):
                    asyncio.run(converse(kernel, log))
                recording.publish(
                    path,
                    path.name,
                    description=f"Jupyter's kernel channels (subprotocol {SUBPROTOCOL}): code that"
                    " runs, sleeps, prints and fails, completion",
                    generator="inside_jupyter.py",
                    programs=programs,
                    events=log.events,
                )
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
