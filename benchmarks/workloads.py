"""The capture files that the benchmarks measure, made from a fixed seed.

Each workload is one file in benchmarks/data/ (not in git, kept between runs) beside a
JSON file that says what is in it. `python -m benchmarks.workloads` makes them all and
compares each with what tshark and capinfos count.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from benchmarks import traffic
from benchmarks.traffic import CLIENT, SERVER, Ints, Plan, Pool

FOLDER = Path(__file__).parent / "data"
VERSION = 1  # part of the file names: raise it when the traffic changes
SEED = 20_250_615
TEXTS = 8  # different ones of each length
LARGE_MESSAGE = 60_000
EPOCH_PACKETS = 125_000
EPOCH_BYTES = 16_590_000  # of EPOCH_PACKETS, roughly


@dataclass
class Content:
    """What a workload holds, known from its making.

    Attributes:
        packets: in the file.
        frames: WebSocket frames, two Close frames per connection among them.
        connections: TCP connections, each upgraded.
        payload_bytes: payload of all frames as sent.
    """

    packets: int = 0
    frames: int = 0
    connections: int = 0
    payload_bytes: int = 0

    def add(self, other: Content) -> None:
        """Count `other` too."""
        self.packets += other.packets
        self.frames += other.frames
        self.connections += other.connections
        self.payload_bytes += other.payload_bytes


Payload = Callable[[np.random.Generator, Plan], tuple[bytes, Ints, int]]
"""Makes the frames of a plan: their bytes, each frame's length, payload bytes in all."""


def small_frames(random: np.random.Generator, planned: Plan) -> tuple[bytes, Ints, int]:
    """Return text frames of 20 to 120 bytes of JSON, masked where the client sends."""
    lengths = random.integers(20, 121, len(planned.side))
    texts = np.zeros((121, TEXTS, 120), np.uint8)
    for length in range(20, 121):
        for variant in range(TEXTS):
            text = f'{{"seq":{1000 + variant},"px":"'.encode()
            digits = (b"%08d" % (variant * 7_654_321)) * 16
            text += digits[: length - len(text) - 2] + b'"}'
            texts[length, variant, :length] = np.frombuffer(text, np.uint8)
    payload = texts[lengths, random.integers(0, TEXTS, len(lengths))]
    frames = np.zeros((len(lengths), 126), np.uint8)
    frames[:, 0] = 0x81
    frames[:, 1] = lengths
    sends = np.flatnonzero(planned.side == CLIENT)
    keys = random.integers(0, 256, (len(sends), 4), dtype=np.uint8)
    frames[sends, 1] |= 0x80
    frames[sends, 2:6] = keys
    frames[sends, 6:] = payload[sends] ^ np.tile(keys, 30)
    answers = np.flatnonzero(planned.side == SERVER)
    frames[answers, 2:122] = payload[answers]
    sizes = lengths + np.where(planned.side == CLIENT, 6, 2)
    used = np.arange(126) < sizes[:, None]
    return frames[used].tobytes(), sizes, int(lengths.sum())


def rpc_frames(random: np.random.Generator, planned: Plan) -> tuple[bytes, Ints, int]:
    """Return calls of JSON-RPC: a request of the client, then the answer."""
    return _calls(
        random,
        planned,
        b'{"jsonrpc":"2.0","method":"%s","params":{"user":%d,"text":"%s"},"id":%d}',
        b'{"jsonrpc":"2.0","result":{"ok":true,"user":%d,"text":"%s"},"id":%d}',
    )


def socket_io_frames(random: np.random.Generator, planned: Plan) -> tuple[bytes, Ints, int]:
    """Return events of Socket.IO with their acks."""
    return _calls(
        random, planned, b'42%d["%s",{"user":%d,"text":"%s"}]', b'43%d[{"ok":true,"user":%d}]'
    )


