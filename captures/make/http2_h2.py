"""Captures of WebSocket over HTTP/2 where frames lie awkwardly, in clear and within TLS.

Both ends are the package h2, scripted: WebSocket frames over several DATA frames and many in
one, padding, CONTINUATION, windows of flow control that are used up, resets and GOAWAY.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import http2_frames
import recording
from asked import asked
from ends import Log, prose
from h2.settings import SettingCodes
from http2_ends import (
    CANCEL,
    ENHANCE_YOUR_CALM,
    NAME,
    REFUSED_STREAM,
    End,
    Pair,
    Stream,
)
from tls_ends import certificate

PORT = 9449
BODY = b"a page of text\n" * 60


def answer(end: End, number: int, head: dict[str, str]) -> None:
    """What the server does with each request."""
    path = head[":path"]
    if head[":method"] != "CONNECT":
        end.log.add(
            end.port, "server", "http2-exchange", method=head[":method"], path=path, status=200,
            kind="plain", body_bytes=len(BODY), http2_stream=number,
        )  # fmt: skip
        end.h2.send_headers(number, [(":status", "200"), ("content-type", "text/plain")])
        end.h2.send_data(number, BODY[:500], pad_length=255)
        end.h2.send_data(number, BODY[500:], pad_length=0)
        end.h2.send_headers(number, [("x-checksum", "trailer")], end_stream=True)
        return
    stream = Stream(end, number)
    if path == "/forbidden":
        stream.say("refused", path=path, status=403, outcome="refused")
        end.h2.send_headers(number, [(":status", "403")])
        end.h2.send_data(number, b"not for you", end_stream=True)
    elif path == "/refused":
        stream.say("refused", path=path, status=None, outcome="reset", error_code=REFUSED_STREAM)
        end.h2.reset_stream(number, REFUSED_STREAM)
    else:
        stream.say("open", path=path)
        end.streams[number] = stream
        end.h2.send_headers(number, [(":status", "200"), ("x-room", path)])


def bytewise(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]


def split_frames(pair: Pair, one: Stream, two: Stream, randomness: random.Random) -> None:
    """Messages over several DATA frames, several messages in one, two streams in turn."""
    one.put(*bytewise(one.frame("each byte by itself")))
    pair.settle()
    for cut in range(1, 9):  # Within the head of 8 bytes: 2, length of 2, key of 4.
        data = one.frame(prose(randomness, 200))
        one.put(data[:cut], data[cut:])
        pair.move(pair.client, size=400 if cut % 2 else 7)
        pair.settle()
    one.put(b"".join(one.frame(f"message {number} of one DATA") for number in range(40)))
    pair.settle()
    first, second, third = (one.frame(text) for text in ("begun before", "whole", "ended later"))
    one.put(first[:4])
    one.put(first[4:] + second + third[:9])
    one.put(third[9:])
    pair.settle()
    left, right = one.frame("of the first stream " * 3), two.frame(randomness.randbytes(66))
    for a, b in zip(bytewise(left), bytewise(right), strict=False):
        one.put(a)
        two.put(b)
    one.put(left[len(right) :])
    two.put(right[len(left) :])
    pair.settle()
    for padding in (0, 1, 255):
        data = two.frame(f"padded with {padding} bytes")
        two.put(data[:5], data[5:], padding=padding)
    ping = two.ping(b"between empty DATA")
    two.put(b"", ping[:3], b"", b"", ping[3:], b"")
    pair.settle()


def server_splits(pair: Pair, one: Stream, two: Stream) -> None:
    """The same for frames of the server, which have no masking key."""
    far, other = (pair.server.streams[stream.number] for stream in (one, two))
    far.put(*bytewise(far.frame("the server's bytes")))
    data = far.frame("x" * 300)
    for cut in (1, 2, 3, 4):
        far.put(data[:cut], data[cut:])
        pair.settle()
        data = far.frame("x" * (300 + cut))
    far.put(data)
    far.put(b"".join(far.frame(f"tick {number}") for number in range(25)))
    other.put(*bytewise(other.ping(b"heartbeat")), padding=3)
    pair.server.h2.ping(b"12345678")
    pair.client.h2.ping(b"abcdefgh")
    pair.settle()


def windows(pair: Pair, one: Stream, two: Stream, randomness: random.Random) -> None:
    """Messages that are longer than the windows: the sender waits for WINDOW_UPDATE."""
    pair.server.acknowledges = False
    pair.client.queue(one, one.frame(randomness.randbytes(9000)))
    pair.settle()
    assert pair.client.held, "the window was to be used up"
    two.put(two.frame("this stream has a window of its own"))
    pair.settle()
    pair.server.acknowledges = True
    pair.server.acknowledge()
    pair.settle()
    assert not pair.client.held


def ends(pair: Pair) -> None:
    """Streams that are refused, reset and ended without a Close frame."""
    pair.client.connect("/forbidden")
    pair.client.connect("/refused")
    pair.settle()
    pair.client.h2.update_settings({SettingCodes.HEADER_TABLE_SIZE: 128})
    pair.settle()
    reset, ended, server_reset = (pair.client.connect(f"/{name}") for name in ("a", "b", "c"))
    pair.settle()
    for stream in (reset, ended, server_reset):
        stream.put(stream.frame("before the end"))
    pair.settle()
    reset.say("closing", how="reset", error_code=CANCEL)
    pair.client.h2.reset_stream(reset.number, CANCEL)
    ended.say("closing", how="fin")
    pair.client.h2.end_stream(ended.number)
    pair.settle()
    pair.server.h2.end_stream(ended.number)
    far = pair.server.streams[server_reset.number]
    far.say("closing", how="reset", error_code=2)
    pair.server.h2.reset_stream(far.number, 2)
    pair.settle()


def start(log: Log, pem: Path | None, keys: Path | None) -> Pair:
    pair = Pair(log, PORT, pem, keys)
    pair.server.requested = answer
    pair.settle()
    return pair


def converse(log: Log, pem: Path | None, keys: Path | None) -> None:
    randomness = random.Random(8441)
    pair = start(log, pem, keys)
    pair.client.request("GET", "/page", [], end_stream=True)
    pair.settle()
    long = "".join(randomness.choice("abcdefghijklmnop&=%") for _ in range(26_000))
    one = pair.client.connect("/one", [("cookie", long)])
    pair.settle()
    two = pair.client.connect("/two", [("x-split", "over CONTINUATION")], priority_weight=200)
    pair.move(pair.client, apart=11)
    pair.settle()
    split_frames(pair, one, two, randomness)
    server_splits(pair, one, two)
    windows(pair, one, two, randomness)
    pair.client.request("GET", "/page", [("x-again", "yes")], end_stream=True)
    pair.move(pair.client, apart=3)
    ends(pair)
    one.put(*bytewise(one.close(1000, "done")), last=True)
    pair.settle()
    two.put(two.frame("the last stream"))
    pair.settle()
    pair.server.h2.close_connection()  # GOAWAY
    pair.move(pair.server)
    pair.finish()


def thrown_out(log: Log, pem: Path | None, keys: Path | None) -> None:
    """The server ends the connection with GOAWAY and an error while a WebSocket is open."""
    pair = start(log, pem, keys)
    stream = pair.client.connect("/three")
    pair.settle()
    stream.put(stream.frame("too much"))
    pair.settle()
    pair.server.streams[stream.number].say("closing", how="fin", error_code=ENHANCE_YOUR_CALM)
    pair.server.h2.close_connection(ENHANCE_YOUR_CALM, additional_data=b"calm down")
    pair.move(pair.server)
    pair.server.socket.close()
    pair.client.socket.close()


def record(folder: Path, *, tls: bool) -> None:
    name = "http2-awkward-tls" if tls else "http2-awkward"
    path = folder / f"{name}.pcap"
    keys = folder / f"{name}.keys" if tls else None
    pem = certificate(folder, "ecdsa", NAME) if tls else None
    log = Log()
    with recording.capture(path):
        converse(log, pem, keys)
        thrown_out(log, pem, keys)
    options = recording.with_keys(keys) if keys else recording.as_http2(PORT)
    recording.publish(
        path,
        path.name,
        description="WebSocket over HTTP/2, "
        + ("in TLS 1.3" if tls else "in clear with prior knowledge")
        + ": frames over several DATA frames and many in one, padding, CONTINUATION, used-up"
        " windows, RST_STREAM, GOAWAY",
        generator="http2_h2.py",
        programs=recording.python_versions("h2", "websockets"),
        events=log.events,
        more={"data_frames": http2_frames.compare(path.name, path, options, log.events)},
        tshark_notes=http2_frames.NOTE,
        tshark_differs=True,
        keys=keys,
        http2_clear=None if tls else options,
    )


def main() -> None:
    asked(__doc__)
    recording.isolate()
    with tempfile.TemporaryDirectory() as name:
        for tls in (False, True):
            record(Path(name), tls=tls)


if __name__ == "__main__":
    main()
