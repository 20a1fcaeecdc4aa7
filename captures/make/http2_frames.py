"""WebSocket within HTTP/2 as tshark and the package websockets see it together.

tshark 4.0.17 does not look for WebSocket in HTTP/2. What it says is in the DATA frames of each
stream is read here by the frame parser of websockets, and compared with what the programs
logged. Called by the generators whose captures have HTTP/2.
"""

from __future__ import annotations

import importlib.metadata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import recording
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

NOTE = (
    "tshark 4.0.17 does not look for WebSocket in HTTP/2: it has the requests and the DATA,"
    " but no frames; `data_frames` are those that the package websockets reads in that DATA"
)
DATA, PADDED = 0, 8
Direction = tuple[int, int, str]
"""Client port, stream and sender."""


def carried(path: Path, options: Sequence[str], ports: set[int]) -> dict[Direction, bytes]:
    """The bytes in DATA frames of each stream and direction, by tshark."""
    found: dict[Direction, bytes] = defaultdict(bytes)
    fields = ("type", "streamid", "length", "flags", "padding", "data.data")
    names = ["tcp.srcport", "tcp.dstport", *(f"http2.{field}" for field in fields)]
    for source, target, *lists in recording.tshark_fields(path, "http2", *names, options=options):
        types, streams, lengths, flags, paddings, data = (row.split(",") for row in lists)
        by_client = int(source) in ports
        port = int(source) if by_client else int(target)
        pads, pieces = iter(paddings), iter(data)
        # The magic has no stream.
        rows = zip(types, streams, lengths, flags, strict=True)
        for kind, stream, length, bits in rows:
            padding = int(next(pads), 0) + 1 if int(bits, 0) & PADDED else 0
            if int(kind) == DATA and int(length) > padding:
                # Listed as well are empty DATA as "<MISSING>", and bodies put together.
                piece = next(text for text in pieces if len(text) == 2 * (int(length) - padding))
                found[port, int(stream), "client" if by_client else "server"] += bytes.fromhex(
                    piece
                )
    return found


def frames(data: bytes, *, mask: bool) -> Iterator[Frame]:
    """The WebSocket frames in a stream's bytes, inflated; one that is cut off is left out."""
    inflate = PerMessageDeflate(False, False, 15, 15)
    reader = StreamReader()
    reader.feed_data(data)
    while reader.buffer:
        parser = Frame.parse(reader.read_exact, mask=mask, max_size=None, extensions=[inflate])
        try:
            next(parser)
            return  # It wants more.
        except StopIteration as done:
            yield done.value


def messages(listed: Sequence[Frame]) -> list[tuple[str, int, str]]:
    """Type, size and hash of each message."""
    found, pieces, first = [], b"", None
    for frame in listed:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            continue
        first = frame if frame.opcode is not Opcode.CONT else first
        pieces += frame.data
        if frame.fin:
            assert first is not None
            kind = "text" if first.opcode is Opcode.TEXT else "binary"
            found.append((kind, len(pieces), recording.digest(pieces)))
            pieces = b""
    return found


def compare(
    name: str, path: Path, options: Sequence[str], events: Sequence[recording.Event]
) -> dict[str, Any]:
    """Stop where the messages in DATA are not those logged; yields counts for the manifest."""
    ports = {event["port"] for event in events}
    opened = {(e["port"], e["stream"]) for e in events if e["event"] == "open" and "stream" in e}
    counts: dict[str, Counter[str]] = {"client": Counter(), "server": Counter()}
    streams: dict[str, Any] = {}
    for (port, stream, side), data in carried(path, options, ports).items():
        if (port, stream) not in opened:
            continue
        listed = list(frames(data, mask=side == "client"))
        other = "server" if side == "client" else "client"
        of_stream = [e for e in events if (e["port"], e.get("stream")) == (port, stream)]
        sent = [e for e in of_stream if (e["event"], e["who"]) == ("sent", side)]
        got = [e for e in of_stream if (e["event"], e["who"]) == ("received", other)]
        logged = [(e["type"], e["size"], e["sha256"]) for e in sent or got]
        assert messages(listed) == logged, (name, port, stream, side, messages(listed), logged)
        counts[side].update(recording.OPCODES[frame.opcode] for frame in listed)
        streams[f"{port}/{stream} {side}"] = len(data)
    seen = {row.split()[0] for row in streams}
    assert seen == {f"{port}/{stream}" for port, stream in opened}, (name, seen, opened)
    return {
        "source": "DATA of tshark 4.0.17, read by Python websockets "
        + importlib.metadata.version("websockets"),
        "frames": {side: dict(sorted(count.items())) for side, count in counts.items()},
        "stream_bytes": streams,
    }