def _calls(
    random: np.random.Generator, planned: Plan, request: bytes, answer: bytes
) -> tuple[bytes, Ints, int]:
    names = [b"chat.send", b"room.join", b"user.typing", b"cart.add", b"price.get"]
    is_rpc = request.startswith(b"{")
    turns: dict[int, int] = {}
    frames: list[bytes] = []
    payload_bytes = 0
    for place, connection in enumerate(planned.connection.tolist()):
        turn = turns.get(connection, 0)
        turns[connection] = turn + 1
        planned.side[place] = CLIENT if turn % 2 == 0 else SERVER
        number, user = turn // 2, connection * 7 + 1000
        name, text = names[number % len(names)], b"lorem ipsum " * (1 + number % 6)
        if turn % 2 == 0:
            cells = (name, user, text, number) if is_rpc else (number, name, user, text)
            payload = request % cells
            key = random.bytes(4)
            masked = np.frombuffer(payload, np.uint8) ^ np.resize(
                np.frombuffer(key, np.uint8), len(payload)
            )
            frame = _header(0x80, len(payload)) + key + masked.tobytes()
        else:
            payload = answer % ((user, text, number) if is_rpc else (number, user))
            frame = _header(0, len(payload)) + payload
        payload_bytes += len(payload)
        frames.append(frame)
    return b"".join(frames), np.array([len(frame) for frame in frames]), payload_bytes


def _header(mask: int, length: int) -> bytes:
    if length < 126:
        return bytes([0x81, mask | length])
    return bytes([0x81, mask | 126]) + length.to_bytes(2, "big")


def http2_frames(random: np.random.Generator, planned: Plan) -> tuple[bytes, Ints, int]:
    """Return small frames, each in a DATA frame of one of the connection's streams."""
    content, sizes, payload_bytes = small_frames(random, planned)
    headers = np.zeros((len(sizes), 9), np.uint8)
    headers[:, 2] = sizes
    headers[:, 8] = np.resize(traffic.HTTP2_STREAMS, len(sizes))
    body = np.frombuffer(content, np.uint8)
    starts = np.cumsum(sizes) - sizes
    framed = np.insert(body, np.repeat(starts, 9), headers.reshape(-1))
    return framed.tobytes(), sizes + 9, payload_bytes


