"""Captures of protocols whose programs are not at hand: both ends say what is planned here.

The messages are written after the specifications, over real WebSocket by the package websockets:
Kubernetes' channels (v4 and v5), RFB as noVNC carries it, a tunnel of SSH, a feed of prices.
"""

from __future__ import annotations

import asyncio
import json
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import recording
import websockets
from asked import asked
from said import Said, Watched
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

PORT = 9040
PAUSE = 0.01


@dataclass(frozen=True)
class Line:
    """One message: who sends it, and its kind, name and id by its protocol."""

    who: str
    data: str | bytes
    kind: str | None
    name: str | None = None
    id: str | int | None = None
    pause: float = PAUSE


@dataclass(frozen=True)
class Talk:
    """A connection as planned."""

    inner: str
    path: str
    subprotocol: str | None
    lines: Sequence[Line]
    text: str


def kubernetes(version: int) -> Talk:
    """`kubectl exec -it`: the first byte is the channel; v5 closes a channel by 255."""
    status = {"metadata": {}, "status": "Success"}
    lines = [
        Line("client", b"\x04" + json.dumps({"Width": 80, "Height": 24}).encode(), "resize"),
        Line("server", b"\x01" + b"/ # ", "stdout"),
        *[Line("client", b"\x00" + bytes([key]), "stdin") for key in b"ls -l\r"],
        Line("server", b"\x01" + b"total 0\r\n-rw-r--r-- 1 root root 0 a\r\n/ # ", "stdout"),
        Line("server", b"\x02" + "größer: not found\n".encode(), "stderr"),
        Line("client", b"\x04" + json.dumps({"Width": 100, "Height": 30}).encode(), "resize"),
        Line("client", b"\x00exit\r", "stdin"),
    ]
    if version == 5:
        lines.append(Line("client", b"\xff\x00", "close", "stdin"))
    lines.append(Line("server", b"\x03" + json.dumps(status).encode(), "error"))
    return Talk(
        "kubernetes",
        "/api/v1/namespaces/default/pods/web/exec?command=sh&stdin=true&stdout=true&tty=true",
        f"v{version}.channel.k8s.io",
        lines,
        f"Kubernetes exec over v{version}.channel.k8s.io: stdin, stdout, stderr, resize, error"
        + (", close of stdin" if version == 5 else ""),
    )


def rfb() -> Talk:
    """RFC 6143: version, security None, ClientInit, ServerInit, then updates."""
    name = b"desk"
    init = struct.pack(">HH16sI", 64, 48, bytes(16), len(name)) + name
    request = struct.pack(">BBHHHH", 3, 1, 0, 0, 64, 48)
    update = struct.pack(">BBHHHHHi", 0, 0, 1, 0, 0, 4, 4, 0) + bytes(4 * 4 * 4)
    client = (b"RFB 003.008\n", b"\x01", b"\x01", request, struct.pack(">BBxxI", 4, 1, 0x61))
    server = (b"\x01\x01", bytes(4), init, update, update)
    lines = [Line("server", b"RFB 003.008\n", None)]
    for wanted, given in zip(client, server, strict=True):
        lines += [Line("client", wanted, None), Line("server", given, None)]
    return Talk("rfb", "/websockify", "binary", lines, "RFB 3.8 as noVNC and websockify carry it")


def ssh() -> Talk:
    """A tunnel: the identification strings of SSH (RFC 4253 4.2), then sealed packets."""
    lines = [
        Line("server", b"SSH-2.0-OpenSSH_9.2\r\n", None),
        Line("client", b"SSH-2.0-OpenSSH_9.6\r\n", None),
    ]
    for number in range(8):
        body = recording.hashlib.sha256(bytes([number])).digest() * (number + 2)
        lines.append(Line(("client", "server")[number % 2], body, None))
    return Talk("ssh", "/tunnel", None, lines, "a tunnel that carries SSH, each write a message")


