"""Memory of a run that goes on: connection churn for minutes of captured time, RSS each minute.

    python -m benchmarks.soak [--minutes 21] [--rate 500] [--idle 120] [--csv DIR]

Whole TCP connections with a handshake, messages, pings and closes are crafted in memory and
pushed through the pipeline as a live run would, as fast as it takes them, with time stamps as
real ones. One in a hundred is never closed, one in a hundred is refused, one in fifty is plain
HTTP. A minute's figure is the most of its seconds: reports leave in blocks. Fails where memory
is ever more than 10 % above that of minute 2.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import ctypes
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from analyzer.capture.records import RECORD, RecordBatch
from analyzer.columns import empty
from analyzer.live.watch import WatchRequest, build_observers, live_options
from analyzer.options import Options
from analyzer.pipeline import Pipeline
from analyzer.report.observer import CaptureStats

SECOND = 1_000_000_000
MS = 1_000_000
EPOCH = 1_750_000_000 * SECOND
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
KEY = b"AAAAAAAAAAAAAAAAAAAAAA=="
ACCEPT = b"AAAAAAAAAAAAAAAAAAAAAAAAAAA="
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CLIENT, SERVER = 0, 1
STRIDE = 512

REQUEST = (
    b"GET /feed?room=7 HTTP/1.1\r\nHost: ws.example.com\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nUser-Agent: soak/1.0\r\nSec-WebSocket-Key: " + KEY + b"\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
)
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
GET = b"GET /news?since=1 HTTP/1.1\r\nHost: ws.example.com\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"


def frame(opcode: int, payload: bytes, mask: bytes = b"") -> bytes:
    """Return a final frame of less than 126 bytes (RFC 6455 5.2)."""
    length = len(payload) | (0x80 if mask else 0)
    shown = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)) if mask else payload
    return bytes([0x80 | opcode, length]) + mask + shown


@dataclass
class Template:
    """A connection's packets: times (ns from its begin), bytes, and where its ends stand."""

    times: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    data: npt.NDArray[np.uint8]  # packets, STRIDE
    senders: list[int]
    key: tuple[int, int] | None
    accept: tuple[int, int] | None


def conversation(talk: list[tuple[int, bytes]], *, close: bool = True) -> Template:
    """Return the packets of a connection in which the sides say `talk`, 20 ms each."""
    sequence, packets = [1000, 5000], []
    steps: list[tuple[int, int, bytes]] = [(CLIENT, SYN, b""), (SERVER, SYN | ACK, b"")]
    steps += [(CLIENT, ACK, b""), *((who, PSH | ACK, what) for who, what in talk)]
    if close:
        steps += [(CLIENT, FIN | ACK, b""), (SERVER, FIN | ACK, b"")]
    steps.append((CLIENT, ACK, b""))
    for who, flags, payload in steps:
        packets.append(packet(who, sequence, flags, payload))
        sequence[who] += len(payload) + (1 if flags & (SYN | FIN) else 0)
    data = np.zeros((len(packets), STRIDE), np.uint8)
    for row, content in enumerate(packets):
        data[row, : len(content)] = np.frombuffer(content, np.uint8)
    return Template(
        np.arange(len(packets)) * 20 * MS,
        np.array([len(content) for content in packets]),
        data,
        [who for who, _, _ in steps],
        found(packets, KEY),
        found(packets, ACCEPT),
    )


def found(packets: list[bytes], text: bytes) -> tuple[int, int] | None:
    """Return the packet that holds a text, and where."""
    for row, content in enumerate(packets):
        if text in content:
            return row, content.index(text)
    return None


def packet(who: int, sequence: list[int], flags: int, payload: bytes) -> bytes:
    """Return an Ethernet frame with IPv4 and TCP; the client's address comes later."""
    client, server = bytes(4), bytes([10, 0, 0, 1])
    ends = (client, server) if who == CLIENT else (server, client)
    ports = (0, 8080) if who == CLIENT else (8080, 0)
    length = 40 + len(payload)
    ip = bytes([0x45, 0]) + length.to_bytes(2, "big") + bytes([0, 0, 0x40, 0, 64, 6, 0, 0])
    acknowledged = sequence[1 - who] if flags & ACK else 0
    tcp = b"".join(number.to_bytes(2, "big") for number in ports)
    tcp += sequence[who].to_bytes(4, "big") + acknowledged.to_bytes(4, "big")
    tcp += bytes([0x50, flags]) + (65535).to_bytes(2, "big") + bytes(4)
    return bytes(12) + b"\x08\x00" + ip + ends[0] + ends[1] + tcp + payload


def templates() -> dict[str, Template]:
    """Return the kinds of connections."""
    opening = [(CLIENT, REQUEST), (SERVER, SWITCH)]
    talk = []
    for turn in range(6):
        mask = hashlib.sha256(bytes([turn])).digest()[:4]
        talk += [
            (CLIENT, frame(1, b'{"say":"hello","n":%d}' % turn, mask)),
            (SERVER, frame(1, b'{"heard":"hello","to":"everybody","n":%d}' % turn)),
        ]
    ping = [(SERVER, frame(9, b"beat")), (CLIENT, frame(10, b"beat", b"\x01\x92\x33\x74"))]
    bye = [(CLIENT, frame(8, b"\x03\xe8", b"\x81\x12\x53\xd4")), (SERVER, frame(8, b"\x03\xe8"))]
    return {
        "whole": conversation([*opening, *talk, *ping, *bye]),
        "left open": conversation([*opening, *talk], close=False),
        "refused": conversation([(CLIENT, REQUEST), (SERVER, REFUSAL)]),
        "http": conversation([(CLIENT, GET), (SERVER, ANSWER)] * 2),
    }