def large_frames(random: np.random.Generator, planned: Plan) -> tuple[bytes, Ints, int]:
    """Return masked messages of 60 kB from the client, text and binary in turn."""
    planned.side[:] = CLIENT
    count = len(planned.side)
    text = ('{"name":"reading","values":[' + ",".join(map(str, range(20_000))))[:LARGE_MESSAGE]
    bodies = (
        np.frombuffer(text.encode(), np.uint8),
        random.integers(0, 256, LARGE_MESSAGE, dtype=np.uint8),
    )
    frames = np.empty((count, 8 + LARGE_MESSAGE), np.uint8)
    keys = random.integers(0, 256, (count, 4), dtype=np.uint8)
    frames[:, 0] = np.where(np.arange(count) % 2, 0x82, 0x81)
    frames[:, 1] = 0x80 | 126
    frames[:, 2:4] = list(LARGE_MESSAGE.to_bytes(2, "big"))
    frames[:, 4:8] = keys
    for index in range(count):
        frames[index, 8:] = bodies[index % 2] ^ np.tile(keys[index], LARGE_MESSAGE // 4)
    return frames.tobytes(), np.full(count, frames.shape[1]), count * LARGE_MESSAGE


def deflated_frames(random: np.random.Generator, planned: Plan) -> tuple[bytes, Ints, int]:
    """Return texts of 100 to 400 bytes, compressed with context takeover (RFC 7692)."""
    count = len(planned.side)
    names = [f"instrument-{n:05d}" for n in range(2000)]
    picks = random.integers(0, len(names), (count, 12)).tolist()
    items = random.integers(3, 12, count).tolist()
    numbers = random.integers(10_000, 99_999, (count, 12)).tolist()
    keys = random.bytes(4 * count)
    contexts: dict[tuple[int, int], zlib._Compress] = {}
    frames: list[bytes] = []
    total = 0
    for index, where in enumerate(zip(planned.connection.tolist(), planned.side.tolist(),
                                      strict=True)):  # fmt: skip
        context = contexts.get(where) or contexts.setdefault(
            where, zlib.compressobj(1, zlib.DEFLATED, -15)
        )
        pairs = zip(picks[index][: items[index]], numbers[index], strict=False)
        fields = ",".join(f'"{names[n]}":{value}' for n, value in pairs)
        text = f'{{"type":"update","id":{index},"last":{{{fields}}}}}'.encode()
        # RFC 7692 7.2.1: sync flush, then remove the tail 00 00 ff ff.
        body = (context.compress(text) + context.flush(zlib.Z_SYNC_FLUSH))[:-4]
        total += len(body)
        masked = 0x80 if where[1] == CLIENT else 0
        size = len(body)
        head = bytes([0xC1, masked | size]) if size < 126 else bytes(
            [0xC1, masked | 126, *size.to_bytes(2, "big")]
        )  # fmt: skip
        if masked:
            key = keys[4 * index : 4 * index + 4]
            head += key
            pad = int.from_bytes((key * (size // 4 + 1))[:size], "big")
            body = (int.from_bytes(body, "big") ^ pad).to_bytes(size, "big")
        frames.append(head + body)
    return b"".join(frames), np.array([len(f) for f in frames], np.int64), total


@dataclass(frozen=True)
class Part:
    """One stretch of traffic: its connections all open in the middle of its time.

    Attributes:
        packets: exactly so many where `ack_every` is 0: pure ACKs make up the number.
        ack_every: else one pure ACK for so many data segments.
    """

    connections: int
    messages: int
    payload: Payload
    seconds: float = 60.0
    packets: int = 0
    ack_every: int = 0

    def write(self, stream: BinaryIO, index: int) -> Content:
        """Write the part as the `index`-th of its file."""
        random = np.random.default_rng([SEED, index])
        begin = traffic.EPOCH + int(index * (self.seconds + 1) * traffic.SECOND)
        planned = traffic.plan(random, self.connections, self.messages, self.seconds, begin)
        pool = Pool()
        deflate = self.payload is deflated_frames
        streams = 1
        if self.payload is http2_frames:
            streams = len(traffic.HTTP2_STREAMS)
            opened = traffic.http2_opening(random, planned, pool)
            closed = traffic.http2_closing(random, planned, pool)
        else:
            opened = traffic.opening(random, planned, pool, deflate)
            closed = traffic.closing(random, planned, pool)
        frames, sizes, payload_bytes = self.payload(random, planned)
        start = pool.add(frames) + np.cumsum(sizes) - sizes
        data = traffic.segments(planned, start, sizes)
        if self.payload is large_frames:
            data = apart(data)
        besides = len(opened) + len(closed) + len(data)
        pure = len(data) // self.ack_every if self.ack_every else self.packets - besides
        # Between segments of a burst the ACK must come before the next segment.
        latest = traffic.STEP if self.payload is large_frames else 200 * traffic.US
        pure_acks = traffic.acks(random, data, pure, latest)
        packets = np.concatenate([opened, data, pure_acks, closed])
        traffic.write(stream, random, packets, pool, index * self.connections)
        closes = 2 * streams * self.connections
        control_bytes = 2 * closes  # Close frames with a code each
        return Content(
            len(packets),
            self.messages + closes,
            self.connections,
            payload_bytes + control_bytes,
        )


def apart(data: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Keep the segments of one connection from mixing: each waits for the one before."""
    order = np.argsort(data["connection"], kind="stable")
    rows = data[order]
    # time[i] = max(time[i], time[i - 1] + STEP), connection by connection.
    shift = rows["connection"] * 3600 * traffic.SECOND - np.arange(len(rows)) * traffic.STEP
    rows["time"] = np.maximum.accumulate(rows["time"] + shift) - shift
    return rows


@dataclass(frozen=True)
class Workload:
    """One capture file.

    Attributes:
        name: of the file.
        parts: written one behind the other.
    """

    name: str
    parts: tuple[Part, ...]

    @property
    def path(self) -> Path:
        """Where the file is."""
        return FOLDER / f"{self.name}-v{VERSION}.pcap"

    def make(self) -> Content:
        """Write the file unless it is there; return what it holds."""
        about = self.path.with_suffix(".json")
        if about.exists() and self.path.exists():
            return Content(**json.loads(about.read_text()))
        FOLDER.mkdir(exist_ok=True)
        content = Content()
        with self.path.open("wb") as stream:
            stream.write(traffic.PCAP_HEADER)
            for index, part in enumerate(self.parts):
                content.add(part.write(stream, index))
        about.write_text(json.dumps(asdict(content)) + "\n")
        return content


def small(packets: int, connections: int) -> Workload:
    """Return small frames: 68 of 100 packets hold one, whatever the connections."""
    messages = packets * 68 // 100 - 2 * connections
    part = Part(connections, messages, small_frames, packets=packets)
    return Workload(f"small-{packets}-{connections}", (part,))


def large(messages: int) -> Workload:
    """Return masked messages of 60 kB on 20 connections."""
    return Workload(f"large-{messages}", (Part(20, messages, large_frames, ack_every=4),))


def deflated(messages: int) -> Workload:
    """Return compressed messages on 100 connections."""
    return Workload(f"deflated-{messages}", (Part(100, messages, deflated_frames, ack_every=3),))


def http2(messages: int) -> Workload:
    """Return small frames on 300 WebSockets over 100 connections of HTTP/2, in the clear."""
    return Workload(f"http2-{messages}", (Part(100, messages, http2_frames, ack_every=2),))


def calls(messages: int, *, socket_io: bool) -> Workload:
    """Return calls of JSON-RPC or of Socket.IO on 200 connections."""
    frames = socket_io_frames if socket_io else rpc_frames
    name = "socket-io" if socket_io else "json-rpc"
    return Workload(f"{name}-{messages}", (Part(200, messages, frames, ack_every=2),))


def long(megabytes: int) -> Workload:
    """Return small frames over ever new connections, `megabytes` in all, roughly."""
    epochs = max(1, round(megabytes * 1e6 / EPOCH_BYTES))
    part = Part(100, 85_000 - 200, small_frames, packets=EPOCH_PACKETS)
    return Workload(f"long-{megabytes}MB", (part,) * epochs)


def tiny() -> Workload:
    """Return a capture of 50 packets."""
    return Workload("tiny", (Part(1, 28, small_frames, packets=50),))


def tshark_frames(path: Path) -> list[int]:
    """Return frames, payload bytes and upgraded connections as tshark counts them."""
    fields = ["tcp.stream", "websocket.payload_length", "websocket.payload_length_ext_16"]
    command = ["tshark", "-r", str(path), "-Y", "websocket", "-T", "fields"]
    command += [word for name in fields for word in ("-e", name)]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split("\t") for line in listing.splitlines()]
    short = [int(n) for row in rows for n in row[1].split(",")]
    extended = [int(n) for row in rows for n in row[2].split(",") if n]
    # A length of 126 says that the true one follows (RFC 6455 section 5.2).
    payload_bytes = sum(n for n in short if n != 126) + sum(extended)
    return [len(short), payload_bytes, len({row[0] for row in rows})]


def capinfos_packets(path: Path) -> int:
    """Return the number of packets as capinfos counts them."""
    listing = subprocess.run(
        ["capinfos", "-T", "-M", "-r", "-c", str(path)], check=True, capture_output=True, text=True
    )
    return int(listing.stdout.split("\t")[-1])


def work_is_http2(workload: Workload) -> bool:
    """Return whether a workload is WebSocket over HTTP/2."""
    return any(part.payload is http2_frames for part in workload.parts)


def check(workload: Workload, content: Content) -> str:
    """Return "agrees", or how tshark or capinfos see the file otherwise."""
    if work_is_http2(workload):
        # tshark 4.0 does not look for WebSocket in HTTP/2.
        packets = capinfos_packets(workload.path)
        return "agrees" if packets == content.packets else f"DIFFERS: {packets} packets"
    expected = [content.packets, content.frames, content.payload_bytes, content.connections]
    counted = [capinfos_packets(workload.path), *tshark_frames(workload.path)]
    return "agrees" if counted == expected else f"DIFFERS: made {expected}, counted {counted}"


def all_workloads(*, quick: bool, huge: bool = False) -> list[Workload]:
    """Return every workload, small ones where `quick`, with 2 GB where `huge`."""
    if quick:
        works = [small(100_000, 200), small(100_000, 2000), large(700), deflated(30_000)]
        works += [http2(30_000), calls(60_000, socket_io=False), calls(60_000, socket_io=True)]
        return [*works, tiny()]
    works = [small(1_000_000, 200), small(1_000_000, 20_000), large(7168), deflated(300_000)]
    works.append(http2(300_000))
    works += [calls(680_000, socket_io=False), calls(680_000, socket_io=True)]
    return [*works, long(200), *([long(2000)] if huge else []), tiny()]


def main() -> None:
    """Make the files and say whether tshark and capinfos agree with what was made."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workloads", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small files only")
    parser.add_argument("--huge", action="store_true", help="the file of 2 GB too")
    arguments = parser.parse_args()
    differing = 0
    for workload in all_workloads(quick=arguments.quick, huge=arguments.huge):
        content = workload.make()
        verdict = check(workload, content)
        differing += verdict != "agrees"
        sys.stdout.write(f"{workload.path.name}: {asdict(content)} {verdict}\n")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