def feed() -> Talk:
    """A feed of prices: requests by id, events by stream, as exchanges have them."""
    ask = {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@trade"], "id": 1}
    leave = {"method": "UNSUBSCRIBE", "params": ["ethusdt@trade"], "id": 2}
    lines = [
        Line("client", json.dumps(ask), "json", "SUBSCRIBE", 1),
        Line("server", json.dumps({"result": None, "id": 1}), "json", None, 1, 0.04),
    ]
    for number in range(40):
        kind = ("trade", "trade", "depthUpdate")[number % 3]
        event = {"e": kind, "E": 1795885000000 + number, "s": ("BTCUSDT", "ETHUSDT")[number % 2],
                 "p": f"{90000 + number}.10", "q": "0.5"}  # fmt: skip
        lines.append(Line("server", json.dumps(event), "json", kind, None, 0.005))
    lines += [
        Line("client", json.dumps(leave), "json", "UNSUBSCRIBE", 2),
        Line("server", json.dumps({"result": None, "id": 2}), "json", None, 2, 0.02),
    ]
    return Talk("json", "/ws", None, lines, "a feed of prices in JSON, as exchanges have it")


def words_and_json() -> Talk:
    """A feed whose client says words, and whose server says JSON in several forms.

    As exchanges document them: the channel of a change, an argument with the channel, an array
    with a word behind the data, arrays of objects; in text and in binary messages.
    """
    lines = [Line("server", b'{"op":10,"d":{"heartbeat_interval":41250}}', "json", "10")]
    for number in range(8):
        trades = [{"ev": "T", "sym": "MSFT", "p": number}]
        forms = (
            ({"channel": "ticker", "type": "update", "data": [{"bid": number}]}, "ticker"),
            ({"arg": {"channel": "books5", "instId": "BTC-USDT"}, "data": [number]}, "books5"),
            ([321, [[f"{number}.10", "0.5"]], "trade", "XBT/USD"], "trade"),
            (trades, "T"),
        )
        for value, name in forms:
            text = json.dumps(value, indent=1 if number == 3 else None)
            data = text.encode() if number % 2 else text
            lines.append(Line("server", data, "json", name, None, 0.005))
        lines += [Line("client", f"SUB {number}", None), Line("client", "ping", "heartbeat")]
        lines.append(Line("server", "pong", "heartbeat"))
    return Talk(
        "json",
        "/feed",
        None,
        lines,
        "a feed in several forms of JSON, whose client says words; ping and pong in words",
    )


TALKS = {
    "kubernetes-v4": kubernetes(4),
    "kubernetes-v5": kubernetes(5),
    "rfb": rfb(),
    "tunnel-ssh": ssh(),
    "price-feed": feed(),
    "feed-forms": words_and_json(),
}


async def play(talk: Talk, log: Said) -> None:
    """Both ends in one task: a line is sent when the one before has arrived."""
    arrived: asyncio.Queue[ServerConnection] = asyncio.Queue()
    over = asyncio.Event()

    async def handle(connection: ServerConnection) -> None:
        await arrived.put(connection)
        await over.wait()

    protocols = [talk.subprotocol] if talk.subprotocol else None
    async with serve(handle, "127.0.0.1", PORT, subprotocols=protocols, compression=None):
        url = f"ws://127.0.0.1:{PORT}{talk.path}"
        async with connect(url, subprotocols=protocols, compression=None) as connection:
            ends = {"client": Watched(connection, "client", log)}
            ends["server"] = Watched(await arrived.get(), "server", log)
            log.add(ends["client"].port, "client", "speaks", inner=talk.inner)
            for line in talk.lines:
                await asyncio.sleep(line.pause)
                port, other = ends["client"].port, {"client": "server", "server": "client"}
                if line.kind:
                    log.say(port, line.who, talk.inner, line.kind, line.name, id=line.id)
                await ends[line.who].send(line.data)
                assert await ends[other[line.who]].recv() == line.data
            await ends["client"].close(1000, "")
            over.set()


def main() -> None:
    names = asked(__doc__, TALKS)
    recording.isolate()
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            talk = TALKS[name]
            path, log = Path(folder) / f"{name}.pcap", Said()
            with recording.capture(path):
                asyncio.run(play(talk, log))
            recording.publish(
                path,
                path.name,
                description=f"{talk.text}; written after the specification, not by its programs",
                generator="inside_made.py",
                programs=[f"Python websockets {websockets.__version__}"],
                events=log.events,
            )


if __name__ == "__main__":
    main()
