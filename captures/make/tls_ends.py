"""WebSocket over libssl, both ends in one program, and what each end logs.

The package websockets speaks WebSocket without knowing of sockets (its "Sans-I/O" classes);
libssl carries it. Called by openssl_tls, which has the scenarios.
"""

from __future__ import annotations

import ctypes
import random
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import libssl
from ends import Log, prose
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

PORT = 9444
NAME = "rare.example.test"
KINDS = {
    "rsa": ["-newkey", "rsa:2048"],
    "ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
}


def certificate(folder: Path, kind: str, name: str = NAME) -> Path:
    """A new key and a certificate that it signs itself, in one file."""
    path = folder / f"{kind}.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-days", "30", *KINDS[kind]]
    command += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True)
    parts = [(folder / f"{name}.pem").read_text() for name in ("key", "certificate")]
    path.write_text("".join(parts))
    return path


class End:
    """One end of a WebSocket over a session of TLS; logs what it sends and receives."""

    def __init__(self, log: Log, session: libssl.Session, port: int, who: str) -> None:
        self.log, self.session, self.port, self.who = log, session, port, who
        self.protocol: ClientProtocol | ServerProtocol
        if who == "client":
            self.protocol = ClientProtocol(parse_uri(f"wss://{NAME}:{PORT}/rare?key=s3cret"))
        else:
            self.protocol = ServerProtocol()
        self.events: list[Any] = []
        self.pieces: list[bytes] = []
        self.text = False
        self.over = False

    # --- bytes

    def pending(self) -> bytes:
        """What the protocol wants to send."""
        return b"".join(self.protocol.data_to_send())

    def flush(self) -> None:
        pieces = self.protocol.data_to_send()
        self.session.write(b"".join(pieces))
        if b"" in pieces:  # So the protocol asks for the end of the connection.
            self.session.notify()

    def feed(self, data: bytes) -> None:
        if data:
            self.protocol.receive_data(data)
        else:
            self.protocol.receive_eof()
            self.over = True
        self.events += self.protocol.events_received()

    def next_event(self) -> Any:
        while not self.events and not self.over:
            self.feed(self.session.read())
            self.flush()
        return self.events.pop(0) if self.events else None

    # --- the upgrade

    def request(self) -> bytes:
        """The upgrade request of a client."""
        assert isinstance(self.protocol, ClientProtocol)
        self.protocol.send_request(self.protocol.connect())
        return self.pending()

    def upgraded(self) -> None:
        """Wait for the answer to the request."""
        answer = self.next_event()
        assert isinstance(answer, Response)
        assert answer.status_code == 101
        self.log.add(self.port, "client", "open", path="/rare", subprotocol=None)

    def answer(self) -> None:
        """Wait for the request of a client, and accept it; send() or flush() sends that."""
        request = self.next_event()
        assert isinstance(self.protocol, ServerProtocol)
        assert isinstance(request, Request)
        self.protocol.send_response(self.protocol.accept(request))

    # --- messages

    def put(self, payload: str | bytes) -> None:
        """Give a message to the protocol, without sending it yet."""
        self.log.data(self.port, self.who, "sent", payload)
        if isinstance(payload, str):
            self.protocol.send_text(payload.encode())
        else:
            self.protocol.send_binary(payload)

    def send(self, payload: str | bytes) -> None:
        self.put(payload)
        self.flush()

    def send_bytes_apart(self, payload: str | bytes) -> None:
        """Send a message in records of one byte each."""
        self.put(payload)
        for byte in self.pending():
            self.session.write(bytes([byte]))

    def ping(self, data: bytes) -> None:
        self.log.add(self.port, self.who, "ping", size=len(data))
        self.protocol.send_ping(data)
        self.flush()

    def receive(self) -> str | bytes | None:
        """The next message, or None at the end."""
        while (event := self.next_event()) is not None:
            assert isinstance(event, Frame)
            if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                if event.opcode is not Opcode.CONT:
                    self.pieces, self.text = [], event.opcode is Opcode.TEXT
                self.pieces.append(bytes(event.data))
                if event.fin:
                    whole = b"".join(self.pieces)
                    payload = whole.decode() if self.text else whole
                    self.log.data(self.port, self.who, "received", payload)
                    return payload
        return None

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake and wait for the end of it."""
        self.log.add(self.port, self.who, "closing", how="close", code=code, reason=reason)
        self.protocol.send_close(code, reason)
        self.flush()
        while self.next_event() is not None:
            pass


Step = Callable[["End", random.Random], None]


def ask(end: End, payload: str | bytes) -> None:
    end.send(payload)
    end.receive()


def talk(end: End, randomness: random.Random) -> None:
    """What a client says where it is not the matter."""
    ask(end, prose(randomness, 12))
    ask(end, prose(randomness, 300))
    ask(end, randomness.randbytes(1500))
    end.ping(b"beat")
    ask(end, prose(randomness, 130))


def echo(end: End, commands: dict[str, Callable[[End], None]]) -> None:
    """Answer each message; do first what it commands."""
    while (payload := end.receive()) is not None:
        if payload in commands:
            assert isinstance(payload, str)
            commands[payload](end)
        end.send(payload.upper() if isinstance(payload, str) else payload[::-1])
    end.log.add(end.port, end.who, "closed", code=end.protocol.close_code)


class Pair:
    """Makes connections between a server and a client, one after the other."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.listener = socket.create_server(("127.0.0.1", PORT))

    def connect(
        self,
        server: libssl.Context,
        client: libssl.Context,
        steps: Sequence[Step] = (talk,),
        *,
        ticket: ctypes.c_void_p | None = None,
        early: bool = False,
        commands: dict[str, Callable[[End], None]] | None = None,
    ) -> ctypes.c_void_p:
        """Open a WebSocket, run the client's steps and close it; yields its session ticket.

        Args:
            server: context of the server.
            client: context of the client.
            steps: what the client does.
            ticket: of an earlier connection, to resume.
            early: the upgrade request is sent as early data.
            commands: texts on which the server does something before it answers.
        """
        thread = threading.Thread(target=self._serve, args=(server, commands or {}))
        thread.start()
        connection = socket.create_connection(("127.0.0.1", PORT))
        port = connection.getsockname()[1]
        session = libssl.Session(client, connection, "client", NAME)
        end = End(self.log, session, port, "client")
        if ticket:
            session.resume(ticket)
        request = end.request()
        if early:
            session.write_early(request)
        assert session.handshake(), "the client's handshake"
        facts = session.facts()
        self.log.add(port, "client", "tls", sni=NAME, alpn="http/1.1", **facts)
        if facts.get("early_data") != "accepted":
            session.write(request)
        end.upgraded()
        randomness = random.Random(str(facts["cipher"]))
        for step in steps:
            step(end, randomness)
        if not session.notified:
            end.close(1000, "done")
        after = session.ticket()
        session.close()
        thread.join()
        return after

    def fail(
        self, server: libssl.Context | None, client: libssl.Context, why: str, **more: Any
    ) -> None:
        """A handshake that has to fail; without a context the server hangs up at once."""

        def refuse() -> None:
            connection, _ = self.listener.accept()
            if server:
                session = libssl.Session(server, connection, "server")
                # In TLS 1.3 the server may be done before the client's alert comes.
                assert not session.handshake() or not session.read()
                session.close()
            else:
                connection.recv(65536)
                connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        connection = socket.create_connection(("127.0.0.1", PORT))
        port = connection.getsockname()[1]
        session = libssl.Session(client, connection, "client", NAME)
        assert not session.handshake(), why
        self.log.add(port, "client", "tls-failed", why=why, **more)
        session.close()
        thread.join()

    def _serve(self, context: libssl.Context, commands: dict[str, Callable[[End], None]]) -> None:
        connection, address = self.listener.accept()
        session = libssl.Session(context, connection, "server")
        end = End(self.log, session, address[1], "server")
        state, data = libssl.EARLY_SUCCESS if context.early else libssl.EARLY_FINISH, b""
        while state == libssl.EARLY_SUCCESS:
            state, data = session.read_early()
            if data:
                end.feed(data)
                end.answer()
                session.write_early(end.pending())
        assert session.handshake(), "the server's handshake"
        if end.protocol.state.name == "CONNECTING":
            end.answer()
            end.flush()
        echo(end, commands)
        session.close()