class Churn:
    """Makes one batch of packets after the other.

    Args:
        rate: connections a second.
        epoch: ns: time of the first packet.
    """

    def __init__(self, rate: int, epoch: int = EPOCH) -> None:
        self.rate = rate
        self.packets = self.connections = 0
        self._second = epoch
        self._templates = templates()
        self._rows = np.zeros(0, RECORD)
        self._data = np.zeros((0, STRIDE), np.uint8)

    def kind_of(self, number: int) -> str:
        """Return what a connection is, by its number."""
        for kind, each, place in (("left open", 100, 7), ("refused", 100, 31), ("http", 50, 11)):
            if number % each == place:
                return kind
        return "whole"

    def second(self) -> RecordBatch:
        """Return the packets of the next second, in order of time."""
        rows, blocks = [self._rows], [self._data]
        for place in range(self.rate):
            begin = self._second + place * SECOND // self.rate
            self._add(self.connections, begin, rows, blocks)
            self.connections += 1
        self._second += SECOND
        every, data = np.concatenate(rows), np.concatenate(blocks)
        order = np.argsort(every["time"], kind="stable")
        due = int(np.searchsorted(every["time"][order], self._second))
        now, later = order[:due], order[due:]
        self._rows, self._data = every.take(later), data[later]
        taken = every.take(now)
        taken["start"] = np.arange(due) * STRIDE
        taken["packet"] = self.packets + 1 + np.arange(due)
        self.packets += due
        flat = np.concatenate((data[now].ravel(), np.zeros(4096, np.uint8)))
        return RecordBatch(taken, flat, due * STRIDE)

    def _add(self, number: int, begin: int, rows: list, blocks: list) -> None:  # type: ignore[type-arg]
        template = self._templates[self.kind_of(number)]
        data = template.data.copy()
        address = np.frombuffer((0x0A010000 + number // 50_000).to_bytes(4, "big"), np.uint8)
        port = np.frombuffer((10_000 + number % 50_000).to_bytes(2, "big"), np.uint8)
        for row, who in enumerate(template.senders):
            at = 26 if who == CLIENT else 30
            data[row, at : at + 4] = address
            at = 34 if who == CLIENT else 36
            data[row, at : at + 2] = port
        key = base64.b64encode(number.to_bytes(16, "big"))
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        for place, text in ((template.key, key), (template.accept, accept)):
            if place is not None:
                data[place[0], place[1] : place[1] + len(text)] = np.frombuffer(text, np.uint8)
        records = empty(RECORD, len(data))
        records["time"] = begin + template.times
        records["captured"] = records["original"] = template.lengths
        records["link_type"] = 1
        rows.append(records)
        blocks.append(data)


def tenths(second: RecordBatch) -> Iterator[RecordBatch]:
    """Yield the packets of a second as a live run would get them, ten batches each."""
    rows, data = second.rows, second.data
    bounds = np.linspace(0, len(rows), 11).astype(int).tolist()
    for begin, end in pairwise(bounds):
        some = rows[begin:end].copy()
        some["start"] = np.arange(end - begin) * STRIDE
        used = (end - begin) * STRIDE
        room = np.zeros(used + 4096, np.uint8)
        room[:used] = data[begin * STRIDE : end * STRIDE]
        yield RecordBatch(some, room, used)


def return_large_blocks() -> None:
    """Let the C library return blocks of a MB when they are freed.

    It would else learn from the large blocks that packets are crafted in to take them from its
    heap (mallopt(3), M_MMAP_THRESHOLD), among what the analysis keeps: their holes would count.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(-3, 1 << 20)


def resident_bytes() -> int:
    """Return the resident memory of this process (proc(5), statm)."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=21)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--idle", type=float, default=120.0)
    parser.add_argument("--csv", default=None, help="write rotating CSV there as well")
    arguments = parser.parse_args()
    return_large_blocks()
    options = live_options(Options(max_idle_s=arguments.idle))
    request = WatchRequest(
        source="soak",
        events="handshakes,messages,pings,closes,findings",
        events_stream=open(os.devnull, "wb"),  # noqa: SIM115
        metrics=":0",
        csv=arguments.csv,
        rotate="5m" if arguments.csv else None,
    )
    observers = build_observers(request)
    pipeline = Pipeline(options, observers)
    churn = Churn(arguments.rate)
    kept: dict[int, int] = {}
    begun = time.monotonic()
    print("minute  packets  connections  tracked  rss MB  held MB  seconds", flush=True)
    for minute in range(1, arguments.minutes + 1):
        kept[minute] = 0
        for _ in range(60):
            for records in tenths(churn.second()):
                pipeline.push(records)
            now = pipeline.summary.capture.last_time
            pipeline.tick(now)
            stats = CaptureStats(churn.packets, 0, churn.packets)
            for observer in observers:
                observer.tick(now, stats)
            kept[minute] = max(kept[minute], resident_bytes())
        shot = pipeline.snapshot()
        print(
            f"{minute:6} {churn.packets:8} {churn.connections:12} {shot.tcp_connections:8} "
            f"{kept[minute] / 1e6:7.1f} {sum(shot.held_bytes.values()) / 1e6:8.1f} "
            f"{time.monotonic() - begun:8.0f}",
            flush=True,
        )
    pipeline.finish()
    for observer in observers:
        observer.close()
    first = kept.get(2, kept[1])
    growth = max(kept.values()) / first - 1
    print(f"most memory is {100 * growth:+.1f} % beside minute 2", flush=True)
    return int(growth > 0.10)


if __name__ == "__main__":
    sys.exit(main())
