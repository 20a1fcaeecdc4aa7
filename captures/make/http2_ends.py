"""WebSocket over HTTP/2 between two ends of the package h2, in one thread, step by step.

h2 speaks HTTP/2 and websockets speaks WebSocket, both without knowing of sockets; what lies in
which DATA frame is the caller's choice. Called by http2_h2, which has the scenario.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h2.connection
import h2.events
import h2.settings
from ends import Log
from h2.config import H2Configuration
from h2.settings import SettingCodes
from hyperframe.frame import ContinuationFrame, Frame, HeadersFrame
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side, State

NAME = "awkward.example.test"
CANCEL, REFUSED_STREAM, ENHANCE_YOUR_CALM = 8, 7, 11
Headers = list[tuple[str, str]]


class Stream:
    """One end of a stream that is a WebSocket; logs what it sends and receives."""

    def __init__(self, end: End, number: int) -> None:
        side = Side.CLIENT if end.who == "client" else Side.SERVER
        self.end, self.number = end, number
        self.at = {"who": end.who, "stream": number}
        self.protocol = Protocol(side, state=State.OPEN, max_size=None)
        self.pieces: list[bytes] = []
        self.text = False
        self.received = 0
        self.echoes = end.who == "server"

    def say(self, event: str, payload: str | bytes | None = None, **more: Any) -> None:
        """Log an event of this stream."""
        log, port = self.end.log, self.end.port
        if payload is None:
            log.add(port, self.end.who, event, **more)
        else:
            log.data(port, self.end.who, event, payload)
        log.events[-1]["stream"] = self.number

    def frame(self, payload: str | bytes) -> bytes:
        """The bytes of a message in one frame, which the caller sends."""
        self.say("sent", payload)
        if isinstance(payload, str):
            self.protocol.send_text(payload.encode())
        else:
            self.protocol.send_binary(payload)
        return self.pending()

    def ping(self, data: bytes) -> bytes:
        self.say("ping", size=len(data))
        self.protocol.send_ping(data)
        return self.pending()

    def close(self, code: int, reason: str) -> bytes:
        self.say("closing", how="close", code=code, reason=reason)
        self.protocol.send_close(code, reason)
        return self.pending()

    def pending(self) -> bytes:
        return b"".join(self.protocol.data_to_send())

    def put(self, *pieces: bytes, padding: int | None = None, last: bool = False) -> None:
        """Each piece becomes a DATA frame."""
        for number, piece in enumerate(pieces):
            end_stream = last and number == len(pieces) - 1
            self.end.h2.send_data(self.number, piece, end_stream=end_stream, pad_length=padding)

    def feed(self, data: bytes) -> None:
        """Take bytes of the peer; a server answers each message."""
        self.protocol.receive_data(data)
        assert self.protocol.parser_exc is None
        for event in self.protocol.events_received():
            if event.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                continue
            if event.opcode is not Opcode.CONT:
                self.pieces, self.text = [], event.opcode is Opcode.TEXT
            self.pieces.append(bytes(event.data))
            if event.fin:
                whole = b"".join(self.pieces)
                payload = whole.decode() if self.text else whole
                self.say("received", payload)
                self.received += 1
                if self.echoes:
                    answer = payload.upper() if isinstance(payload, str) else payload[::-1]
                    self.end.queue(self, self.frame(answer))
        if answer := self.pending():  # Pongs, and the Close that answers one.
            closed = self.protocol.close_rcvd is not None
            self.end.queue(self, answer, last=closed and self.end.who == "server")


class End:
    """An h2 connection over a socket; `who` is "client" or "server"."""

    def __init__(
        self, log: Log, who: str, connection: socket.socket, port: int, *, upgrade: bool = False
    ) -> None:
        self.log, self.who, self.socket, self.port = log, who, connection, port
        settings = H2Configuration(client_side=who == "client", header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(settings)
        own = {SettingCodes.INITIAL_WINDOW_SIZE: 3000, SettingCodes.MAX_CONCURRENT_STREAMS: 50}
        if who == "server":
            own[SettingCodes.ENABLE_CONNECT_PROTOCOL] = 1
        self.h2.local_settings = h2.settings.Settings(who == "client", own)
        self.settings_offer = ""
        if upgrade:
            offer = self.h2.initiate_upgrade_connection()
            assert offer is not None
            self.settings_offer = offer.decode()
        else:
            self.h2.initiate_connection()
        self.statuses: dict[int, str] = {}
        self.ended: set[int] = set()
        self.streams: dict[int, Stream] = {}
        self.held: list[tuple[Stream, bytes, bool]] = []
        self.requested: Callable[[End, int, dict[str, str]], None] = lambda *_: None
        self.acknowledges = True
        self.unacknowledged: list[tuple[int, int]] = []

    def request(self, method: str, path: str, more: Headers, **options: Any) -> int:
        """Send a request; yields its stream."""
        number = int(self.h2.get_next_available_stream_id())
        head = [(":method", method), (":scheme", "https"), (":path", path), (":authority", NAME)]
        self.h2.send_headers(number, [*head, *more], **options)
        return number

    def connect(self, path: str, more: Sequence[tuple[str, str]] = (), **options: Any) -> Stream:
        """Ask for a WebSocket (RFC 8441); it is open when the answer comes."""
        head = [(":protocol", "websocket"), ("sec-websocket-version", "13")]
        number = self.request("CONNECT", path, [*head, *more], **options)
        self.streams[number] = Stream(self, number)
        return self.streams[number]

    def queue(self, stream: Stream, data: bytes, *, last: bool = False) -> None:
        self.held.append((stream, data, last))
        self.release()

    def release(self) -> None:
        """Send what is held, as far as the windows of flow control allow."""
        while self.held:
            stream, data, last = self.held[0]
            window = self.h2.local_flow_control_window(stream.number)
            size = min(window, self.h2.max_outbound_frame_size, len(data))
            if not size:
                return
            whole = size == len(data)
            stream.put(data[:size], last=last and whole)
            self.held[0] = (stream, data[size:], last)
            if whole:
                self.held.pop(0)

    def take(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                self.requested(self, event.stream_id, dict(event.headers))
            elif isinstance(event, h2.events.ResponseReceived):
                self.statuses[event.stream_id] = dict(event.headers)[":status"]
                if self.statuses[event.stream_id] != "200":
                    self.streams.pop(event.stream_id, None)
            elif isinstance(event, h2.events.DataReceived):
                self.unacknowledged.append((event.flow_controlled_length, event.stream_id))
                if event.stream_id in self.streams:
                    self.streams[event.stream_id].feed(event.data)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
        if self.acknowledges:
            self.acknowledge()
        self.release()

    def acknowledge(self) -> None:
        for size, number in self.unacknowledged:
            self.h2.acknowledge_received_data(size, number)
        self.unacknowledged.clear()


def split_headers(data: bytes, size: int) -> Iterator[bytes]:
    """Frames anew, each HEADERS as one of `size` bytes with CONTINUATION frames of that size."""
    while data:
        frame, length = Frame.parse_frame_header(memoryview(data[:9]))
        body, data, raw = data[9 : 9 + length], data[9 + length :], data[: 9 + length]
        if not isinstance(frame, HeadersFrame) or "PADDED" in frame.flags:
            yield raw
            continue
        frame.parse_body(memoryview(body))
        block, frame.data = frame.data[size:], frame.data[:size]
        frame.flags.discard("END_HEADERS")
        yield frame.serialize()
        while block:
            piece, block = block[:size], block[size:]
            more = ContinuationFrame(frame.stream_id, piece)
            if not block:
                more.flags.add("END_HEADERS")
            yield more.serialize()


class Pair:
    """A client and a server on one connection of loopback, in clear or within TLS."""

    def __init__(self, log: Log, port: int, pem: Path | None, keys: Path | None) -> None:
        listener = socket.create_server(("127.0.0.1", port))
        near = socket.create_connection(("127.0.0.1", port))
        far, _ = listener.accept()
        listener.close()
        client_port = near.getsockname()[1]
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if pem and keys:
            near, far = within_tls(near, far, pem, keys)
        self.client = End(log, "client", near, client_port)
        self.server = End(log, "server", far, client_port)

    def move(self, source: End, size: int = 0, apart: int = 0) -> int:
        """Carry what one end wants to send; yields the number of bytes.

        Args:
            source: the end.
            size: of the segments, 0 for one.
            apart: of header blocks in HEADERS and CONTINUATION, 0 for as they are.
        """
        target = self.server if source is self.client else self.client
        data = source.h2.data_to_send()
        if apart:
            data = b"".join(split_headers(data, apart))
        for start in range(0, len(data), size or len(data) or 1):
            piece = data[start : start + (size or len(data))]
            source.socket.sendall(piece)
            left = len(piece)
            while left:
                got = target.socket.recv(min(left, 65536))
                left -= len(got)
                target.take(got)
        return len(data)

    def settle(self) -> None:
        """Until no end has anything to say."""
        while self.move(self.client) + self.move(self.server):
            pass

    def finish(self) -> None:
        for end in (self.client, self.server):
            end.socket.close()


def within_tls(
    near: socket.socket, far: socket.socket, pem: Path, keys: Path
) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    """TLS over a connected pair, ALPN h2; the client's side writes the key log."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    client = ssl.create_default_context(cafile=str(pem))
    client.keylog_filename = str(keys)
    for context in (server, client):
        context.set_alpn_protocols(["h2"])
    accepted: list[ssl.SSLSocket] = []
    thread = threading.Thread(
        target=lambda: accepted.append(server.wrap_socket(far, server_side=True))
    )
    thread.start()
    wrapped = client.wrap_socket(near, server_hostname=NAME)
    thread.join()
    return wrapped, accepted[0]
